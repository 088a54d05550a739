/** The page of all videos, newest first. It loads more when the reader scrolls, and draws only what is on the screen. */

import { messageOf, statusOf } from "./api.js";
import { Card, chosen } from "./card.js";
import { Feed } from "./feed.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { loadModels, models } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { texts } from "./texts.js";
import { gone } from "./videos.js";

/** @import { RefObject } from "preact" */
/** @import { Filters as Asked } from "./types.js" */

const t = texts.gallery;
const STATUSES = /** @type {const} */ (["queued", "generating", "completed", "error"]);
/** @type {(keyof Asked)[]} */
const FILTERS = ["status", "model", "batch", "text", "tag"];
const PAUSE = 400; // milliseconds after the last letter
const MOST_WORDS = 200; // characters
const TEXT = 4.7; // rem: the height of the text below a video

/** @type {{ name: string, feed: Feed, scroll: number } | null} */
let lastFeed = null;

/**
 * Return the list with these filters. If it is the last one that was shown, the reader returns to the same position.
 * @param {Asked} filters
 */
function feedOf(filters) {
  const name = JSON.stringify(filters);
  if (lastFeed?.name !== name) lastFeed = { name, feed: new Feed(filters), scroll: 0 };
  return lastFeed.feed;
}

/** Forget the list that was shown last. */
export function forgetFeed() {
  lastFeed = null;
}

/** Render the page of all videos. */
export function Gallery() {
  const query = route.value.query;
  /** @type {Asked} */
  const filters = Object.fromEntries(FILTERS.filter((one) => query[one]).map((one) => [one, query[one]]));
  const name = JSON.stringify(filters);
  const feed = useMemo(() => feedOf(filters), [name]);
  const shown = useRef(/** @type {string[]} */ ([]));
  usePoll(() => {
    loadModels().catch(() => {});
    return feed.poll(shown.current);
  }, [feed]);
  const ids = feed.ids.value?.filter((id) => !gone.value.has(id));
  const problem = feed.problem.value;
  const isShown = problem !== null && statusOf(problem) !== 401 && statusOf(problem) !== 0;
  return html`<section class="gallery" aria-label=${t.title}>
    <h1 class="unseen">${t.title}</h1>
    <${Filters} filters=${filters} />
    ${isShown && html`<p class="problem" role="alert">${t.failedToLoad}${messageOf(problem)}</p>`}
    ${!ids && !problem && html`<${Skeleton} />`}
    ${ids && !ids.length && feed.isWhole.value && html`<${Nothing} isFiltered=${name !== "{}"} />`}
    ${ids && html`<${Grid} key=${name} ids=${ids} feed=${feed} shown=${shown} />`}
    <${Chosen} />
  </section>`;
}

/** @param {{ filters: Asked }} props */
function Filters({ filters }) {
  const set = (/** @type {keyof Asked} */ name, /** @type {string} */ value) => replace("", { ...filters, [name]: value });
  const known = [...(models.value?.values() ?? [])];
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <${Words} name="text" asked=${filters.text} label=${t.text} hint=${t.textHint} onAsk=${set} />
    <select aria-label=${t.status} value=${filters.status ?? ""} onChange=${(event) => set("status", event.target.value)}>
      <option value="">${t.anyStatus}</option>
      ${STATUSES.map((status) => html`<option key=${status} value=${status}>${texts.stage[status]}</option>`)}
    </select>
    <select aria-label=${t.model} value=${filters.model ?? ""} onChange=${(event) => set("model", event.target.value)}>
      <option value="">${t.anyModel}</option>
      ${filters.model && !models.value?.has(filters.model) && html`<option value=${filters.model}>${filters.model}</option>`}
      ${known.map(({ id, title }) => html`<option key=${id} value=${id}>${title}</option>`)}
    </select>
    <${Words} name="tag" asked=${filters.tag} label=${t.tag} hint=${t.tag} onAsk=${set} />
    ${filters.batch &&
    html`<button type="button" class="chip" onClick=${() => set("batch", "")}>
      ${t.inBatch(filters.batch)} <span aria-hidden="true">×</span>
      <span class="unseen">${t.clear}</span>
    </button>`}
  </form>`;
}

/**
 * A field for words, which are searched for once the reader stops typing for a moment.
 * @param {{ name: keyof Asked, asked?: string, label: string, hint: string, onAsk: (name: keyof Asked, words: string) => void }} props
 */
function Words({ name, asked = "", label, hint, onAsk }) {
  const [typed, setTyped] = useState(asked);
  const latest = useRef(onAsk); // the other filters may change before it is called
  latest.current = onAsk;
  const sent = useRef(asked);
  const wanted = typed.trim();
  useEffect(() => {
    if (asked === sent.current) return; // keep the text as typed, with a space at its end
    sent.current = asked;
    setTyped(asked);
  }, [asked]);
  useEffect(() => {
    if (wanted === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = wanted;
      latest.current(name, wanted);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [wanted]);
  return html`<input type="search" class="words-${name}" value=${typed} maxlength=${MOST_WORDS} placeholder=${hint} aria-label=${label}
    onInput=${(event) => setTyped(event.target.value)} />`;
}

/**
 * Return how many columns fit into a width, the gap between them and the height of a row.
 * @param {number} width
 */
function measure(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const gap = width < 560 ? 12 : 20;
  const wanted = width < 560 ? 150 : width < 1000 ? 230 : width < 2200 ? 290 : 400;
  const columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)));
  const size = (width - gap * (columns - 1)) / columns;
  return { columns, gap, height: Math.round((size * 9) / 16 + TEXT * rem + gap) };
}

/** @param {{ ids: string[], feed: Feed, shown: RefObject<string[]> }} props */
function Grid({ ids, feed, shown }) {
  const grid = useRef(/** @type {HTMLElement | null} */ (null));
  const [room, setRoom] = useState({ width: 0, from: 0, to: 0 });
  const { columns, gap, height } = measure(room.width || 1000);
  useLayoutEffect(() => {
    const see = () => {
      const box = grid.current?.getBoundingClientRect();
      if (!box) return;
      const now = measure(box.width).height;
      const from = Math.max(0, Math.floor(-box.top / now) - 1);
      const end = Math.max(1, Math.ceil((innerHeight - box.top) / now) + 1);
      if (lastFeed) lastFeed.scroll = scrollY;
      setRoom((before) =>
        before.width === box.width && before.from === from && before.to === end ? before : { width: box.width, from, to: end },
      );
    };
    const left = lastFeed?.scroll; // read it before `see` replaces it
    see();
    if (left) scrollTo(0, left);
    const watch = new ResizeObserver(see);
    if (grid.current) watch.observe(grid.current);
    addEventListener("scroll", see, { passive: true });
    addEventListener("resize", see);
    return () => {
      watch.disconnect();
      removeEventListener("scroll", see);
      removeEventListener("resize", see);
    };
  }, []);
  const seen = ids.slice(room.from * columns, room.to * columns);
  shown.current = seen;
  const isNearEnd = room.width > 0 && (room.to + 2) * columns >= ids.length;
  useEffect(() => {
    if (isNearEnd) feed.more();
  }, [isNearEnd, ids.length, feed]);
  const rows = Math.ceil(ids.length / columns);
  return html`<div class="window" ref=${grid} style=${{ height: `${rows * height}px` }}>
      <ul class="grid" style=${{ transform: `translateY(${room.from * height}px)`, gap: `${gap}px`,
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, gridAutoRows: `${height - gap}px` }}>
        ${seen.map(
          (id, index) =>
            html`<${Card} key=${id} id=${id} position=${room.from * columns + index + 1}
              total=${feed.isWhole.value ? ids.length : undefined} />`,
        )}
      </ul>
    </div>
    <p class="end">
      ${feed.isLoading.value ? texts.loading : feed.isWhole.value ? (ids.length > columns * 3 ? t.end : "") : html`<button
              type="button" onClick=${() => feed.more()}>${texts.more}</button>`}
    </p>`;
}

function Skeleton() {
  return html`<ul class="grid still" aria-hidden="true">
    ${Array.from({ length: 8 }, (_, index) => html`<li key=${index} class="card"><span class="thumb"></span></li>`)}
  </ul>`;
}

/** @param {{ isFiltered: boolean }} props */
function Nothing({ isFiltered }) {
  if (isFiltered) {
    return html`<div class="nothing"><h2>${t.none}</h2><p><a class="button" href=${to()}>${t.clear}</a></p></div>`;
  }
  return html`<div class="nothing">
    <h2>${t.empty}</h2>
    <p>${t.emptyLead}</p>
    <p><a class="button primary" href=${to("make")}>${t.make}</a></p>
  </div>`;
}

/** The number of videos that are chosen for comparison, and the link to compare them. */
function Chosen() {
  const ids = chosen.value;
  if (!ids.length) return null;
  return html`<div class="chosen" role="region" aria-label=${t.compare}>
    <span>${t.chosen(ids.length)}</span>
    <button type="button" class="quiet" onClick=${() => (chosen.value = [])}>${t.clearChoice}</button>
    ${ids.length > 1 && html`<a class="button primary" href=${to("compare", ids.join(","))}>${t.compare}</a>`}
  </div>`;
}
