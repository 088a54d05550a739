/** The generations that this tab knows, each in its own signal, so that a change redraws only one card. */

import { call, get, statusOf } from "./api.js";
import { signal } from "./html.js";
import { inTime, say, sayError } from "./toasts.js";
import { texts } from "./texts.js";

/** @import { Signal } from "@preact/signals" */
/** @import { Generation, Label, VideoRequest } from "./types.js" */

/**
 * What this tab knows of a generation. `linkedAt` is the time of its link, in milliseconds since 1970.
 * @typedef {Generation & { linkedAt?: number }} Known
 */

export const PATH = "v2/video/generations";
const LINK_LASTS = 45 * 60_000; // milliseconds; a link works for an hour
const UNDO = 7000;
const LATE = 5000; // milliseconds in which an answer to an earlier call may still arrive

/** @type {Map<string, Signal<Known | null>>} */
const known = new Map();

/** The generation that was last seen to end. */
export const latestEnd = signal(/** @type {Known | null} */ (null));

/** The ids of those that were deleted here, or will be in a few seconds. */
export const gone = signal(/** @type {Set<string>} */ (new Set()));

/** The tags of videos that were changed here, until all answers to earlier calls have arrived. @type {Map<string, { tags: string[], until: number }>} */
const tagged = new Map();

/** A number that changes when tags of any video change. */
export const tagChanges = signal(0);

/**
 * Return whether the job of a generation has ended, well or badly.
 * @param {Generation} generation
 */
export const hasEnded = (generation) => generation.status === "completed" || generation.status === "error";

/**
 * Return the prompt of a generation, otherwise its name or "Without a prompt".
 * @param {Generation} generation
 */
export const promptOf = (generation) => String(generation.meta.request.prompt ?? "") || generation.meta.name || texts.gallery.noPrompt;

/**
 * Return the ids of the videos that a request uses.
 * @param {Generation} generation
 */
export const inputsOf = ({ meta }) => [...new Set([...JSON.stringify(meta.request).matchAll(/"generation:([0-9a-f]{32})"/g)].map(([, id = ""]) => id))];

/**
 * Return whether a generation was cancelled.
 * @param {Generation} generation
 */
export const isCancelled = (generation) => generation.error?.name === "Cancelled";

/**
 * Return the signal of a generation; its value is null before it is known.
 * @param {string} id
 */
export function video(id) {
  const kept = known.get(id) ?? signal(/** @type {Known | null} */ (null));
  known.set(id, kept);
  return kept;
}

/**
 * Note an answer of the API about a generation and return what is known of it then.
 * @param {Known} generation
 * @param {{ isOfList?: boolean }} [options]
 * @returns {Known}
 */
export function note(generation, { isOfList = false } = {}) {
  const kept = video(generation.id);
  const before = kept.peek();
  const { meta } = generation;
  const changed = tagged.get(generation.id);
  if (changed && Date.now() < changed.until) meta.tags = changed.tags;
  // A list does not say how many are before it, or what it waits for.
  if (isOfList && meta.stage === "queued" && before?.meta.stage === "queued") {
    meta.ahead = before.meta.ahead;
    meta.waits_for = before.meta.waits_for;
    meta.waits_for_credits = before.meta.waits_for_credits;
  }
  if (isOfList && meta.stage === before?.meta.stage) meta.timeline = before.meta.timeline;
  // Each answer has a new link to the same video: keep the one that plays.
  if (generation.video) generation.linkedAt = Date.now();
  if (before?.video && generation.video && Date.now() - (before.linkedAt ?? 0) < LINK_LASTS) {
    generation.video.url = before.video.url;
    if (before.video.poster_url) generation.video.poster_url = before.video.poster_url;
    generation.linkedAt = before.linkedAt;
  }
  if (JSON.stringify(before) !== JSON.stringify(generation)) kept.value = generation;
  if (String(before?.meta.tags ?? "") !== String(meta.tags ?? "")) tagChanges.value++;
  if (before && !hasEnded(before) && hasEnded(generation)) latestEnd.value = generation;
  return kept.peek() ?? generation;
}

/**
 * Note the tags of a video that were changed here. While the change is under way, no answer can be newer.
 * @param {string} id
 * @param {string[]} tags
 * @param {boolean} [isUnderWay]
 */
export function setTags(id, tags, isUnderWay = false) {
  tagged.set(id, { tags, until: isUnderWay ? Infinity : Date.now() + LATE });
  const kept = video(id);
  const before = kept.peek();
  if (before) kept.value = { ...before, meta: { ...before.meta, tags } };
  tagChanges.value++;
}

/** Return all videos that this tab knows, without the deleted ones. */
export const everyVideo = () => [...known.values()].map((one) => one.peek()).filter((one) => one !== null).filter(({ id }) => !gone.peek().has(id));

/**
 * Load a generation and return it.
 * @param {string} id
 */
export async function fetchVideo(id) {
  return note(await get(PATH, { generation_id: id }));
}

/**
 * Return a fresh link to the video of a generation, because the one that was shown may have expired.
 * @param {string} id
 */
export async function freshLink(id) {
  const kept = video(id);
  const before = kept.peek();
  if (before) kept.value = { ...before, linkedAt: 0 };
  return (await fetchVideo(id)).video?.url;
}

/**
 * Return a generation whose video has a link of its own. The video that plays keeps its link: the browser's copy of that one
 * lacks the headers that allow a page to read it.
 * @param {string} id
 */
export function withOwnLink(id) {
  return get(PATH, { generation_id: id });
}

/**
 * Request a video and return its generation. The same idempotency key always returns the same generation.
 * @param {VideoRequest} request
 * @param {string} idempotencyKey
 * @param {Label} [label]
 */
export async function create(request, idempotencyKey, label = {}) {
  const options = { json: request, query: { ...label, strict: "true" }, headers: { "Idempotency-Key": idempotencyKey } };
  return note(/** @type {Generation} */ (await call("POST", PATH, options)));
}

/** Return a new idempotency key. */
export const newKey = () => `console-${crypto.randomUUID()}`;

/**
 * Cancel a job that has not ended.
 * @param {string} id
 */
export async function cancel(id) {
  const query = { generation_id: id, only_running: "true" };
  note(/** @type {Generation} */ (await call("DELETE", PATH, { query })));
}

/** @type {Map<string, string>} */
const keysOfRepeats = new Map();

/**
 * Request a video like an earlier one and return the new generation. Until that is accepted, the same idempotency key is used.
 * @param {Generation} generation
 */
export async function again({ id, meta }) {
  const idempotencyKey = keysOfRepeats.get(id) ?? newKey();
  keysOfRepeats.set(id, idempotencyKey);
  const made = await create(meta.request, idempotencyKey, { tag: (meta.tags ?? []).join(","), webhook: meta.webhook?.url });
  keysOfRepeats.delete(id);
  return made;
}

/**
 * Return what the request of a generation was expected to cost in US dollars, null if that is not known.
 * @param {Generation} generation
 */
export const estimateOf = ({ meta }) => meta.cost?.estimated_usd ?? null;

/**
 * Delete videos in a few seconds, unless the user undoes it.
 * @param {string[]} some
 */
export function removeSoon(some) {
  const mark = (/** @type {string[]} */ marked, /** @type {boolean} */ isGone) => {
    const others = [...gone.peek()].filter((id) => !marked.includes(id));
    gone.value = new Set(isGone ? [...others, ...marked] : others);
  };
  let isDone = false;
  const now = async () => {
    if (isDone) return;
    isDone = true;
    window.removeEventListener("pagehide", now);
    stop();
    close();
    await Promise.all(some.map(removeOne));
  };
  const removeOne = async (/** @type {string} */ id) => {
    try {
      await call("DELETE", PATH, { query: { generation_id: id }, keepalive: true });
      known.delete(id);
    } catch (error) {
      if (statusOf(error) === 404) return;
      mark([id], false);
      sayError(error);
    }
  };
  const undo = () => {
    isDone = true;
    window.removeEventListener("pagehide", now);
    stop();
    mark(some, false);
  };
  mark(some, true);
  const close = say(texts.video.removing(some.length), { action: { label: texts.undo, run: undo }, lasts: 0 });
  const stop = inTime(now, UNDO);
  window.addEventListener("pagehide", now);
}

/** Forget everything, because another user has signed in. */
export function forget() {
  known.clear();
  keysOfRepeats.clear();
  tagged.clear();
  gone.value = new Set();
}
