/** The console: who is signed in, which page is shown, and what is around it. */

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

// The pages, by the first part of their address. Another page is another line here, and one in NAV if it has a tab.
const PAGES = {
  "": [Gallery, () => texts.gallery.title],
  video: [Video, () => texts.video.title],
  make: [Make, () => texts.make.title],
  compare: [Compare, () => texts.compare.title],
  batches: [Batches, () => texts.batches.title],
  batch: [Batch, () => texts.batches.title],
  usage: [Usage, () => texts.usage.title],
  account: [Account, () => texts.account.title],
};
const NAV = [
  ["", texts.nav.videos, ["", "video", "compare"]],
  ["make", texts.nav.make, ["make"]],
  ["batches", texts.nav.batches, ["batches", "batch"]],
  ["usage", texts.nav.usage, ["usage"]],
];

function App() {
  const { page, part } = route.value;
  const [Page, title] = PAGES[Object.hasOwn(PAGES, page) ? page : ""];
  const main = useRef(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title()} – ${texts.app}`;
    if (!isFirst.current) {
      if (page !== "") scrollTo(0, 0);
      main.current?.focus({ preventScroll: true }); // for who hears the page
    }
    isFirst.current = false;
  }, [page, part]);
  if (key.value === null) return html`<${SignIn} /><${Toasts} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current.focus())}>${texts.skip}</a>
    <${Header} page=${page} />
    <${Toasts} />
    ${offline.value && html`<p class="offline" role="alert">${texts.api.offline}</p>`}
    <main id="main" ref=${main} tabindex="-1" class="page-${page || "gallery"}"><${Page} key=${`${keyId.value} ${page}/${part}`} part=${part} /></main>
    ${refused.value && html`<${SignIn} isAgain=${true} />`}
    <${Offered} />
    <${Question} />`;
}

function Header({ page }) {
  const current = (pages) => (pages.includes(page) ? "page" : undefined);
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
// A file that misses its place would else be opened in place of the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
render(html`<${App} />`, document.getElementById("app"));
