/** The generations that this tab knows, each in a signal of its own, so that one that changes redraws only itself. */

import { call, get, remove } from "./api.js";
import { signal } from "./html.js";
import { inTime, say, sayError } from "./toasts.js";
import { texts } from "./texts.js";

export const PATH = "v2/video/generations";
const LINK_LASTS = 45 * 60_000; // milliseconds; a link works for an hour
const UNDO = 7000;

const known = new Map();

/** Those that were deleted here, or are about to be. */
export const gone = signal(new Set());

export const hasEnded = (generation) => generation.status === "completed" || generation.status === "error";
export const promptOf = (generation) => String(generation.meta.request.prompt ?? "") || generation.meta.name || texts.gallery.noPrompt;
export const isCancelled = (generation) => generation.error?.name === "Cancelled";

/** The signal of a generation; its value is null before it is known. */
export function video(id) {
  if (!known.has(id)) known.set(id, signal(null));
  return known.get(id);
}

/** Note what the API told of a generation, alone or in a list. */
export function note(generation, { isOfList = false } = {}) {
  const kept = video(generation.id);
  const before = kept.peek();
  const { meta } = generation;
  // A list does not say who is before it, or what it waits for.
  if (isOfList && meta.stage === "queued" && before?.meta.stage === "queued") {
    meta.ahead = before.meta.ahead;
    meta.waits_for = before.meta.waits_for;
  }
  // Each answer has another link to the same video: the one that plays stays.
  if (generation.video) generation.linkedAt = Date.now();
  if (before?.video && generation.video && Date.now() - before.linkedAt < LINK_LASTS) {
    generation.video.url = before.video.url;
    generation.linkedAt = before.linkedAt;
  }
  if (JSON.stringify(before) !== JSON.stringify(generation)) kept.value = generation;
  return kept.peek();
}

export async function fetchVideo(id) {
  return note(await get(PATH, { generation_id: id }));
}

/** A fresh link to the video of a generation: what was shown may have expired. */
export async function freshLink(id) {
  const kept = video(id);
  if (kept.peek()) kept.value = { ...kept.peek(), linkedAt: 0 };
  return (await fetchVideo(id)).video?.url;
}

/**
 * The file of a generation with a link of its own. What plays has another one and is not disturbed, and what the browser keeps
 * of that one lacks the headers by which a page may read it.
 */
export async function ownLink(id) {
  return (await get(PATH, { generation_id: id })).video;
}

/** Ask for a video; the same key is the same video, however often it is sent. `label` is `{tag, webhook}`. */
export async function create(request, idempotencyKey, label = {}) {
  return note(await call("POST", PATH, { json: request, query: label, headers: { "Idempotency-Key": idempotencyKey } }));
}

export const newKey = () => `console-${crypto.randomUUID()}`;

export async function cancel(id) {
  return note(await remove(PATH, { generation_id: id, only_running: "true" }));
}

/** Delete a video in a few seconds, unless its owner wants it back. */
export function removeSoon(id) {
  const mark = (isGone) => {
    const ids = new Set(gone.peek());
    if (isGone) ids.add(id);
    else ids.delete(id);
    gone.value = ids;
  };
  let isDone = false;
  const now = async () => {
    if (isDone) return;
    isDone = true;
    window.removeEventListener("pagehide", now);
    stop();
    close();
    try {
      await remove(PATH, { generation_id: id }, { keepalive: true });
      known.delete(id);
    } catch (error) {
      if (error.status === 404) return;
      mark(false);
      sayError(error);
    }
  };
  const undo = () => {
    isDone = true;
    window.removeEventListener("pagehide", now);
    stop();
    mark(false);
  };
  mark(true);
  const close = say(texts.video.removing, { action: { label: texts.undo, run: undo }, lasts: 0 });
  const stop = inTime(now, UNDO);
  window.addEventListener("pagehide", now);
}

/** Forget everything: another owner has signed in. */
export function forget() {
  known.clear();
  gone.value = new Set();
}
