/** Tags: favourites, collections, and what was kept in a comparison. Nothing else stores these. */

import { call, get, messageOf, patiently, statusOf } from "./api.js";
import { computed, signal } from "./html.js";
import { keyId } from "./session.js";
import { texts } from "./texts.js";
import { say } from "./toasts.js";
import { everyVideo, note, PATH, promptOf, setTags, tagChanges, video } from "./videos.js";

/** @import { Generation, TagChange } from "./types.js" */

const t = texts.tags;
/** The tag of favourites, and the one of "Keep this one". */
export const FAVOURITE = "favourite";
export const KEEP = "keep";
const MOST = 20; // tags of a video
const MOST_SHOWN = 40; // collections
const AT_ONCE = 4; // calls
const MOST_NAMED = 3; // videos in a message

/** Whether the key in use may change tags. Until that is known, it may. */
export const mayChange = signal(true);
/** The tags in recent usage. Their videos may have been deleted since. */
const ofUsage = signal(/** @type {string[]} */ ([]));
/** Whether this tab has loaded all videos, so that it can count them by tag. */
export const knowsAll = signal(false);

/** The changes of each video that are under way: the last one, for which the next one waits, and the tags that are saved. @type {Map<string, { last: Promise<unknown>, saved: string[] }>} */
const underWay = new Map();
let keyOfThese = "";
let isLoaded = false;

/** Load what the key may do, and the tags of the last days, once. */
export async function loadTags() {
  const mine = keyId.peek();
  if (keyOfThese !== mine) {
    keyOfThese = mine;
    isLoaded = false;
    underWay.clear();
    mayChange.value = true;
    ofUsage.value = [];
    knowsAll.value = false;
  }
  if (isLoaded) return;
  isLoaded = true;
  const [keys, usage] = await Promise.allSettled([get("v2/keys"), get("v2/usage", { by: "tag" })]);
  if (keyOfThese !== mine) return;
  if (keys.status === "fulfilled") mayChange.value = keys.value.data.find((one) => one.is_yours)?.scope !== "read";
  else isLoaded = false; // try again with the next poll
  if (usage.status === "fulfilled") ofUsage.value = usage.value.data.flatMap(({ tag }) => tag ?? []);
}

/**
 * Return the tags in a text that separates them.
 * @param {string} text
 */
export const tagsIn = (text) => text.split(/[,;]/).map((one) => one.trim()).filter(Boolean);

/**
 * Return whether a video with these tags has the wanted one. A key without a value matches any value.
 * @param {string[]} tags
 * @param {string} wanted
 */
export const hasTag = (tags, wanted) => tags.some((one) => one === wanted || (!wanted.includes("=") && one.startsWith(`${wanted}=`)));

/**
 * Return the tags of a video.
 * @param {string} id
 */
export const tagsOf = (id) => video(id).value?.meta.tags ?? [];

/** The collections, favourites first: tags in use, each with the number of its videos if that is known. */
export const collections = computed(() => {
  void tagChanges.value;
  /** @type {Map<string, number>} */
  const counts = new Map([FAVOURITE, KEEP].map((tag) => [tag, 0]));
  for (const { meta } of everyVideo()) for (const tag of meta.tags ?? []) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  if (!knowsAll.value) for (const tag of ofUsage.value) counts.set(tag, counts.get(tag) ?? 0);
  const [favourites, kept, ...others] = [...counts].map(([tag, videos]) => ({ tag, count: knowsAll.value ? videos : null, videos }));
  const most = others.sort((a, b) => b.videos - a.videos).slice(0, MOST_SHOWN).sort((a, b) => a.tag.localeCompare(b.tag));
  return [favourites, ...(kept?.videos ? [kept] : []), ...most].filter((one) => one !== undefined);
});

/**
 * Return tags after a change. An added tag replaces the one with its key.
 * @param {string[]} tags
 * @param {TagChange} change
 */
function changed(tags, { add, remove }) {
  const left = tags.filter((tag) => !remove.some((one) => hasTag([tag], one)));
  return [...new Map([...left, ...add].map((tag) => [tag.split("=")[0], tag])).values()];
}

/**
 * Change the tags of a video. The page shows the change at once, and takes it back if it fails.
 * @param {string} id
 * @param {TagChange} json
 */
async function change(id, json) {
  const before = video(id).peek()?.meta.tags ?? [];
  const mine = underWay.get(id) ?? { last: Promise.resolve(), saved: before };
  underWay.set(id, mine);
  setTags(id, changed(before, json), true);
  const send = () => patiently(() => call("PATCH", PATH, { query: { generation_id: id }, json, keepalive: true }));
  const sent = mine.last.then(send, send);
  mine.last = sent;
  const isLast = () => underWay.get(id) === mine && mine.last === sent;
  try {
    const answer = /** @type {Generation} */ (await sent);
    mine.saved = answer.meta.tags ?? [];
    if (isLast()) note(answer, { isOfList: true });
  } finally {
    if (isLast()) {
      setTags(id, mine.saved);
      underWay.delete(id);
    }
  }
}

/** @typedef {{ before: string[], after: string[] }} Changed the tags of a video */
/** @typedef {{ done: Map<string, Changed>, failed: string[], problem: string }} Outcome of a change of several videos */

/**
 * Change the tags of several videos. Return what was changed, and which videos were not, with a sentence for the user.
 * @param {string[]} ids
 * @param {(id: string) => TagChange} changeOf
 * @param {(changed: number) => void} [onChange]
 * @returns {Promise<Outcome>}
 */
export async function changeAll(ids, changeOf, onChange = () => {}) {
  const todo = [...ids];
  const failed = /** @type {string[]} */ ([]);
  const done = /** @type {Outcome["done"]} */ (new Map());
  const problem = { why: /** @type {unknown} */ (null), isOfAll: false };
  const next = async (/** @type {string} */ id) => {
    const before = tagsOf(id);
    try {
      await change(id, changeOf(id));
      done.set(id, { before, after: tagsOf(id) });
      onChange(done.size);
    } catch (error) {
      failed.push(id);
      const status = statusOf(error) ?? 0;
      const isWrong = status === 400 && before.length + changeOf(id).add.length <= MOST; // whichever video it is
      problem.why = error;
      problem.isOfAll ||= isWrong || [0, 401, 403].includes(status);
    }
  };
  const [first = ""] = todo.splice(0, 1); // before the others: if all would fail for the same reason, nothing is changed
  await next(first);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let id; !problem.isOfAll && (id = todo.shift()); ) await next(id);
    }),
  );
  failed.push(...todo);
  const reason = problem.why === null || statusOf(problem.why) === 401 ? "" : messageOf(problem.why);
  return { done, failed, problem: done.size && failed.length ? t.partly(named(failed), Math.max(0, failed.length - MOST_NAMED), reason) : reason };
}

/** @param {string[]} ids */
const named = (ids) =>
  ids
    .slice(0, MOST_NAMED)
    .map((id) => video(id).peek())
    .map((one) => `“${one ? promptOf(one).slice(0, 40) : ""}”`)
    .join(", ");

/**
 * Say that tags were changed, with a button that undoes it.
 * @param {string} text
 * @param {Outcome["done"]} done
 */
export function offerUndo(text, done) {
  const lacks = (/** @type {string[]} */ some, /** @type {string[]} */ others) => some.filter((tag) => !others.includes(tag));
  const undo = async () => {
    const { problem } = await changeAll([...done.keys()], (id) => {
      const { before, after } = /** @type {Changed} */ (done.get(id));
      return { add: lacks(before, after), remove: lacks(after, before) };
    });
    if (problem) say(problem, { isError: true, lasts: 12_000 });
  };
  say(text, { action: { label: texts.undo, run: undo } });
}

/**
 * Add a tag to a video, or remove it if it is there.
 * @param {string} id
 * @param {string} tag
 */
export async function toggle(id, tag) {
  const isOn = hasTag(tagsOf(id), tag);
  if (!mayChange.peek()) {
    say(t.readOnly);
    return;
  }
  const { done, problem } = await changeAll([id], () => (isOn ? { add: [], remove: [tag] } : { add: [tag], remove: [] }));
  if (problem) say(problem, { isError: true, lasts: 12_000 });
  else if (isOn) offerUndo(t.removed(tag), done);
}
