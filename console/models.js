/** The models that can be asked for, and how long their jobs took lately. */

import { get } from "./api.js";
import { signal } from "./html.js";

const FRESH = 5 * 60_000; // milliseconds

/** By their ids, in order; null before they are known. */
export const models = signal(null);
const details = new Map();
let loadedAt = 0;
let loading = null;

export const titleOf = (id) => models.value?.get(id)?.title ?? id;
export const takesOf = (id) => models.value?.get(id)?.takes ?? null;

/** Load them, unless they were just loaded. */
export function loadModels() {
  if (Date.now() - loadedAt < FRESH) return Promise.resolve();
  loading ??= load().finally(() => {
    loading = null;
  });
  return loading;
}

async function load() {
  const found = new Map();
  let cursor;
  do {
    const page = await get("v2/models", { limit: 100, cursor });
    for (const model of page.data) found.set(model.id, model);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  models.value = found;
  loadedAt = Date.now();
}

/** One model with the schema of its requests. */
export async function modelWithSchema(id) {
  if (!details.has(id)) details.set(id, await get("v2/models", { id }));
  return details.get(id);
}

/** Those that match all the words: first those that begin so, and those that were used lately. */
export function search(all, words, kinds = null) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const score = ({ id, title, vendor, takes }) => {
    const text = `${title} ${id} ${vendor ?? ""}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) return -1;
    return wanted.filter((word) => title.toLowerCase().startsWith(word)).length + (takes ? 0.5 : 0);
  };
  return [...all]
    .filter((model) => !kinds || kinds.includes(model.kind))
    .map((model) => [score(model), model])
    .filter(([points]) => points >= 0)
    .sort(([a], [b]) => b - a)
    .map(([, model]) => model);
}
