/** The API key that this tab is signed in with. It goes into a header of our own calls and nowhere else. */

import { computed, signal } from "./html.js";

// Several deployments may share an origin, as they do on a local cloud.
export const place = (name) => `promptreel ${location.pathname} ${name}`;
const KEY = place("key");

export const key = signal(read());
/** Whether the API refused the key that this tab had: the page stays as it is until another one is given. */
export const refused = signal(false);
export const isKept = signal(stored(localStorage) !== null);
/** The part of the key that is no secret. */
export const keyId = computed(() => (key.value ?? "").split("_").slice(0, 2).join("_"));

/** Take the key of a link (`/#key=...`), which is removed from the address at once. */
export function takeKeyOfLink() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (found === null) return;
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  signIn(found, isKept.value);
}

export function signIn(value, keep) {
  sessionStorage.setItem(KEY, value);
  keepKey(keep, value);
  key.value = value;
  refused.value = false;
}

/** Keep the key on this device, or only as long as the tab is open. */
export function keepKey(keep, value = key.value) {
  if (keep) localStorage.setItem(KEY, value);
  else localStorage.removeItem(KEY);
  isKept.value = keep;
}

export function signOut() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  isKept.value = false;
  refused.value = false;
  key.value = null;
}

/** The API does not know this key any more. */
export function refuse(value) {
  if (value === key.value) refused.value = true;
}

function read() {
  return stored(sessionStorage) ?? stored(localStorage);
}

function stored(storage) {
  return storage.getItem(KEY);
}
