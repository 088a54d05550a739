/** The console: the page that the address names, or the form to sign in, and the parts that all pages share. */

import { Account } from "./account.js";
import { offline } from "./api.js";
import { Batches } from "./batches.js";
import { Batch } from "./batch.js";
import { chosen } from "./card.js";
import { startClock } from "./clock.js";
import { Compare } from "./compare.js";
import { forgetFeed, Gallery } from "./gallery.js";
import { effect, html, render, useEffect, useRef } from "./html.js";
import { Make } from "./make.js";
import { route, to } from "./route.js";
import { key, keyId, refused } from "./session.js";
import { Offered, SignIn } from "./sign-in.js";
import { texts } from "./texts.js";
import { Question, Toasts } from "./toasts.js";
import { Usage } from "./usage.js";
import { Video } from "./video.js";
import { forget } from "./videos.js";

/** @import { VNode } from "preact" */

/** @typedef {[Page: (props: { part: string }) => VNode, title: () => string]} Page */

/** @type {Page} */
const HOME = [Gallery, () => texts.gallery.title];

// The other pages, by the first part of their address. To add a page, add a line here, and one in NAV if it has a tab.
/** @type {Map<string, Page>} */
const PAGES = new Map([
  ["video", [Video, () => texts.video.title]],
  ["make", [Make, () => texts.make.title]],
  ["compare", [Compare, () => texts.compare.title]],
  ["batches", [Batches, () => texts.batches.title]],
  ["batch", [Batch, () => texts.batches.title]],
  ["usage", [Usage, () => texts.usage.title]],
  ["account", [Account, () => texts.account.title]],
]);
/** @type {[page: string, name: string, pages: string[]][]} */
const NAV = [
  ["", texts.nav.videos, ["", "video", "compare"]],
  ["make", texts.nav.make, ["make"]],
  ["batches", texts.nav.batches, ["batches", "batch"]],
  ["usage", texts.nav.usage, ["usage"]],
];

function App() {
  const { page, part } = route.value;
  const [Page, title] = PAGES.get(page) ?? HOME;
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title()} – ${texts.app}`;
    if (!isFirst.current) {
      if (page !== "") scrollTo(0, 0);
      main.current?.focus({ preventScroll: true }); // so that a screen reader reads the new page
    }
    isFirst.current = false;
  }, [page, part]);
  if (key.value === null) return html`<${SignIn} /><${Toasts} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current?.focus())}>${texts.skip}</a>
    <${Header} page=${page} />
    <${Toasts} />
    ${offline.value && html`<p class="offline" role="alert">${texts.api.offline}</p>`}
    <main id="main" ref=${main} tabindex="-1"><${Page} key=${`${keyId.value} ${page}/${part}`} part=${part} /></main>
    ${refused.value && html`<${SignIn} isAgain=${true} />`}
    <${Offered} />
    <${Question} />`;
}

/** @param {{ page: string }} props */
function Header({ page }) {
  const current = (/** @type {string[]} */ pages) => (pages.includes(page) ? "page" : undefined);
  return html`<header class="top">
    <a class="brand" href=${to()} aria-label=${texts.app}><${Mark} /> <span>${texts.app}</span></a>
    <nav aria-label=${texts.nav.label}>
      ${NAV.map(([to_, name, pages]) => html`<a key=${to_} href=${to(to_)} aria-current=${current(pages)}>${name}</a>`)}
    </nav>
    <a class="account" href=${to("account")} aria-current=${current(["account"])}>
      <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="8" r="4" /><path d="M4 20a8 8 0 0 1 16 0z" /></svg>
      <span>${texts.nav.account}</span>
    </a>
  </header>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M12 9.5v13l11-6.5z" /></svg>`;
}

let last = keyId.peek();
effect(() => {
  if (keyId.value === last) return;
  last = keyId.value;
  forget();
  forgetFeed();
  chosen.value = [];
});
startClock();
// The browser would otherwise open a file that is dropped next to a field, and leave the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
