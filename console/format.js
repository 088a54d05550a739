/** Times, lengths and sizes as the reader is used to them, in the reader's own time zone. */

import { now as time } from "./clock.js";
import { texts } from "./texts.js";

const STEPS = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const span = new Intl.RelativeTimeFormat(texts.locale, { style: "short" });
const whole = new Intl.DateTimeFormat(texts.locale, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(texts.locale, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(texts.locale, { dateStyle: "medium" });
const number = new Intl.NumberFormat(texts.locale);
const tenths = new Intl.NumberFormat(texts.locale, { maximumFractionDigits: 1 });

export const dateTime = (iso) => whole.format(new Date(iso));
export const shortTime = (iso) => short.format(new Date(iso));
export const date = (iso) => day.format(new Date(iso));
export const count = (value) => number.format(value);
export const mean = (value) => tenths.format(value);

/** How far from now that is, as "5 min. ago" or "in 3 days". */
export function relative(iso, now = time()) {
  const seconds = (new Date(iso) - now) / 1000;
  const [unit, size] = STEPS.find(([, least]) => Math.abs(seconds) >= least) ?? ["second", 1];
  return span.format(Math.trunc(seconds / size), unit);
}

/** The same of what was before; a clock that is behind makes no future of it. */
export const ago = (iso, now = time()) => relative(Math.min(new Date(iso), now), now);

const money = new Intl.NumberFormat(texts.locale, { style: "currency", currency: "USD", maximumFractionDigits: 2 });
const cents = new Intl.NumberFormat(texts.locale, { style: "currency", currency: "USD", maximumFractionDigits: 4 });

/** US dollars; what is less than a dime with more digits. */
export const usd = (value) => (value > 0 && value < 0.1 ? cents : money).format(value);

/** Seconds between two times. */
export const between = (from, to) => Math.max(0, (new Date(to) - new Date(from)) / 1000);

/** A length of time: "8 s", "1:05 min", "2 h 10 min". */
export function length(seconds) {
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${seconds < 9.95 && seconds % 1 ? seconds.toFixed(1) : rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)}:${String(rounded % 60).padStart(2, "0")} min`;
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
}

/** Bytes as "2.4 MB". */
export function bytes(size) {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, size)) / 3));
  return `${(size / 1000 ** power).toFixed(power && size / 1000 ** power < 100 ? 1 : 0)} ${["B", "kB", "MB", "GB"][power]}`;
}
