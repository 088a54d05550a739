/** The models that are offered, what they cost, and how long their jobs take. */

import { get } from "./api.js";
import { signal } from "./html.js";

/** @import { Model, ModelWithSchema } from "./types.js" */

const FRESH = 5 * 60_000; // milliseconds

/** The models by id, in order; null until they are loaded. */
export const models = signal(/** @type {Map<string, Model> | null} */ (null));
/** The prices of the models for the settings that were chosen; null until they are loaded. */
const prices = signal(/** @type {Map<string, number | null> | null} */ (null));
/** @type {Map<string, ModelWithSchema>} */
const details = new Map();
let loadedAt = 0;
/** @type {Promise<void> | null} */
let loading = null;

/**
 * Return the title of a model, its id if the model is not known.
 * @param {string} id
 */
export const titleOf = (id) => models.value?.get(id)?.title ?? id;

/**
 * Return how long the jobs of a model took lately, null if that is not known.
 * @param {string} id
 */
export const takesOf = (id) => models.value?.get(id)?.takes ?? null;

/** Load the models, unless they were loaded lately. */
export function loadModels() {
  if (Date.now() - loadedAt < FRESH) return Promise.resolve();
  loading ??= load().finally(() => {
    loading = null;
  });
  return loading;
}

async function load() {
  models.value = await all();
  loadedAt = Date.now();
}

/** @param {string} [settings] */
async function all(settings) {
  /** @type {Map<string, Model>} */
  const found = new Map();
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await get("v2/models", { limit: 100, cursor, settings });
    for (const model of page.data) found.set(model.id, model);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

const DEFAULTS = { settings: "{}", at: Infinity }; // their prices are never older than the models
let latest = DEFAULTS;

/**
 * Load what the models cost with some settings, which are JSON. The models have the prices of the defaults.
 * @param {string} settings
 */
export async function loadPrices(settings) {
  if (settings === latest.settings && latest.at >= loadedAt) return;
  const own = settings === DEFAULTS.settings ? DEFAULTS : { settings, at: Date.now() };
  latest = own;
  prices.value = null;
  if (own === DEFAULTS) return;
  try {
    const found = await all(settings);
    if (latest === own) prices.value = new Map([...found.values()].map((one) => [one.id, one.default_usd]));
  } catch (error) {
    if (latest === own) latest = DEFAULTS; // the next time it is tried again
    throw error;
  }
}

/** Return whether the prices are those of the chosen settings, not of the defaults. */
export const arePricesChosen = () => prices.value !== null;

/**
 * Return what a video of a model costs, null if that is not known.
 * @param {Model} model
 */
export const priceOf = (model) => (prices.value ? (prices.value.get(model.id) ?? null) : model.default_usd);

/**
 * Return how many seconds a video of a model takes: as its jobs took here, or as the provider says. Null if that is not known.
 * @param {Model} model
 */
export const secondsOf = (model) => model.takes?.median_seconds ?? model.seconds;

/**
 * Return one model with the schema of its requests.
 * @param {string} id
 */
export async function modelWithSchema(id) {
  const found = details.get(id) ?? (await get("v2/models", { id }));
  details.set(id, found);
  return found;
}

/**
 * What the models are filtered by. A model without a known price or time passes only if no limit is set for that.
 * @typedef {{ words?: string, kind?: string, media?: string, usd?: number, seconds?: number }} Wanted
 */

/**
 * Return the models that pass all filters: first those whose titles begin with one of the words, then those that were used
 * lately. With a limit of the price the cheapest are first, with one of the time the fastest.
 * @param {Iterable<Model>} some
 * @param {Wanted} wanted
 */
export function search(some, { words = "", kind, media, usd, seconds }) {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  const points = (/** @type {Model} */ { title, takes }) => parts.filter((word) => title.toLowerCase().startsWith(word)).length + (takes ? 0.5 : 0);
  const isWithin = (/** @type {number | null} */ value, /** @type {number | undefined} */ most) => !most || (value !== null && value <= most);
  const found = [...some].filter((one) => {
    const text = `${one.title} ${one.id} ${one.vendor ?? ""}`.toLowerCase();
    const isAccepted = (!kind || one.kind === kind) && (!media || one.media.some((other) => other === media));
    return isAccepted && parts.every((word) => text.includes(word)) && isWithin(priceOf(one), usd) && isWithin(secondsOf(one), seconds);
  });
  const least = usd ? priceOf : seconds ? secondsOf : null;
  return found.sort((a, b) => (least ? (least(a) ?? 0) - (least(b) ?? 0) : points(b) - points(a)));
}
