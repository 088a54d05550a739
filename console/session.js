/** The API key that this tab is signed in with. Only the header of our own calls contains it. */

import { computed, signal } from "./html.js";
import { ofDevice, ofTab } from "./storage.js";

// Several deployments may share an origin, as they do on a local cloud.
/**
 * Return the name under which the browser stores something for this deployment.
 * @param {string} name
 */
export const place = (name) => `promptreel ${location.pathname} ${name}`;
const KEY = place("key");
const PATIENCE = 300; // milliseconds until the form to sign in appears, if no other tab has answered
const TOGETHER = 50; // milliseconds to wait for further answers after the first one
/** @type {BroadcastChannel | undefined} */
let tabs;
/** The name of this tab's request for the key of the other tabs, or "" once it is answered or has timed out. */
let request = "";

export const key = signal(read());
/** Whether the API rejected the key of this tab. The page stays until the user signs in with another key. */
export const refused = signal(false);
export const isKept = signal(ofDevice.getItem(KEY) !== null);

/**
 * Return the public part of a key.
 * @param {string} value
 */
export const idOf = (value) => value.split("_").slice(0, 2).join("_");
export const keyId = computed(() => idOf(key.value ?? ""));

/** Whether this tab is asking the console's other tabs for their key. Meanwhile, the form to sign in is hidden. */
export const isAsking = signal(false);

/** The key of a link that was opened while another key is in use: the user decides whether to use it. */
export const offered = signal(/** @type {string | null} */ (null));

/**
 * Return whether a text looks like an API key. Any other text may not even fit into a header.
 * @param {string} text
 */
export const isKey = (text) => /^pr_[\w-]+$/.test(text);

/** Take the key of a link (`/#key=...`) and remove it from the address. */
export function takeKeyOfLink() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (found === null) return;
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  if (!isKey(found)) return;
  // Otherwise anyone's link could make its reader work with a stranger's key without noticing.
  if (key.value === null || key.value === found || refused.value) signIn(found, isKept.value);
  else offered.value = found;
}

/**
 * Sign in with a key.
 * @param {string} value
 * @param {boolean} keep whether the key stays on this device
 */
export function signIn(value, keep) {
  ofTab.setItem(KEY, value);
  keepKey(keep, value);
  key.value = value;
  refused.value = false;
  offered.value = null;
}

/**
 * Keep the key on this device, or only as long as the tab is open.
 * @param {boolean} keep
 * @param {string | null} [value]
 */
export function keepKey(keep, value = key.value) {
  if (keep && value !== null) ofDevice.setItem(KEY, value);
  else ofDevice.removeItem(KEY);
  isKept.value = keep;
}

/** Sign out, and remove the key from this tab, from the other tabs that use it, and from this device. */
export function signOut() {
  tabs?.postMessage({ left: keyId.value });
  leave();
}

function leave() {
  request = "";
  ofTab.removeItem(KEY);
  ofDevice.removeItem(KEY);
  isKept.value = false;
  refused.value = false;
  offered.value = null;
  key.value = null;
}

/**
 * Note that the API rejected a key, and ask for another one.
 * @param {string} value
 */
export function refuse(value) {
  if (value !== key.value) return;
  if (offered.value) signIn(offered.value, isKept.value);
  else refused.value = true;
}

/**
 * Share the key with new tabs, so that they need not sign in and nothing has to be stored. A tab without a key asks, and the
 * answer of the tab that was used last counts.
 *
 * Only scripts of this origin can listen here. The console's are the only ones: the API answers with JSON, and the pages of
 * short links have neither scripts nor an origin (`functions/routes/opening.py`).
 */
export function startSharing() {
  if (!globalThis.BroadcastChannel) return;
  tabs = new BroadcastChannel(place("tabs"));
  let usedAt = Date.now();
  /** @type {{ key: string, usedAt: number }[]} */
  const answers = [];
  document.addEventListener("visibilitychange", () => {
    usedAt = Date.now();
  });
  tabs.onmessage = (event) => {
    const data = Object(event.data); // anything may arrive
    if (data.asks && key.value !== null && !refused.value) tabs?.postMessage({ to: data.asks, key: key.value, usedAt });
    else if (data.to && data.to === request && isKey(data.key)) {
      answers.push(data);
      setTimeout(settle, TOGETHER);
    } else if (data.left && data.left === keyId.value) leave();
  };
  // A late answer also counts, unless somebody has signed in here, or out, since then.
  const settle = () => {
    const [latest] = answers.sort((a, b) => b.usedAt - a.usedAt);
    if (latest && request && key.value === null) signIn(latest.key, isKept.value);
    request = "";
    isAsking.value = false;
  };
  if (key.value !== null) return;
  isAsking.value = true;
  request = crypto.randomUUID();
  tabs.postMessage({ asks: request });
  setTimeout(() => (isAsking.value = false), PATIENCE);
}

function read() {
  return ofTab.getItem(KEY) ?? ofDevice.getItem(KEY);
}
