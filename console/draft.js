/** What was typed into the form. It stays on this device over a reload, a sign-out and a lost answer. */

import { effect, signal } from "./html.js";
import { place } from "./session.js";
import { ofDevice, ofTab } from "./storage.js";

/** @import { Label, Value, Values, VideoRequest } from "./types.js" */

/**
 * What is being sent: the requests that are not accepted yet, each with its idempotency key, and how many there were.
 * `of` identifies what was asked for. An interrupted request is sent again with the same key, so it is not made twice.
 * @typedef {{ of: string, count: number, requests: { key: string, request: VideoRequest }[] }} Pending
 */

/**
 * `input` is the video that becomes an input once a model is chosen. `names` are those of files, by their references.
 * @typedef {object} Draft
 * @property {string | null} model
 * @property {Values} values
 * @property {Label} label
 * @property {number} count
 * @property {Record<string, string>} names
 * @property {Pending | null} pending
 * @property {string} [input]
 */

const DRAFT = place("draft");
/** @type {Draft} */
const NOTHING = { model: null, values: {}, label: {}, count: 1, names: {}, pending: null };

/** What is in the form now. */
export const draft = signal(read());

/** The ids of what was made from this form in this tab, newest first. */
export const made = signal(readMade());

/**
 * Change some properties of the draft.
 * @param {Partial<Draft>} changes
 */
export function change(changes) {
  draft.value = { ...draft.value, ...changes };
}

/**
 * Set the value of one field.
 * @param {string} name
 * @param {Value} value
 */
export function setValue(name, value) {
  change({ values: { ...draft.value.values, [name]: value } });
}

/** Empty the form. */
export function clear() {
  draft.value = NOTHING;
}

/** Return whether nothing is typed. */
export const isEmpty = () => !Object.values(draft.value.values).some((value) => value !== undefined && value !== "");

/** @returns {Draft} */
function read() {
  try {
    return { ...NOTHING, ...JSON.parse(ofTab.getItem(DRAFT) ?? ofDevice.getItem(DRAFT) ?? "{}") };
  } catch {
    return NOTHING;
  }
}

/** @returns {string[]} */
function readMade() {
  try {
    return JSON.parse(ofTab.getItem(place("made")) ?? "[]");
  } catch {
    return [];
  }
}

effect(() => keep(ofTab, DRAFT, draft.value)); // each tab has its own form; a new tab continues the latest
effect(() => keep(ofDevice, DRAFT, draft.value));
effect(() => keep(ofTab, place("made"), made.value.slice(0, 24)));

/**
 * @param {import("./storage.js").Kept} storage
 * @param {string} name
 * @param {Draft | string[]} value
 */
function keep(storage, name, value) {
  try {
    storage.setItem(name, JSON.stringify(value));
  } catch {
    // The storage is full or forbidden: then only this page has it.
  }
}
