/** All videos, newest first: loaded as they are reached, drawn only where they are seen, and live. */

import { get } from "./api.js";
import { Card, chosen } from "./card.js";
import { html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { loadModels, models } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { texts } from "./texts.js";
import { fetchVideo, gone, hasEnded, note, PATH, video } from "./videos.js";

const t = texts.gallery;
const STATUSES = ["queued", "generating", "completed", "error"];
const FILTERS = ["status", "model", "batch", "text", "tag"];
const NEWEST = 20; // looked at again and again
const PAGE = 60;
const AT_ONCE = 8; // jobs that are asked about in one look
const TEXT = 4.7; // rem: the height of what stands below a video
const EMPTY_PAGES = 5; // of a filter that few match, before the reader is asked to go on

/** A list of the API: what is loaded of it. */
class Feed {
  constructor(filters) {
    this.filters = filters;
    this.ids = signal(null); // null before the first answer
    this.isLoading = signal(false);
    this.problem = signal(null);
    this.cursor = undefined;
    this.isWhole = signal(false);
    this.turn = 0;
  }

  /** The newest ones, and all that is shown and under way; whether something is. */
  async look(shown) {
    try {
      const page = await get(PATH, { ...this.filters, limit: NEWEST });
      const isFirst = this.ids.peek() === null;
      this.merge(page);
      if (isFirst) {
        this.cursor = page.next_cursor ?? undefined;
        this.isWhole.value = !page.next_cursor;
      }
      this.problem.value = null;
      const fresh = new Set(page.data.map(({ id }) => id));
      const running = shown.map((id) => video(id).peek()).filter((one) => one && !hasEnded(one));
      // A list does not say how many are before one that waits.
      const asked = running.filter((one) => !fresh.has(one.id) || one.meta.stage === "queued");
      const first = this.turn % Math.max(1, asked.length);
      this.turn += AT_ONCE;
      await Promise.all([...asked, ...asked].slice(first, first + Math.min(AT_ONCE, asked.length)).map(look));
      return running.length > 0;
    } catch (error) {
      this.problem.value = error;
      throw error;
    }
  }

  /** The newest page again: what is new comes first, and what is not in it any more has gone. */
  merge({ data, next_cursor: next }) {
    data.forEach((one) => note(one, { isOfList: true }));
    const newest = data.map(({ id }) => id);
    const isNew = new Set(newest);
    const last = next && data.length ? data.at(-1).meta.created_at : next ? null : "";
    const older = (this.ids.peek() ?? []).filter((id) => {
      const kept = video(id).peek();
      return !isNew.has(id) && kept && (last === null || kept.meta.created_at < last);
    });
    const ids = [...newest, ...older];
    if (ids.join() !== this.ids.peek()?.join()) this.ids.value = ids;
  }

  /** The next page. */
  async more() {
    if (this.isLoading.peek() || this.isWhole.peek() || this.ids.peek() === null) return;
    this.isLoading.value = true;
    try {
      for (let empty = 0; empty < EMPTY_PAGES && !this.isWhole.peek(); empty++) {
        const page = await get(PATH, { ...this.filters, limit: PAGE, cursor: this.cursor });
        page.data.forEach((one) => note(one, { isOfList: true }));
        const there = new Set(this.ids.peek());
        this.ids.value = [...this.ids.peek(), ...page.data.map(({ id }) => id).filter((id) => !there.has(id))];
        this.cursor = page.next_cursor ?? undefined;
        this.isWhole.value = !page.next_cursor;
        if (page.data.length) break;
      }
      this.problem.value = null;
    } catch (error) {
      this.problem.value = error;
    } finally {
      this.isLoading.value = false;
    }
  }
}

const look = (generation) => fetchVideo(generation.id).catch((error) => error.status === 404 || Promise.reject(error));

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
  const [text, setText] = useState(filters.text ?? "");
  useEffect(() => setText(filters.text ?? ""), [filters.text]);
  useEffect(() => {
    if (text === (filters.text ?? "")) return undefined;
    const timer = setTimeout(() => set("text", text.trim().slice(0, 200)), 400);
    return () => clearTimeout(timer);
  }, [text]);
  const known = [...(models.value?.values() ?? [])];
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <input type="search" value=${text} maxlength="200" placeholder=${t.textHint} aria-label=${t.text}
      onInput=${(event) => setText(event.target.value)} />
    <select aria-label=${t.status} value=${filters.status ?? ""} onChange=${(event) => set("status", event.target.value)}>
      <option value="">${t.anyStatus}</option>
      ${STATUSES.map((status) => html`<option key=${status} value=${status}>${texts.stage[status]}</option>`)}
    </select>
    <select aria-label=${t.model} value=${filters.model ?? ""} onChange=${(event) => set("model", event.target.value)}>
      <option value="">${t.anyModel}</option>
      ${filters.model && !models.value?.has(filters.model) && html`<option value=${filters.model}>${filters.model}</option>`}
      ${known.map(({ id, title }) => html`<option key=${id} value=${id}>${title}</option>`)}
    </select>
    ${["batch", "tag"].map(
      (one) =>
        filters[one] &&
        html`<button key=${one} type="button" class="chip" onClick=${() => set(one, "")}>
          ${one === "batch" ? t.inBatch(filters.batch) : filters[one]} <span aria-hidden="true">×</span>
          <span class="unseen">${t.clear}</span>
        </button>`,
    )}
  </form>`;
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
    see();
    if (lastFeed?.scroll) scrollTo(0, lastFeed.scroll);
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
