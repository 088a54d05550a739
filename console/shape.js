/** The shape of a video: width divided by height. It is known from the record, the request, or the file once it is loaded. */

import { signal } from "./html.js";

/** @import { Generation } from "./types.js" */

const USUAL = 16 / 9;
const NARROWEST = 0.4; // what is narrower or wider is shown in a box of this shape
const WIDEST = 3;

/** The shapes that were learned from files, by the id of the generation. */
export const learned = signal(/** @type {ReadonlyMap<string, number>} */ (new Map()));

/**
 * Return the shape of a generation's video.
 * @param {Generation} generation
 */
export function ratioOf({ id, video, meta }) {
  const { width, height } = video ?? {};
  const found = width && height ? width / height : (learned.value.get(id) ?? asked(meta.request.aspect_ratio) ?? USUAL);
  return Math.min(WIDEST, Math.max(NARROWEST, found));
}

/**
 * Return the shape that a request names: "9:16" or "720x1280".
 * @param {unknown} text
 */
function asked(text) {
  const [, width, height] = /^\s*(\d+(?:\.\d+)?)\s*[:x×/]\s*(\d+(?:\.\d+)?)\s*$/i.exec(String(text)) ?? [];
  return Number(width) > 0 && Number(height) > 0 ? Number(width) / Number(height) : undefined;
}

/**
 * Note the size of a loaded file, unless its shape was expected.
 * @param {Generation} generation
 * @param {{ target: EventTarget | null }} event that the file is loaded
 */
export function learn(generation, { target }) {
  const { videoWidth, videoHeight, naturalWidth, naturalHeight } = /** @type {HTMLVideoElement & HTMLImageElement} */ (target);
  const ratio = (videoWidth || naturalWidth) / (videoHeight || naturalHeight);
  if (!(ratio > 0) || Math.abs(ratio / ratioOf(generation) - 1) < 0.02) return;
  if (learned.value.get(generation.id) !== ratio) learned.value = new Map(learned.value).set(generation.id, ratio);
}

/**
 * @typedef {object} Box
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 */

/**
 * Place boxes of these shapes in rows that are as wide as the page. All boxes of a row have one height, which is as close to
 * `wanted` as their shapes allow. `below` is the room below each box.
 * @param {number[]} ratios
 * @param {{ width: number, wanted: number, gap: number, below: number }} room in pixels
 * @returns {{ boxes: Box[], height: number }}
 */
export function justified(ratios, { width, wanted, gap, below }) {
  /** @type {Box[]} */
  const boxes = [];
  let top = 0;
  let first = 0;
  const heightOf = (/** @type {number} */ end, /** @type {number} */ sum) => (width - gap * (end - first - 1)) / sum;
  const close = (/** @type {number} */ end, /** @type {number} */ height) => {
    let left = 0;
    for (; first < end; first++) {
      const size = Math.min(width, (ratios[first] ?? USUAL) * height);
      boxes.push({ left, top, width: size, height });
      left += size + gap;
    }
    top += height + below + gap;
  };
  let sum = 0;
  for (const [index, ratio] of ratios.entries()) {
    const before = sum > 0 ? heightOf(index, sum) : Infinity;
    sum += ratio;
    const after = heightOf(index + 1, sum);
    if (after > wanted) continue; // there is room for another one
    const isBetterWithout = Math.abs(Math.log(before / wanted)) < Math.abs(Math.log(after / wanted));
    close(isBetterWithout ? index : index + 1, isBetterWithout ? before : after);
    sum = isBetterWithout ? ratio : 0;
    if (isBetterWithout && heightOf(index + 1, sum) <= wanted) {
      close(index + 1, heightOf(index + 1, sum));
      sum = 0;
    }
  }
  if (first < ratios.length) close(ratios.length, Math.min(wanted, heightOf(ratios.length, sum)));
  return { boxes, height: Math.max(0, top - gap) };
}

/**
 * Return the size of the largest box of a shape that fits into a room, as styles.
 * @param {number} ratio
 * @param {string} height the most, as a length of CSS
 */
export const fitted = (ratio, height) => ({ aspectRatio: String(ratio), width: `min(100%, calc(${height} * ${ratio}))` });
