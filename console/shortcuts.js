/** Keys for the whole page. Everything that a key does is also a visible control. */

import { chooseNone, chosen } from "./selection.js";
import { html, signal, useEffect } from "./html.js";
import { go } from "./route.js";
import { hasShortcuts } from "./settings.js";
import { texts } from "./texts.js";
import { Dialog } from "./toasts.js";

const t = texts.shortcuts;

/** Whether the list of the keys is open. */
export const isHelpOpen = signal(false);

/**
 * Return whether a key is typed into a field, or a dialog has the keyboard.
 * @param {KeyboardEvent} event
 */
export function isTaken(event) {
  const { target } = event;
  const isField = target instanceof Element && target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  return event.defaultPrevented || Boolean(isField) || document.querySelector("dialog[open]") !== null;
}

/**
 * Call functions by the key that is pressed, unless it belongs to a field. Single characters can be turned off.
 * @param {Record<string, (event: KeyboardEvent) => unknown>} actions
 */
export function useShortcuts(actions) {
  useEffect(() => {
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
      const action = actions[event.key];
      if (!action || isTaken(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.length === 1 && !hasShortcuts.value) return;
      action(event);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  });
}

/**
 * Press the button that has the shortcut, if there is one on the page.
 * @param {KeyboardEvent} event
 */
function press(event) {
  const button = /** @type {HTMLElement | null} */ (document.querySelector(`[aria-keyshortcuts="${event.key}"]`));
  if (!button) return;
  event.preventDefault(); // the letter must not arrive in the dialog that opens
  button.focus(); // a dialog that it opens returns the focus to it
  button.click();
}

/** Handle the keys of all pages, and render their list if it is open. */
export function Shortcuts() {
  const search = () => /** @type {HTMLElement | null} */ (document.querySelector("input[type=search]"));
  useShortcuts({
    "/": (event) => {
      event.preventDefault();
      if (search()) search()?.focus();
      else {
        go();
        requestAnimationFrame(() => search()?.focus());
      }
    },
    n: () => go("make"),
    f: press,
    t: press,
    "?": () => (isHelpOpen.value = true),
    Escape: () => chosen.value.length > 0 && chooseNone(),
  });
  if (!isHelpOpen.value) return null;
  return html`<${Dialog} title=${t.title} onClose=${() => (isHelpOpen.value = false)}>
    <dl class="keys">${t.keys.map(([key = "", what]) => html`<dt key=${`${key}:`}>${key.split(" ").map((one, index) => html`<kbd key=${index}>${one}</kbd> `)}</dt><dd key=${key}>${what}</dd>`)}</dl>
    <label class="check">
      <input type="checkbox" checked=${hasShortcuts.value} onChange=${(event) => (hasShortcuts.value = event.target.checked)} />
      <span>${t.on}<small>${t.onHint}</small></span>
    </label>
  <//>`;
}
