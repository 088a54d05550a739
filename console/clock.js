/** The API's time: the reader's own clock may be wrong. */

import { signal } from "./html.js";

const EXACT = 5000; // milliseconds; an answer gives its time to the second, and takes a while to arrive
const EACH = 30_000; // milliseconds

let ahead = 0; // milliseconds that the API's clock is ahead of the reader's

/** Return the time in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

/** `now` at the last tick, for ages that stay on the screen. */
export const lately = signal(now());

/**
 * Set the clock by an answer of the API, which says when it was given.
 * @param {Response} answer
 */
export function noteTime(answer) {
  const off = Date.parse(answer.headers.get("Date") ?? "") - Date.now();
  const found = Math.abs(off) > EXACT ? off : 0; // NaN is not
  if (Math.abs(found - ahead) <= EXACT) return;
  ahead = found;
  lately.value = now();
}

/** Keep `lately` up to date while the page is visible. */
export function startClock() {
  const tick = () => {
    if (!document.hidden) lately.value = now();
  };
  setInterval(tick, EACH);
  document.addEventListener("visibilitychange", tick);
}

/**
 * Wait.
 * @param {number} milliseconds
 * @returns {Promise<void>}
 */
export function wait(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
