/** Short messages at the edge of the page, some with something to do, and the question before what cannot be undone. */

import { html, signal, useEffect, useRef } from "./html.js";
import { texts } from "./texts.js";

const SHOWN = 6000; // milliseconds
const shown = signal([]);
let last = 0;

/** Whether the messages are pointed at, or have the focus: who reads them, or is about to press one's button, has the time. */
const isHeld = () => document.querySelector(".toast:is(:hover, :focus-within)") !== null;

/** Run it after so many milliseconds, and not while the messages are held. The answer stops it. */
export function inTime(run, lasts) {
  const attempt = () => {
    if (isHeld()) timer = setTimeout(attempt, 1000);
    else run();
  };
  let timer = setTimeout(attempt, lasts);
  return () => clearTimeout(timer);
}

/** Say something; `action` is `{label, run}`. The answer takes it away. */
export function say(text, { action, isError = false, lasts = SHOWN } = {}) {
  const id = ++last;
  const close = () => {
    shown.value = shown.value.filter((one) => one.id !== id);
  };
  shown.value = [...shown.value.slice(-2), { id, text, action, isError, close }];
  if (lasts) inTime(close, lasts);
  return close;
}

export const sayError = (error) => error.status === 401 || say(error.message, { isError: true, lasts: 12_000 });

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(
      ({ id, text, action, isError, close }) => html`<p key=${id} class=${isError ? "toast wrong" : "toast"}>
        <span>${text}</span>
        ${action && html`<button type="button" onClick=${() => (close(), action.run())}>${action.label}</button>`}
        <button type="button" class="quiet" aria-label=${texts.close} onClick=${close}>×</button>
      </p>`,
    )}
  </div>`;
}

const question = signal(null);

/** Ask before something that cannot be undone: whether it is wanted. */
export function ask(title, text, yes) {
  return new Promise((resolve) => {
    question.value = { title, text, yes, resolve };
  });
}

export function Question() {
  const asked = question.value;
  if (!asked) return null;
  const answer = (wanted) => {
    question.value = null;
    asked.resolve(wanted);
  };
  return html`<${Dialog} title=${asked.title} onClose=${() => answer(false)}>
    <p>${asked.text}</p>
    <p class="actions">
      <button type="button" class="danger" onClick=${() => answer(true)}>${asked.yes}</button>
      <button type="button" onClick=${() => answer(false)}>${texts.cancel}</button>
    </p>
  <//>`;
}

/** A dialog over the page, which cannot be left by the keyboard until it is closed. */
export function Dialog({ title, onClose, isWide = false, canClose = true, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    if (!element.open) element.showModal();
    return () => element.close();
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    if (canClose) onClose();
  };
  // Some browsers close a dialog whatever the page says.
  const onLeft = () => dialog.current && !canClose && dialog.current.showModal();
  const onClick = (event) => event.target === dialog.current && canClose && onClose();
  return html`<dialog ref=${dialog} class=${isWide ? "wide" : ""} aria-label=${title} onCancel=${onCancel} onClose=${onLeft} onClick=${onClick}>
    <div class="dialog">
      <header>
        <h2>${title}</h2>
        ${canClose && html`<button type="button" class="quiet" aria-label=${texts.close} onClick=${onClose}>×</button>`}
      </header>
      ${children}
    </div>
  </dialog>`;
}
