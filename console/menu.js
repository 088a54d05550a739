/** A button that opens a menu of other buttons and links. */

import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";

/** @import { VNode } from "preact" */
/** @import { IconName } from "./icons.js" */

/**
 * Render a menu. Escape, a click outside and a choice close it; the arrow keys move in it.
 * @param {{ icon: IconName, label: string, children?: object }} props
 * @returns {VNode}
 */
export function Menu({ icon, label, children }) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const items = () => /** @type {HTMLElement[]} */ ([...(box.current?.querySelectorAll("div > :is(a, button)") ?? [])]);
  useEffect(() => {
    if (!isOpen) return undefined;
    items()[0]?.focus();
    const onOutside = (/** @type {Event} */ event) => {
      if (!box.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    addEventListener("pointerdown", onOutside);
    return () => removeEventListener("pointerdown", onOutside);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    } else if (step && isOpen) {
      event.preventDefault();
      const all = items();
      const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      all.at((at + step) % all.length)?.focus();
    }
  };
  return html`<span class="menu" ref=${box} onKeyDown=${onKeyDown}>
    <button type="button" class="only-icon" aria-label=${label} title=${label} aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}><${Icon} name=${icon} /></button>
    ${isOpen && html`<div onClick=${close}>${children}</div>`}
  </span>`;
}
