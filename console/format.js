/** Times, lengths and sizes, in the reader's language and time zone. */

import { now as time } from "./clock.js";
import { texts } from "./texts.js";

/** @type {[unit: Intl.RelativeTimeFormatUnit, seconds: number][]} */
const STEPS = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const span = new Intl.RelativeTimeFormat(texts.locale, { style: "short", numeric: "auto" });
const whole = new Intl.DateTimeFormat(texts.locale, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(texts.locale, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const time_ = new Intl.DateTimeFormat(texts.locale, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(texts.locale, { dateStyle: "medium" });
const dayOfYear = new Intl.DateTimeFormat(texts.locale, { month: "short", day: "numeric" });
const number = new Intl.NumberFormat(texts.locale);
const tenths = new Intl.NumberFormat(texts.locale, { maximumFractionDigits: 1 });

/**
 * Return a day and a time, to the second.
 * @param {string} iso
 */
export const dateTime = (iso) => whole.format(new Date(iso));

/**
 * Return a time of the day, to the second.
 * @param {string | number} at an ISO time, or milliseconds since 1970
 */
export const timeOfDay = (at) => time_.format(new Date(at));

/**
 * Return a message of the API as users read it: without backquotes and calls of the API, with times in the reader's time zone
 * and short ids.
 * @param {string} message
 */
export const readable = (message) =>
  message
    .replace(/[:;,]? *\b(?:GET|POST|DELETE) \/v2\/[^.]*/g, "")
    .replaceAll("?.", "?")
    .replaceAll("`", "")
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)/g, shortTime)
    .replace(/\b([0-9a-f]{8})[0-9a-f]{24}\b/g, "$1…");

/**
 * Return a day and a time, to the minute and without the year.
 * @param {string | number} at an ISO time, or milliseconds since 1970
 */
export const shortTime = (at) => short.format(new Date(at));

/**
 * Return a day.
 * @param {string} iso
 */
export const date = (iso) => day.format(new Date(iso));

/**
 * Return a day without its year.
 * @param {string} iso
 */
export const monthDay = (iso) => dayOfYear.format(new Date(iso));

/**
 * Return a number as the reader's language writes it.
 * @param {number} value
 */
export const count = (value) => number.format(value);

/**
 * Return a number with one decimal at most.
 * @param {number} value
 */
export const mean = (value) => tenths.format(value);

/**
 * Return how far from now a time is, as "5 min. ago" or "in 3 days".
 * @param {string | number} at an ISO time, or milliseconds since 1970
 * @param {number} [now]
 */
export function relative(at, now = time()) {
  const left = (new Date(at).getTime() - now) / 1000;
  const seconds = left > 3600 ? left + 60 : left; // a link for 7 days, made a moment ago, expires "in 7 days"
  const [unit, size] = STEPS.find(([, least]) => Math.abs(seconds) >= least) ?? ["second", 1];
  return span.format(Math.trunc(seconds / size), unit);
}

/**
 * Return how long ago a time was. A clock that is behind does not put it into the future.
 * @param {string} iso
 * @param {number} [now]
 */
export const ago = (iso, now = time()) => relative(Math.min(Date.parse(iso), now), now);

const money = new Intl.NumberFormat(texts.locale, { style: "currency", currency: "USD", maximumFractionDigits: 2 });
const cents = new Intl.NumberFormat(texts.locale, { style: "currency", currency: "USD", maximumFractionDigits: 4 });

/**
 * Return an amount of US dollars; less than 10 cents has more digits.
 * @param {number} value
 */
export const usd = (value) => (value > 0 && value < 0.1 ? cents : money).format(value);

/**
 * Return the seconds between two times, 0 if the second is earlier.
 * @param {string} from
 * @param {string | number} to an ISO time, or milliseconds since 1970
 */
export const between = (from, to) => Math.max(0, (new Date(to).getTime() - Date.parse(from)) / 1000);

/**
 * Return a length of time: "8 s", "1:05 min", "2 h 10 min".
 * @param {number} seconds
 */
export function length(seconds) {
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${seconds < 9.95 && seconds % 1 ? seconds.toFixed(1) : rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)}:${String(rounded % 60).padStart(2, "0")} min`;
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
}

/**
 * Return a position or a length in a video: "0:04", "1:02:03".
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole_ = Math.round(seconds);
  const parts = [Math.floor(whole_ / 3600), Math.floor((whole_ % 3600) / 60), whole_ % 60];
  const [first = 0, ...others] = parts[0] ? parts : parts.slice(1);
  return [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":");
}

/**
 * Return a size, such as "2.4 MB".
 * @param {number} size in bytes
 */
export function bytes(size) {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, size)) / 3));
  return `${(size / 1000 ** power).toFixed(power && size / 1000 ** power < 100 ? 1 : 0)} ${["B", "kB", "MB", "GB"][power]}`;
}
