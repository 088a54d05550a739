/** The console: the page that the address names, or the form to sign in, and the parts that all pages share. */

import { offline } from "./api.js";
import { startClock } from "./clock.js";
import { keepFocus } from "./focus.js";
import { forgetFeed, Gallery } from "./gallery.js";
import { effect, html, render, signal, useEffect, useLayoutEffect, useRef } from "./html.js";
import { Icon, IconButton, Mark } from "./icons.js";
import { route, to } from "./route.js";
import { chooseNone } from "./selection.js";
import { isAsking, key, keyId, refused, startSharing } from "./session.js";
import { setTheme, theme, THEMES } from "./settings.js";
import { isHelpOpen, Shortcuts } from "./shortcuts.js";
import { Offered, SignIn } from "./sign-in.js";
import { texts } from "./texts.js";
import { startTitle, title } from "./title.js";
import { Question, Toasts } from "./toasts.js";
import { Video } from "./video.js";
import { forget } from "./videos.js";

/** @import { VNode } from "preact" */
/** @import { IconName } from "./icons.js" */

/** @typedef {(props: { part: string }) => VNode | null} Page */
/** @typedef {typeof import("./more.js")} More */

const more = signal(/** @type {More | null} */ (null));
const isMissing = signal(false);

function loadMore() {
  isMissing.value = false;
  import("./more.js").then((loaded) => (more.value = loaded), () => (isMissing.value = true));
}

/**
 * Return a page that is loaded when it is opened, or before that, once nothing else is to do.
 * @param {keyof More} name
 * @returns {Page}
 */
function later(name) {
  return (props) => {
    useEffect(() => (more.peek() ? undefined : loadMore()), []);
    if (more.value) return html`<${more.value[name]} ...${props} />`;
    if (!isMissing.value) return null;
    return html`<div class="nothing"><p role="alert">${texts.updated}</p><button type="button" class="primary" onClick=${() => location.reload()}>${texts.reload}</button></div>`;
  };
}

/** @type {[Page, name: () => string]} */
const HOME = [Gallery, () => texts.gallery.title];

// The other pages, by the first part of their address. To add a page, add a line here, and one in NAV if it has a tab.
/** @type {Map<string, [Page, name: () => string]>} */
const PAGES = new Map([
  ["video", [Video, () => texts.video.title]],
  ["make", [later("Make"), () => texts.make.title]],
  ["compare", [later("Compare"), () => texts.compare.title]],
  ["batches", [later("Batches"), () => texts.batches.title]],
  ["batch", [later("Batch"), () => texts.batches.title]],
  ["usage", [later("Usage"), () => texts.usage.title]],
  ["account", [later("Account"), () => texts.account.title]],
]);
/** @type {[page: string, name: string, icon: IconName, pages: string[]][]} */
const NAV = [
  ["", texts.nav.videos, "film", ["", "video", "compare"]],
  ["make", texts.nav.make, "plus", ["make"]],
  ["batches", texts.nav.batches, "batches", ["batches", "batch"]],
  ["usage", texts.nav.usage, "usage", ["usage"]],
  ["account", texts.nav.account, "account", ["account"]],
];

function App() {
  const { page, part } = route.value;
  const [Page, name] = PAGES.get(page) ?? HOME;
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    title.value = name(); // before the page says more
  }, [page, part]);
  useEffect(() => {
    if (!isFirst.current) {
      if (page !== "") scrollTo(0, 0);
      main.current?.focus({ preventScroll: true }); // so that a screen reader reads the new page
    }
    isFirst.current = false;
  }, [page, part]);
  if (key.value === null) return isAsking.value ? null : html`<${SignIn} /><${Toasts} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current?.focus())}>${texts.skip}</a>
    <${Header} page=${page} />
    <${Toasts} />
    ${offline.value && html`<p class="offline" role="alert">${texts.api.offline}</p>`}
    <main id="main" ref=${main} tabindex="-1"><${Page} key=${`${keyId.value} ${page}/${part}`} part=${part} /></main>
    ${refused.value && html`<${SignIn} isAgain=${true} />`}
    <${Shortcuts} />
    <${Offered} />
    <${Question} />`;
}

/** @param {{ page: string }} props */
function Header({ page }) {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  return html`<header class="top">
    <a class="brand" href=${to()} aria-label=${texts.app}><${Mark} /> <span>${texts.app}</span></a>
    <nav aria-label=${texts.nav.label}>
      ${NAV.map(
        ([to_, label, icon, pages]) => html`<a key=${to_} class=${to_ === "account" ? "last" : ""} href=${to(to_)} aria-current=${pages.includes(page) ? "page" : undefined}><${Icon} name=${icon} /><span>${label}</span></a>`,
      )}
    </nav>
    <span class="tools">
      <${IconButton} name=${theme.value} label=${texts.themes[theme.value]} onClick=${() => setTheme(next)} />
      <${IconButton} name="help" label=${texts.shortcuts.title} onClick=${() => (isHelpOpen.value = true)} />
    </span>
  </header>`;
}

let last = keyId.peek();
effect(() => {
  if (keyId.value === last) return;
  last = keyId.value;
  forget();
  forgetFeed();
  chooseNone();
});
startClock();
keepFocus();
startSharing();
startTitle();
// The browser would otherwise open a file that is dropped next to a field, and leave the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
// The other pages, before their user asks for them or the connection is lost.
setTimeout(() => more.peek() ?? loadMore(), 3000);
