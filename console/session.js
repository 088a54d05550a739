/** The API key that this tab is signed in with. It goes into a header of our own calls and nowhere else. */

import { computed, signal } from "./html.js";
import { ofDevice, ofTab } from "./storage.js";

// Several deployments may share an origin, as they do on a local cloud.
export const place = (name) => `promptreel ${location.pathname} ${name}`;
const KEY = place("key");

export const key = signal(read());
/** Whether the API refused the key that this tab had: the page stays as it is until another one is given. */
export const refused = signal(false);
export const isKept = signal(ofDevice.getItem(KEY) !== null);
/** The part of a key that is no secret. */
export const idOf = (value) => value.split("_").slice(0, 2).join("_");
export const keyId = computed(() => idOf(key.value ?? ""));

/** The key of a link that was opened while another one is in use: only its user says whether it takes that one's place. */
export const offered = signal(null);

/** Whether it looks like an API key: what does not is none, and may be what no header can carry. */
export const isKey = (text) => /^pr_[\w-]+$/.test(text);

/** Take the key of a link (`/#key=...`), which is removed from the address at once. */
export function takeKeyOfLink() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (found === null) return;
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  if (!isKey(found)) return;
  // A link from anywhere would else make its reader work, unnoticed, for whoever has its key.
  if (key.value === null || key.value === found || refused.value) signIn(found, isKept.value);
  else offered.value = found;
}

export function signIn(value, keep) {
  ofTab.setItem(KEY, value);
  keepKey(keep, value);
  key.value = value;
  refused.value = false;
  offered.value = null;
}

/** Keep the key on this device, or only as long as the tab is open. */
export function keepKey(keep, value = key.value) {
  if (keep) ofDevice.setItem(KEY, value);
  else ofDevice.removeItem(KEY);
  isKept.value = keep;
}

export function signOut() {
  ofTab.removeItem(KEY);
  ofDevice.removeItem(KEY);
  isKept.value = false;
  refused.value = false;
  offered.value = null;
  key.value = null;
}

/** The API does not know this key any more. */
export function refuse(value) {
  if (value !== key.value) return;
  if (offered.value) signIn(offered.value, isKept.value);
  else refused.value = true;
}

function read() {
  return ofTab.getItem(KEY) ?? ofDevice.getItem(KEY);
}
