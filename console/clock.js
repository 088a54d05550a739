/** The time as the API has it: the reader's own clock may be wrong. */

import { signal } from "./html.js";

const EXACT = 5000; // milliseconds; an answer says its second, and was on its way for a while
const EACH = 30_000; // milliseconds

let ahead = 0; // milliseconds that the API's clock is ahead of the reader's

/** Milliseconds since 1970. */
export const now = () => Date.now() + ahead;

/** `now` as it was lately, for what says how long ago something was and stays on the screen. */
export const lately = signal(now());

/** An answer of the API has come, which says when it was given. */
export function noteTime(answer) {
  const off = Date.parse(answer.headers.get("Date") ?? "") - Date.now();
  const found = Math.abs(off) > EXACT ? off : 0; // NaN is not
  if (Math.abs(found - ahead) <= EXACT) return;
  ahead = found;
  lately.value = now();
}

/** Let `lately` go on while somebody looks. */
export function startClock() {
  const tick = () => {
    if (!document.hidden) lately.value = now();
  };
  setInterval(tick, EACH);
  document.addEventListener("visibilitychange", tick);
}
