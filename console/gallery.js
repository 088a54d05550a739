/** The page of all videos, newest first. It loads more when the reader scrolls, and draws only what is on the screen. */

import { messageOf, statusOf } from "./api.js";
import { Card, COMPACT, placed, shaped, shapeOf } from "./card.js";
import { Feed } from "./feed.js";
import { count } from "./format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { loadModels, models } from "./models.js";
import { usePoll } from "./poll.js";
import { go, replace, route, to } from "./route.js";
import { Chosen, choose, chosen } from "./selection.js";
import { justified } from "./shape.js";
import { collections, FAVOURITE, hasTag, KEEP, knowsAll, loadTags, tagsIn } from "./tags.js";
import { texts } from "./texts.js";
import { gone, isCancelled, tagChanges, video } from "./videos.js";
import { Welcome } from "./welcome.js";

/** @import { RefObject } from "preact" */
/** @import { IconName } from "./icons.js" */
/** @import { Box } from "./shape.js" */
/** @import { Filters as Asked } from "./types.js" */

const t = texts.gallery;
const STATUSES = /** @type {const} */ (["queued", "generating", "completed", "error"]);
const PERIODS = /** @type {const} */ ([1, 7, 30, 90]);
/** @type {(keyof Asked)[]} */
const FILTERS = ["status", "model", "batch", "text", "tag", "created_after", "created_before", "order"];
const RANGE = "range";
const PAUSE = 400; // milliseconds after the last letter
const MOST_WORDS = 200; // characters
const TEXT = 2.75; // rem: the height of the text below a video
const AHEAD = 0.5; // screens that are drawn above and below the one that is seen

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

/** Return the filters of the list that was shown last. */
export const lastFilters = () => lastFeed?.feed.filters ?? {};

/**
 * Return the ids of the newer and the older neighbour of a video in the list that was shown last.
 * @param {string} id
 */
export function neighbours(id) {
  const ids = (lastFeed?.feed.ids.value ?? []).filter((one) => one === id || !gone.value.has(one));
  const at = ids.indexOf(id);
  return at < 0 ? {} : { newer: ids[at - 1], older: ids[at + 1] };
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
    loadTags();
    return feed.poll(shown.current);
  }, [feed]);
  void tagChanges.value; // a video whose tags were changed here may not belong to the list any more
  const wanted = tagsIn(filters.tag ?? "");
  const fits = (/** @type {string} */ id) => wanted.every((tag) => hasTag(video(id).peek()?.meta.tags ?? wanted, tag));
  const ids = feed.ids.value?.filter((id) => !gone.value.has(id) && fits(id));
  const isWhole = name === "{}" && feed.isWhole.value;
  useEffect(() => {
    if (isWhole) knowsAll.value = true;
  }, [isWhole]);
  const problem = feed.problem.value;
  const isShown = problem !== null && statusOf(problem) !== 401 && statusOf(problem) !== 0;
  const isEmpty = ids?.length === 0 && feed.isWhole.value;
  return html`<section class="gallery" aria-label=${t.title}>
    <h1 class="unseen">${t.title}</h1>
    ${!(isEmpty && name === "{}") && html`<${Filters} filters=${filters} found=${ids && (feed.isWhole.value ? count(ids.length) : `${count(ids.length)}+`)} />
    <${Collections} filters=${filters} />`}
    ${isShown && html`<p class="problem" role="alert">${t.failedToLoad}${messageOf(problem)}</p>`}
    ${!ids && !problem && html`<${Skeleton} />`}
    ${isEmpty && html`<${Nothing} isFiltered=${name !== "{}"} />`}
    ${ids && html`<${Grid} key=${name} ids=${ids} feed=${feed} shown=${shown} folds=${filters.status !== "error"} />`}
    <${Chosen} />
  </section>`;
}

/** @param {{ filters: Asked, found?: string }} props */
function Filters({ filters, found }) {
  const changed = (/** @type {keyof Asked} */ name, /** @type {string} */ value) => ({ ...filters, [name]: value });
  const set = (/** @type {keyof Asked} */ name, /** @type {string} */ value) => go("", changed(name, value));
  // Each letter of a longer search replaces the search before it in the history.
  const search = (/** @type {keyof Asked} */ name, /** @type {string} */ value) => (filters[name] ? replace : go)("", changed(name, value));
  const known = [...(models.value?.values() ?? [])];
  const isFiltered = Object.keys(filters).length > 0;
  const [isOpen, setOpen] = useState(isFiltered); // on a small screen
  return html`<form class="filters ${isOpen ? "is-open" : ""}" role="search" onSubmit=${(event) => event.preventDefault()}>
    <span class="search"><${Icon} name="search" /><${Words} name="text" asked=${filters.text} label=${t.text} hint=${t.textHint} onAsk=${search} /></span>
    <button type="button" class="only-icon toggle" aria-label=${t.filters} title=${t.filters} aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}><${Icon} name="filters" /></button>
    <select aria-label=${t.status} value=${filters.status ?? ""} onChange=${(event) => set("status", event.target.value)}>
      <option value="">${t.anyStatus}</option>
      ${STATUSES.map((status) => html`<option key=${status} value=${status}>${texts.stage[status]}</option>`)}
    </select>
    <select aria-label=${t.model} value=${filters.model ?? ""} onChange=${(event) => set("model", event.target.value)}>
      <option value="">${t.anyModel}</option>
      ${filters.model && !models.value?.has(filters.model) && html`<option value=${filters.model}>${filters.model}</option>`}
      ${known.map(({ id, title }) => html`<option key=${id} value=${id}>${title}</option>`)}
    </select>
    <${Dates} filters=${filters} onAsk=${(/** @type {Asked} */ changes) => go("", { ...filters, ...changes })} />
    <select aria-label=${t.order} value=${filters.order ?? ""} onChange=${(event) => set("order", event.target.value)}>
      <option value="">${t.newest}</option>
      <option value="oldest">${t.oldest}</option>
    </select>
    <${Words} name="tag" asked=${filters.tag} label=${t.tag} hint=${t.tag} onAsk=${search} options=${collections.value.map(({ tag }) => tag)} />
    ${filters.batch &&
    html`<button type="button" class="chip" onClick=${() => set("batch", "")}>
      ${t.inBatch(filters.batch)} <${Icon} name="close" /><span class="unseen">${t.clear}</span>
    </button>`}
    ${isFiltered && found && html`<span class="found" role="status">${t.found(found)}</span>`}
    <a class="button primary" aria-label=${t.new} href=${to("make")}><${Icon} name="plus" /><span>${t.new}</span></a>
  </form>`;
}

/**
 * The collections: favourites and tags in use, each of which filters the list.
 * @param {{ filters: Asked }} props
 */
function Collections({ filters }) {
  /** @type {Map<string, [icon: IconName, name: string]>} */
  const special = new Map([[FAVOURITE, ["star", texts.tags.favourites]], [KEEP, ["check", texts.tags.kept]]]);
  const known = collections.value;
  const other = filters.tag && !known.some(({ tag }) => tag === filters.tag) ? [{ tag: filters.tag, count: null }] : [];
  return html`<div class="collections" role="group" aria-label=${texts.tags.collections}>
    ${[...known, ...other].map(({ tag, count: videos }) => {
      const isOn = tag === filters.tag;
      const [icon, label] = special.get(tag) ?? [null, tag];
      return html`<a key=${tag} class="chip" href=${to("", { ...filters, tag: isOn ? "" : tag })} aria-current=${isOn ? "true" : undefined}>
        ${icon && html`<${Icon} name=${icon} />`}<bdi>${label}</bdi>${videos !== null && html` <small>${count(videos)}</small>`}${isOn && html`<${Icon} name="close" />`}
      </a>`;
    })}
  </div>`;
}

/**
 * The period in which videos were made: the last days, or a range of days.
 * @param {{ filters: Asked, onAsk: (changes: Asked) => void }} props
 */
function Dates({ filters, onAsk }) {
  const { created_after: after, created_before: before } = filters;
  const [isRange, setRange] = useState(false);
  const today = new Date();
  const midnight = (/** @type {number} */ days, day = today) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + days);
  const since = (/** @type {number} */ days) => midnight(1 - days).toISOString();
  const isPeriod = !before && PERIODS.some((days) => since(days) === after);
  const isOther = isRange || Boolean((after && !isPeriod) || before);
  const choose_ = (/** @type {string} */ value) => {
    setRange(value === RANGE);
    if (value !== RANGE) onAsk({ created_after: value, created_before: "" });
  };
  // A date field has a day of the reader's calendar; the API has times, and its range ends before the second one.
  const shown = (/** @type {string | undefined} */ time, days = 0) => {
    if (!time || Number.isNaN(Date.parse(time))) return "";
    const day = midnight(days, new Date(time));
    return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  };
  const timeOf = (/** @type {string} */ day, days = 0) => (day ? midnight(days, new Date(`${day}T00:00`)).toISOString() : "");
  return html`<select aria-label=${t.when} value=${isOther ? RANGE : (after ?? "")} onChange=${(event) => choose_(event.target.value)}>
      <option value="">${t.anyTime}</option>
      ${PERIODS.map((days) => html`<option key=${days} value=${since(days)}>${t.lastDays(days)}</option>`)}
      <option value=${RANGE}>${t.range}</option>
    </select>
    ${isOther &&
    html`<input type="date" aria-label=${t.from} title=${t.from} value=${shown(after)} onChange=${(event) => onAsk({ created_after: timeOf(event.target.value) })} />
      <input type="date" aria-label=${t.until} title=${t.until} value=${shown(before, -1)} onChange=${(event) => onAsk({ created_before: timeOf(event.target.value, 1) })} />`}`;
}

/**
 * A field for words, which are searched for once the reader stops typing for a moment.
 * @param {{ name: keyof Asked, asked?: string, label: string, hint: string, onAsk: (name: keyof Asked, words: string) => void, options?: string[] }} props
 */
function Words({ name, asked = "", label, hint, onAsk, options = [] }) {
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
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && typed) {
      event.preventDefault();
      setTyped("");
    }
  };
  const list = options.length > 0 ? `known-${name}` : undefined;
  return html`<input type="search" class="words-${name}" dir="auto" value=${typed} maxlength=${MOST_WORDS} placeholder=${hint} aria-label=${label} list=${list}
      onInput=${(event) => setTyped(event.target.value)} onKeyDown=${onKeyDown} />
    ${list && html`<datalist id=${list}>${options.map((one) => html`<option key=${one} value=${one} />`)}</datalist>`}`;
}

/** @typedef {{ id: string, failed?: string[] }} Item a video, or failures of one batch with the first of them */

/**
 * Return what the list shows: each video, but a batch's failures together, where the newest of them is.
 * @param {string[]} ids
 */
function folded(ids) {
  /** @type {Map<string, string[]>} */
  const failures = new Map();
  for (const id of ids) {
    const known = video(id).peek();
    if (known?.status !== "error" || isCancelled(known) || !known.meta.batch) continue;
    const batch = known.meta.batch.id;
    failures.set(batch, [...(failures.get(batch) ?? []), id]);
  }
  const several = [...failures.values()].filter((failed) => failed.length > 1);
  const first = new Map(several.map((failed) => [failed[0], failed]));
  const others = new Set(several.flatMap((failed) => failed.slice(1)));
  return ids.filter((id) => !others.has(id)).map((id) => /** @type {Item} */ ({ id, failed: first.get(id) }));
}

/**
 * Return the gap between cards, the height that rows should have, and that of the text below them.
 * @param {number} width
 */
function measure(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const wanted = width < 560 ? 150 : width < 1000 ? 190 : width < 2200 ? 215 : 320;
  return { width, wanted, gap: width < 560 ? 12 : 16, below: Math.round(TEXT * rem) };
}

/** @param {{ ids: string[], feed: Feed, shown: RefObject<string[]>, folds: boolean }} props */
function Grid({ ids, feed, shown, folds }) {
  const grid = useRef(/** @type {HTMLElement | null} */ (null));
  const [room, setRoom] = useState({ width: 0, from: 0, to: 0 });
  const items = folds ? folded(ids) : ids.map((id) => /** @type {Item} */ ({ id }));
  const ratios = items.map(({ id, failed }) => (failed ? COMPACT : shapeOf(video(id).peek())));
  const { boxes, height } = useMemo(() => justified(ratios, measure(room.width || 1000)), [ratios.join(), room.width]);
  useLayoutEffect(() => {
    const see = () => {
      const box = grid.current?.getBoundingClientRect();
      if (!box) return;
      // Whole steps, so that not every pixel of scrolling draws the page again.
      const step = innerHeight * AHEAD;
      const from = Math.floor((-box.top - step) / step) * step;
      const end = Math.ceil((innerHeight - box.top + step) / step) * step;
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
  const seen = items
    .map((item, index) => ({ ...item, index, box: /** @type {Box} */ (boxes[index]) }))
    .filter(({ box }) => box.top < room.to && box.top + box.height > room.from);
  shown.current = seen.map(({ id }) => id);
  for (const { id } of seen) void video(id).value; // a job on the screen that ends changes its shape
  const isNearEnd = room.width > 0 && room.to + innerHeight >= height;
  useEffect(() => {
    if (isNearEnd) feed.more();
  }, [isNearEnd, ids.length, feed]);
  const order = useRef(ids);
  order.current = items.filter(({ failed }) => !failed).map(({ id }) => id);
  const range = () => order.current;
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "a" || !(event.ctrlKey || event.metaKey) || !chosen.value.length) return;
    event.preventDefault();
    for (const id of range()) if (!chosen.value.includes(id)) choose(id, true);
  };
  const total = feed.isWhole.value ? items.length : undefined;
  return html`<div class="window" ref=${grid} style=${{ height: `${height}px` }} onKeyDown=${onKeyDown}>
      <ul>
        ${seen.map(({ id, failed, index, box }) =>
          failed
            ? html`<${Failures} key=${id} ids=${failed} box=${box} position=${index + 1} total=${total} />`
            : html`<${Card} key=${id} id=${id} position=${index + 1} total=${total} box=${box} range=${range} />`,
        )}
      </ul>
    </div>
    <p class="end">
      ${feed.isLoading.value ? texts.loading : feed.isWhole.value ? (height > innerHeight ? t.end : "") : html`<button
              type="button" onClick=${() => feed.more()}>${texts.more}</button>`}
    </p>`;
}

/**
 * The failures of one batch, as one card.
 * @param {{ ids: string[], box: Box, position: number, total?: number }} props
 */
function Failures({ ids, box, position, total }) {
  const batch = video(ids[0] ?? "").value?.meta.batch?.id ?? "";
  return html`<li class="card" aria-posinset=${position} aria-setsize=${total ?? -1} style=${placed(box)}>
    <a href=${to("", { batch, status: "error" })}>
      <span class="thumb failed" style=${shaped(box, COMPACT)}><span class="stage error">
        <strong><${Icon} name="failed" />${t.failures(count(ids.length))}</strong>
        <span>${t.ofBatch(batch)}</span>
      </span></span>
      <span class="prompt">${t.showFailures}</span>
    </a>
  </li>`;
}

const SKELETON = [1.78, 0.56, 1, 1.78, 1.33, 1.78, 0.56, 1.78, 1, 1.78, 1.33, 1.78];

function Skeleton() {
  const room = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => setWidth(room.current?.clientWidth ?? 0), []);
  const { boxes } = justified(width ? SKELETON : [], measure(width));
  return html`<div class="window skeleton" ref=${room} aria-hidden="true">
    <ul>${boxes.map((box, index) => html`<li key=${index} class="card" style=${placed(box)}><span class="thumb" style=${shaped(box, 1)}></span></li>`)}</ul>
  </div>`;
}

/** @param {{ isFiltered: boolean }} props */
function Nothing({ isFiltered }) {
  if (isFiltered) {
    return html`<div class="nothing"><h2>${t.none}</h2><p><a class="button" href=${to()}>${t.clear}</a></p></div>`;
  }
  return html`<${Welcome} />`;
}
