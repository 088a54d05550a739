/** The models that are offered, and how long their jobs took lately. */

import { get } from "./api.js";
import { signal } from "./html.js";

/** @import { Model, ModelKind, ModelWithSchema } from "./types.js" */

const FRESH = 5 * 60_000; // milliseconds

/** The models by id, in order; null until they are loaded. */
export const models = signal(/** @type {Map<string, Model> | null} */ (null));
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
  /** @type {Map<string, Model>} */
  const found = new Map();
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await get("v2/models", { limit: 100, cursor });
    for (const model of page.data) found.set(model.id, model);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  models.value = found;
  loadedAt = Date.now();
}

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
 * Return the models that match all words: first those whose titles begin with one, then those that were used lately.
 * @param {Iterable<Model>} all
 * @param {string} words
 * @param {ModelKind[] | null} [kinds]
 */
export function search(all, words, kinds = null) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const score = (/** @type {Model} */ { id, title, vendor, takes }) => {
    const text = `${title} ${id} ${vendor ?? ""}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) return -1;
    return wanted.filter((word) => title.toLowerCase().startsWith(word)).length + (takes ? 0.5 : 0);
  };
  return [...all]
    .filter(({ kind }) => !kinds || (kind !== null && kinds.includes(kind)))
    .map((model) => ({ model, points: score(model) }))
    .filter(({ points }) => points >= 0)
    .sort((a, b) => b.points - a.points)
    .map(({ model }) => model);
}
