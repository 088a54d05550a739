/** Files for the reader's disk. */

import { ApiError } from "./api.js";
import { texts } from "./texts.js";
import { ownLink } from "./videos.js";

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
  const file = await ownLink(id);
  if (!file) throw new ApiError(409, texts.compare.notReady);
  let answer;
  try {
    answer = await fetch(file.url, { credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new ApiError(0, texts.api.network);
  }
  if (!answer.ok) throw new ApiError(answer.status, texts.api.unexpected(answer.status));
  saveAs(await answer.blob(), file.file_name);
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
