/** The focus is never lost: if the element that has it is removed, the dialog or the page gets it. */

/** Watch for elements that are removed. */
export function keepFocus() {
  /** @type {Element | null} */
  let last = null;
  document.addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : null;
  });
  const watch = new MutationObserver(() => {
    if (last === null || last.isConnected) return;
    last = null;
    // Whoever removed it may have a better place for the focus.
    requestAnimationFrame(() => {
      const next = document.querySelector("dialog[open] button") ?? document.getElementById("main") ?? document.querySelector("input");
      if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
    });
  });
  watch.observe(document.body, { childList: true, subtree: true });
}
