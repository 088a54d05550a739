/** The choice of a model: what each costs with the settings of the form, how long it takes, and what it takes as input. */

import { change, draft } from "./draft.js";
import { length, usd } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon, IconButton } from "./icons.js";
import { arePricesChosen, loadPrices, models, priceOf, search, secondsOf, titleOf } from "./models.js";
import { favourites, recent } from "./settings.js";
import { texts } from "./texts.js";
import { GOOD } from "./welcome.js";

/** @import { ElementEvent, MediaKind, Model, ModelKind, Values } from "./types.js" */

const t = texts.picker;
const LISTED = 40; // models that are shown without a search
const SETTINGS = 20; // that the API takes
const SHORT = 40; // characters: a longer text is a prompt or a link
const KINDS = /** @type {ModelKind[]} */ (["text-to-video", "image-to-video", "video-to-video", "audio-to-video"]);
const MEDIA = /** @type {MediaKind[]} */ (["image", "video", "audio"]);
const PRICES = [0.25, 0.5, 1, 2]; // US dollars
const START = [...GOOD, "google/veo-3.1-i2v-fast", "google/veo-3.0-i2v-fast"]; // for a newcomer
const TIMES = [60, 120, 300]; // seconds

/**
 * Return the settings of the form that may change the price, as JSON.
 * @param {Values} values
 */
const settingsOf = (values) =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(values)
        .filter(([name, value]) => name !== "prompt" && name !== "seed" && (typeof value === "string" ? value && value.length < SHORT : ["number", "boolean"].includes(typeof value)))
        .slice(0, SETTINGS),
    ),
  );

/**
 * Render the facts of a model that its title does not say, and its time if there is one.
 * @param {{ model: Model, time?: string }} props
 */
function Facts({ model: { title, kind, media, vendor }, time = "" }) {
  const own = kind && t.kinds[kind];
  const others = media.filter((one) => !kind?.startsWith(one)).map((one) => t.media[one]);
  const facts = [own && !title.toLowerCase().includes(own) && own, others.length > 0 && t.also(others.join(", ")), time && t.takes(time)].filter(Boolean);
  return html`<small>${vendor && html`<span class="model">${vendor}</span>`}${vendor && facts.length > 0 && " · "}${facts.join(" · ")}</small>`;
}

/** @param {Model} model */
const timeOf = (model) => {
  const seconds = secondsOf(model);
  return seconds === null ? "" : length(seconds);
};

/** @typedef {{ words: string, kind: string, media: string, usd: number, seconds: number }} Filters */

/** @type {Filters} */
const ALL = { words: "", kind: "", media: "", usd: 0, seconds: 0 };

/**
 * Render the chosen model, and the list to choose another one from.
 * @param {{ model: string | null, takesVideo: boolean }} props
 */
export function ModelChoice({ model, takesVideo }) {
  const [filters, setFilters] = useState(ALL);
  const [isOpen, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const settings = settingsOf(draft.value.values);
  useEffect(() => {
    if (isOpen || !model) loadPrices(settings).catch(() => {}); // then the prices are those of the defaults
  }, [settings, isOpen, !model]);
  const focus = (/** @type {string} */ what) => /** @type {HTMLElement | null} */ (box.current?.querySelector(what))?.focus();
  // The element that had the focus is removed: users of the keyboard continue from here.
  const focusOn = (/** @type {string} */ what) => requestAnimationFrame(() => focus(what));
  if (model && !isOpen) {
    const found = models.value?.get(model);
    return html`<div ref=${box} class="given">
      <span class="preview"><span><span class="unseen">${t.model}: </span><strong class="model">${titleOf(model)}</strong>${found && html`<br /><${Facts} model=${found} time=${timeOf(found)} />`}</span></span>
      <button type="button" onClick=${() => (setOpen(true), focusOn("input"))}>${t.change}</button>
    </div>`;
  }
  const { words } = filters;
  const kind = filters.kind || (takesVideo && !words ? "video-to-video" : "");
  const isWhole = !words && !filters.media && !filters.usd && !filters.seconds && !filters.kind;
  const searched = models.value ? search(models.value.values(), { ...filters, kind }) : [];
  const found = filters.usd || filters.seconds || words ? searched.map((one) => ({ one, group: "" })) : grouped(searched, isWhole);
  const set = (/** @type {Partial<Filters>} */ changes) => setFilters({ ...filters, ...changes });
  const take = (/** @type {string} */ id) => {
    change({ model: id, pending: null });
    setOpen(false);
    set({ words: "" });
    focusOn("button");
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      const [best] = found;
      if (best) take(best.one.id);
    } else if (event.key === "Escape" && model) {
      event.preventDefault();
      setOpen(false);
      focusOn("button");
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      focus("li button");
    }
  };
  const move = (/** @type {ElementEvent} */ event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const item = event.target.closest("li");
    const next = event.key === "ArrowDown" ? item?.nextElementSibling : item?.previousElementSibling;
    const button = next?.querySelector("button");
    if (button) button.focus();
    else focus("input");
  };
  return html`<div ref=${box} class="stack close picker">
    <label class="unseen" for="model-search">${t.model}</label>
    <span class="search"><${Icon} name="search" /><input id="model-search" type="search" autocomplete="off" placeholder=${t.searchModels} value=${words}
      onInput=${(event) => set({ words: event.target.value })} onKeyDown=${onKeyDown} /></span>
    <div class="segments small" role="group" aria-label=${t.inputs}>
      ${["", ...KINDS].map(
        (one) => html`<label key=${one}><input type="radio" name="model-kind" checked=${one === filters.kind} onChange=${() => set({ kind: one })} /><span>${t.inputKinds[one]}</span></label>`,
      )}
    </div>
    <div class="thirds">
      <select aria-label=${t.price} value=${filters.usd} onChange=${(event) => set({ usd: Number(event.target.value), seconds: 0 })}>
        ${[0, ...PRICES].map((one) => html`<option key=${one} value=${one}>${one ? t.upTo(usd(one)) : t.anyPrice}</option>`)}
      </select>
      <select aria-label=${t.time} value=${filters.seconds} onChange=${(event) => set({ seconds: Number(event.target.value), usd: 0 })}>
        ${[0, ...TIMES].map((one) => html`<option key=${one} value=${one}>${one ? t.upTo(length(one)) : t.anyTime}</option>`)}
      </select>
      <select aria-label=${t.accepts} value=${filters.media} onChange=${(event) => set({ media: event.target.value })}>
        ${["", ...MEDIA].map((one) => html`<option key=${one} value=${one}>${t.accept[one]}</option>`)}
      </select>
    </div>
    <ul class="models" onKeyDown=${move}>
      ${found.slice(0, LISTED).map(
        ({ one, group }, index) => html`<li key=${one.id}>
          ${group && group !== found[index - 1]?.group && html`<h2>${group}</h2>`}
          <button type="button" class="offer" aria-current=${one.id === model ? "true" : undefined} onClick=${() => take(one.id)}>
            <strong>${one.title}</strong>${priceOf(one) === null ? html`<small>${t.noPrice}</small>` : html`<span>${usd(priceOf(one) ?? 0)}</span>`}
            <${Facts} model=${one} /><small>${timeOf(one) && html`<time dateTime=${`PT${secondsOf(one)}S`}>${timeOf(one)}</time>`}</small>
          </button>
          <${IconButton} name="star" class="star" label=${t.favourite(one.title)} isOn=${favourites.value.includes(one.id)} onClick=${() => star(one.id)} />
        </li>`,
      )}
    </ul>
    <p class="hint"><span role="status">${models.value ? (found.length ? t.modelHint(Math.min(LISTED, found.length), found.length) : t.noModels) : texts.loading}</span> ${arePricesChosen() ? t.pricesChosen : t.pricesDefault} ${t.timesHint}</p>
  </div>`;
}

/** @param {string} id */
function star(id) {
  const others = favourites.value.filter((one) => one !== id);
  favourites.value = others.length < favourites.value.length ? others : [...others, id];
}

/**
 * Return models in groups: the favourites, then those that were used last, and for a newcomer those that are good to begin
 * with, then all others.
 * @param {Model[]} found
 * @param {boolean} isWhole whether nothing is filtered
 */
function grouped(found, isWhole) {
  const good = recent.value.length + favourites.value.length ? [] : START;
  const groups = /** @type {[name: string, ids: string[]][]} */ ([[t.favourites, favourites.value], [t.recent, recent.value], [t.good, isWhole ? good : []]]);
  const rank = (/** @type {Model} */ { id }) => {
    const group = groups.findIndex(([, ids]) => ids.includes(id));
    return group < 0 ? [groups.length, 0] : [group, groups[group]?.[1].indexOf(id) ?? 0];
  };
  return found
    .map((one) => ({ one, rank: rank(one) }))
    .sort(({ rank: [a = 0, b = 0] }, { rank: [c = 0, d = 0] }) => a - c || b - d)
    .map(({ one, rank: [group = 0] }) => ({ one, group: groups[group]?.[0] ?? t.others }));
}
