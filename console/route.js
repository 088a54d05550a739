/** Which page is shown: what follows the `#` of the address, so that every page has an address and nothing is sent. */

import { signal } from "./html.js";
import { takeKeyOfLink } from "./session.js";

export const route = signal(read());

window.addEventListener("hashchange", () => {
  route.value = read();
});

/** The address of a page: `to("video", id)`, `to("", {status: "error"})`. */
export function to(page = "", part = "", query = {}) {
  if (typeof part === "object") [part, query] = ["", part];
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const asked = new URLSearchParams(kept).toString();
  return `#/${[page, part].filter(Boolean).join("/")}${asked ? `?${asked}` : ""}`;
}

export function go(...where) {
  location.hash = to(...where);
}

/** The same, in place of the page that is shown. */
export function replace(...where) {
  history.replaceState(null, "", to(...where));
  route.value = read();
}

function read() {
  takeKeyOfLink(); // before anything else sees the address
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...parts] = path.split("/");
  return { page, part: parts.join("/"), query: Object.fromEntries(new URLSearchParams(asked)) };
}
