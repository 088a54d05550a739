/** Files for the reader's disk. */

import { ApiError } from "./api.js";
import { texts } from "./texts.js";
import { withOwnLink } from "./videos.js";

/** @import { Generation } from "./types.js" */

const WORDS = 6; // of the prompt in the name of a file
const BYTES = 80;

/**
 * Save a file to the reader's disk under a name.
 * @param {Blob} blob
 * @param {string} name
 */
export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Save the video of a generation. A plain link would open it in the browser.
 * @param {string} id
 */
export async function saveVideo(id) {
  const generation = await withOwnLink(id);
  const { video: file } = generation;
  if (!file) throw new ApiError(409, texts.compare.notReady);
  let answer;
  try {
    answer = await fetch(file.url, { credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new ApiError(0, texts.api.network);
  }
  if (!answer.ok) throw new ApiError(answer.status, texts.api.unexpected(answer.status));
  saveAs(await answer.blob(), fileName(generation));
}

/**
 * Return the name of a video on the reader's disk: its row, its name or words of its prompt, and the start of its id. The
 * API (`core/publish/names.py`) and the client name files by the same rule.
 * @param {Generation} generation
 */
export function fileName(generation) {
  const { id, meta, video: file } = generation;
  const row = meta.batch && String(meta.batch.row).padStart(5, "0");
  const prompt = meta.request.prompt;
  const words = typeof prompt === "string" ? prompt.trim().split(/\s+/).slice(0, WORDS).join(" ") : "";
  const type = /\.\w+$/.exec(file?.file_name ?? "")?.[0] ?? "";
  return [row, slug(meta.name || words) || "video", id.slice(0, 8)].filter(Boolean).join("-") + type;
}

/** @param {string} text */
function slug(text) {
  const whole = text.normalize("NFC").replace(/[^\p{L}\p{N}\p{M}_][^\p{L}\p{N}_]*|^\p{M}+/gu, "-").replace(/^[-_]+/, "");
  const cut = new TextDecoder().decode(new TextEncoder().encode(whole).slice(0, BYTES), { stream: true }); // no half letter
  return cut.replace(/[-_]+$/, "");
}

/**
 * Copy a text and return whether the browser allowed it.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
