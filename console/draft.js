/** What was typed into the form, kept on this device over everything: a reload, signing out, an answer that was lost. */

import { effect, signal } from "./html.js";
import { place } from "./session.js";
import { ofDevice, ofTab } from "./storage.js";

const DRAFT = place("draft");
const NOTHING = { model: null, values: {}, label: {}, count: 1, names: {}, pending: null };

/**
 * `{model, values, label, count, names, pending}`: `label` are its tags and its webhook; `names` are those of files, by their references; `pending` is what is being
 * sent: `{of, requests: [{key, request}]}` with those that are not accepted yet. The same key is the same video, so what
 * was interrupted is sent again without being made twice.
 */
export const draft = signal(read());

/** The ids of what was made from this form in this tab, newest first. */
export const made = signal(read_made());

export function change(changes) {
  draft.value = { ...draft.value, ...changes };
}

export function setValue(name, value) {
  change({ values: { ...draft.value.values, [name]: value } });
}

export function clear() {
  draft.value = NOTHING;
}

export const isEmpty = () => !draft.value.model && !Object.values(draft.value.values).some((value) => value !== undefined && value !== "");

function read() {
  try {
    return { ...NOTHING, ...JSON.parse(ofTab.getItem(DRAFT) ?? ofDevice.getItem(DRAFT) ?? "{}") };
  } catch {
    return NOTHING;
  }
}

function read_made() {
  try {
    return JSON.parse(ofTab.getItem(place("made")) ?? "[]");
  } catch {
    return [];
  }
}

effect(() => keep(ofTab, DRAFT, draft.value)); // two tabs type into forms of their own; a new one goes on with the latest
effect(() => keep(ofDevice, DRAFT, draft.value));
effect(() => keep(ofTab, place("made"), made.value.slice(0, 24)));

function keep(storage, name, value) {
  try {
    storage.setItem(name, JSON.stringify(value));
  } catch {
    // It is full, or closed: then the tab alone has it.
  }
}
