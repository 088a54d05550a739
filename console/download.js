/** Files for the reader's disk. */

import { ApiError } from "./api.js";
import { texts } from "./texts.js";
import { promptOf, withOwnLink } from "./videos.js";

/** @import { Generation } from "./types.js" */

const WORDS = 48; // characters of the prompt in the name of a file

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
 * Return the name of a video on the reader's disk: its row, words of its name or prompt, and the start of its id.
 * @param {Generation} generation
 */
export function fileName(generation) {
  const { id, meta, video: file } = generation;
  const row = meta.batch ? String(meta.batch.row).padStart(3, "0") : "";
  const whole = (meta.name || promptOf(generation)).normalize("NFC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  const cut = [...whole].slice(0, WORDS).join("");
  const words = (cut.length < whole.length ? cut.replace(/-[^-]*$/, "") : cut).replace(/^-+|-+$/g, "");
  const type = /\.\w+$/.exec(file?.file_name ?? "")?.[0] ?? "";
  return [row, words, id.slice(0, 8)].filter(Boolean).join("-") + type;
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
