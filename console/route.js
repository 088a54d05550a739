/** The page that is shown. Its name follows the `#` of the address, which browsers do not send. */

import { signal } from "./html.js";
import { takeKeyOfLink } from "./session.js";

/** @typedef {Record<string, string | undefined>} PageQuery */
/** @typedef {[page?: string, part?: string | PageQuery, query?: PageQuery]} Where */

export const route = signal(read());

window.addEventListener("hashchange", () => {
  route.value = read();
});

/**
 * Return the address of a page: `to("video", id)`, `to("", {status: "error"})`.
 * @param {Where} where
 */
export function to(...where) {
  const [page = "", second = "", third = {}] = where;
  const [part, query] = typeof second === "object" ? ["", second] : [second, third];
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) asked.set(name, value);
  return `#/${[page, part].filter(Boolean).join("/")}${String(asked) && `?${asked}`}`;
}

/**
 * Open a page.
 * @param {Where} where
 */
export function go(...where) {
  location.hash = to(...where);
}

/**
 * Open a page without an entry in the browser's history.
 * @param {Where} where
 */
export function replace(...where) {
  history.replaceState(null, "", to(...where));
  route.value = read();
}

/** Return the page of the address. After a click, `route` follows a moment later. */
export const pageOfAddress = () => read().page;

/** @returns {{ page: string, part: string, query: PageQuery }} */
function read() {
  takeKeyOfLink(); // so that nothing else reads the key
  const [path = "", asked = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...parts] = path.split("/");
  return { page, part: parts.join("/"), query: Object.fromEntries(new URLSearchParams(asked)) };
}
