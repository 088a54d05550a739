/** What this device remembers of its user's taste: the theme, notifications, single-key shortcuts, favourite models. */

import { effect, signal } from "./html.js";
import { place } from "./session.js";
import { ofDevice } from "./storage.js";

/**
 * Return a signal that this device keeps.
 * @template T
 * @param {string} name
 * @param {T} first
 */
export function kept(name, first) {
  const where = place(name);
  const found = signal(read());
  let last = JSON.stringify(found.peek());
  effect(() => {
    const text = JSON.stringify(found.value);
    if (text === last) return;
    last = text;
    try {
      ofDevice.setItem(where, text);
    } catch {
      // The storage is full or forbidden: then only this page has it.
    }
  });
  return found;

  /** @returns {T} */
  function read() {
    try {
      return JSON.parse(ofDevice.getItem(where) ?? "null") ?? first;
    } catch {
      return first;
    }
  }
}

/** Whether a video that ends while the page is hidden is announced by the system. */
export const notifies = kept("notify", false);
/** Whether single letters are shortcuts. Speech input and some assistive tools type letters by accident. */
export const hasShortcuts = kept("shortcuts", true);
/** The ids of the favourite models, and of those that were used last, newest first. */
export const favourites = kept("favourites", /** @type {string[]} */ ([]));
export const recent = kept("recent", /** @type {string[]} */ ([]));

/** @typedef {"system" | "light" | "dark"} Theme */
export const THEMES = /** @type {const} */ (["system", "light", "dark"]);
const THEME = place("theme"); // `theme.js` reads it before the page is drawn
export const theme = signal(THEMES.find((one) => one === ofDevice.getItem(THEME)) ?? "system");

/**
 * Change the theme.
 * @param {Theme} wanted
 */
export function setTheme(wanted) {
  if (wanted === "system") ofDevice.removeItem(THEME);
  else ofDevice.setItem(THEME, wanted);
  theme.value = wanted;
  dispatchEvent(new Event("promptreel-theme"));
}
