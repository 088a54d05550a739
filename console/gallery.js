/** All videos, newest first: loaded as they are reached, drawn only where they are seen, and live. */

import { Card, chosen } from "./card.js";
import { Feed } from "./feed.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { loadModels, models } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { texts } from "./texts.js";
import { gone } from "./videos.js";

const t = texts.gallery;
const STATUSES = ["queued", "generating", "completed", "error"];
const FILTERS = ["status", "model", "batch", "text", "tag"];
const PAUSE = 400; // milliseconds after the last letter
const MOST_WORDS = 200; // characters
const TEXT = 4.7; // rem: the height of what stands below a video

let lastFeed = null;

/** The feed of these filters; that of the page before, if it is the same, so that one comes back to where one was. */
function feedOf(filters) {
  const name = JSON.stringify(filters);
  if (lastFeed?.name !== name) lastFeed = { name, feed: new Feed(filters), scroll: 0 };
  return lastFeed.feed;
}

export function forgetFeed() {
  lastFeed = null;
}

export function Gallery() {
  const query = route.value.query;
  const filters = Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, query[name]]));
  const name = JSON.stringify(filters);
  const feed = useMemo(() => feedOf(filters), [name]);
  const shown = useRef([]);
  usePoll(() => {
    loadModels().catch(() => {});
    return feed.look(shown.current);
  }, [feed]);
  const ids = feed.ids.value?.filter((id) => !gone.value.has(id));
  const problem = feed.problem.value;
  return html`<section class="gallery" aria-label=${t.title}>
    <h1 class="unseen">${t.title}</h1>
    <${Filters} filters=${filters} />
    ${problem && problem.status !== 401 && problem.status !== 0 && html`<p class="problem" role="alert">${t.failedToLoad}${problem.message}</p>`}
    ${!ids && !problem && html`<${Skeleton} />`}
    ${ids && !ids.length && feed.isWhole.value && html`<${Nothing} isFiltered=${name !== "{}"} />`}
    ${ids && html`<${Grid} key=${name} ids=${ids} feed=${feed} shown=${shown} />`}
    <${Chosen} />
  </section>`;
}

function Filters({ filters }) {
  const set = (name, value) => replace("", { ...filters, [name]: value });
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

/** Words that are asked for once nobody has typed for a moment. */
function Words({ name, asked = "", label, hint, onAsk }) {
  const [typed, setTyped] = useState(asked);
  const latest = useRef(onAsk); // another filter may be set meanwhile
  latest.current = onAsk;
  const sent = useRef(asked);
  const wanted = typed.trim();
  useEffect(() => {
    if (asked === sent.current) return; // what is typed stays as it is, with the space before the next word
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

/** How many columns and rows there are room for, and how large they are. */
function measure(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const gap = width < 560 ? 12 : 20;
  const wanted = width < 560 ? 150 : width < 1000 ? 230 : width < 2200 ? 290 : 400;
  const columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)));
  const size = (width - gap * (columns - 1)) / columns;
  return { columns, gap, height: Math.round((size * 9) / 16 + TEXT * rem + gap) };
}

function Grid({ ids, feed, shown }) {
  const grid = useRef(null);
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
    const left = lastFeed?.scroll; // before it is seen where the page is now
    see();
    if (left) scrollTo(0, left);
    const watch = new ResizeObserver(see);
    watch.observe(grid.current);
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

/** What is chosen to be compared. */
function Chosen() {
  const ids = chosen.value;
  if (!ids.length) return null;
  return html`<div class="chosen" role="region" aria-label=${t.compare}>
    <span>${t.chosen(ids.length)}</span>
    <button type="button" class="quiet" onClick=${() => (chosen.value = [])}>${t.clearChoice}</button>
    ${ids.length > 1 && html`<a class="button primary" href=${to("compare", ids.join(","))}>${t.compare}</a>`}
  </div>`;
}
