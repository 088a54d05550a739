/** Short messages at the edge of the page, some with a button, and the question before an action that cannot be undone. */

import { showProblem } from "./api.js";
import { html, signal, useEffect, useRef } from "./html.js";
import { IconButton } from "./icons.js";
import { texts } from "./texts.js";

/** @import { VNode } from "preact" */

/** @typedef {{ label: string, run: () => void }} Action */
/** @typedef {{ id: number, text: string, action?: Action, isError: boolean, close: () => void }} Message */

const SHOWN = 6000; // milliseconds
const shown = signal(/** @type {Message[]} */ ([]));
let last = 0;

/** Return whether the pointer or the focus is on the messages, so that users have the time to read them and press a button. */
const isHeld = () => document.querySelector(".toast:is(:hover, :focus-within)") !== null;

/**
 * Call `run` after a time, but not while the messages are held. Return a function that prevents the call.
 * @param {() => void} run
 * @param {number} lasts milliseconds
 */
export function inTime(run, lasts) {
  const runUnlessHeld = () => {
    if (isHeld()) timer = setTimeout(runUnlessHeld, 1000);
    else run();
  };
  let timer = setTimeout(runUnlessHeld, lasts);
  return () => clearTimeout(timer);
}

/**
 * Show a message and return a function that removes it.
 * @param {string} text
 * @param {{ action?: Action, isError?: boolean, lasts?: number }} [options] `lasts` is in milliseconds, 0 for no end
 */
export function say(text, { action, isError = false, lasts = SHOWN } = {}) {
  const id = ++last;
  const close = () => {
    shown.value = shown.value.filter((one) => one.id !== id);
  };
  shown.value = [...shown.value.slice(-2), { id, text, action, isError, close }];
  if (lasts) inTime(close, lasts);
  return close;
}

/**
 * Show the message of an error.
 * @param {unknown} error
 */
export const sayError = (error) => showProblem(error, (message) => say(message, { isError: true, lasts: 12_000 }));

/** Render the messages. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(
      ({ id, text, action, isError, close }) => html`<p key=${id} class=${isError ? "toast wrong" : "toast"}>
        <span>${text}</span>
        ${action && html`<button type="button" onClick=${() => (close(), action.run())}>${action.label}</button>`}
        <${IconButton} name="close" label=${texts.close} onClick=${close} />
      </p>`,
    )}
  </div>`;
}

/** @typedef {{ title: string, text: string, yes: string, resolve: (isWanted: boolean) => void }} Asked */
const question = signal(/** @type {Asked | null} */ (null));

/**
 * Ask before something that cannot be undone. Return whether the user wants it.
 * @param {string} title
 * @param {string} text
 * @param {string} yes the label of the button
 * @returns {Promise<boolean>}
 */
export function ask(title, text, yes) {
  return new Promise((resolve) => {
    question.value = { title, text, yes, resolve };
  });
}

/** Render the question, if there is one. */
export function Question() {
  const asked = question.value;
  if (!asked) return null;
  const answer = (/** @type {boolean} */ isWanted) => {
    question.value = null;
    asked.resolve(isWanted);
  };
  return html`<${Dialog} title=${asked.title} onClose=${() => answer(false)}>
    <p>${asked.text}</p>
    <p class="actions">
      <button type="button" class="danger" onClick=${() => answer(true)}>${asked.yes}</button>
      <button type="button" onClick=${() => answer(false)}>${texts.cancel}</button>
    </p>
  <//>`;
}

/**
 * Render a dialog over the page, which the keyboard cannot leave until it is closed.
 * @param {{ title: string, onClose: () => void, isWide?: boolean, canClose?: boolean, children?: VNode | VNode[] }} props
 */
export function Dialog({ title, onClose, isWide = false, canClose = true, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const element = dialog.current;
    if (!element) return undefined;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    if (!element.open) element.showModal();
    return () => {
      element.close();
      before?.focus({ preventScroll: true });
    };
  }, []);
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (canClose) onClose();
  };
  // Some browsers close a dialog whatever the page says.
  const onLeft = () => {
    if (!canClose) dialog.current?.showModal();
  };
  const onClick = (/** @type {Event} */ event) => {
    if (event.target === dialog.current && canClose) onClose();
  };
  return html`<dialog ref=${dialog} class=${isWide ? "wide" : ""} aria-label=${title} onCancel=${onCancel} onClose=${onLeft} onClick=${onClick}>
    <div class="dialog">
      <header>
        <h2>${title}</h2>
        ${canClose && html`<${IconButton} name="close" label=${texts.close} onClick=${onClose} />`}
      </header>
      ${children}
    </div>
  </dialog>`;
}
