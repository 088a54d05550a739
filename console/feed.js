/** A list of generations, newest first: the part that is loaded, kept up to date. */

import { get, statusOf } from "./api.js";
import { signal } from "./html.js";
import { fetchVideo, hasEnded, note, PATH, video } from "./videos.js";

/** @import { Filters, Generation, Page } from "./types.js" */

const NEWEST = 20; // generations that are loaded again and again
const PAGE = 60;
const BETWEEN = 100; // generations in a page of those that arrived since the last poll
const MOST_BETWEEN = 5; // such pages; if there are more, the list starts again
const AT_ONCE = 8; // jobs that one poll loads
const EMPTY_PAGES = 5; // pages without a match until the reader has to press "More"

/** One list, with its filters. */
export class Feed {
  /** @param {Filters} filters */
  constructor(filters) {
    this.filters = filters;
    this.ids = signal(/** @type {string[] | null} */ (null)); // null before the first answer
    this.isLoading = signal(false);
    this.problem = signal(/** @type {unknown} */ (null));
    this.cursor = /** @type {string | undefined} */ (undefined);
    this.isWhole = signal(false);
    this.turn = 0;
  }

  /**
   * Load the newest videos and all that are shown and running. Return whether any of them runs.
   * @param {string[]} shown
   */
  async poll(shown) {
    try {
      // A list that begins with the oldest does not change at its beginning.
      const newest = this.filters.order && this.ids.peek() !== null ? [] : await this.newest();
      const fresh = new Set(newest);
      const runs = (/** @type {string[]} */ ids) => ids.map((id) => video(id).peek()).filter((one) => one !== null).filter((one) => !hasEnded(one));
      const running = runs(shown);
      // A list does not say how many are before a queued one.
      const asked = running.filter((one) => !fresh.has(one.id) || one.meta.stage === "queued");
      const first = this.turn % Math.max(1, asked.length);
      this.turn += AT_ONCE;
      await Promise.all([...asked, ...asked].slice(first, first + Math.min(AT_ONCE, asked.length)).map(poll));
      this.problem.value = null;
      return running.length > 0 || runs(newest).length > 0;
    } catch (error) {
      this.problem.value = error;
      throw error;
    }
  }

  /**
   * Load the newest page again and return its ids: new videos come first, and those no longer on it were deleted. If more
   * videos arrived since the last poll than fit on it, load those in between; if there are very many, start the list again.
   */
  async newest() {
    const before = this.ids.peek();
    const first = before?.[0];
    const latest = first === undefined ? undefined : video(first).peek()?.meta.created_at;
    let page = await get(PATH, { ...this.filters, limit: NEWEST });
    const found = [...page.data];
    const isApart = () => {
      const last = found.at(-1)?.meta.created_at;
      return latest !== undefined && Boolean(page.next_cursor) && last !== undefined && last > latest;
    };
    for (let pages = 0; isApart() && pages < MOST_BETWEEN; pages++) {
      page = await get(PATH, { ...this.filters, limit: BETWEEN, cursor: page.next_cursor });
      found.push(...page.data);
    }
    found.forEach((one) => note(one, { isOfList: true }));
    if (before === null || isApart()) {
      this.cursor = page.next_cursor ?? undefined;
      this.isWhole.value = !page.next_cursor;
      this.ids.value = found.map(({ id }) => id);
    } else this.merge(found, !page.next_cursor);
    return found.map(({ id }) => id);
  }

  /**
   * Put the newest videos before the others. With `isAll` nothing follows them.
   * @param {Generation[]} found
   * @param {boolean} isAll
   */
  merge(found, isAll) {
    const before = this.ids.peek() ?? [];
    const isNew = new Set(found.map(({ id }) => id));
    const last = isAll ? "" : (found.at(-1)?.meta.created_at ?? null);
    const older = before.filter((id) => {
      const kept = video(id).peek();
      return !isNew.has(id) && kept && this.matches(kept) && (last === null || kept.meta.created_at < last);
    });
    const ids = [...isNew, ...older];
    if (ids.join() !== before.join()) this.ids.value = ids;
  }

  /**
   * Return whether a video still belongs to the list: of all that is filtered by, only its status changes.
   * @param {Generation} generation
   */
  matches(generation) {
    return !this.filters.status || generation.status === this.filters.status;
  }

  /** Load the next page. */
  async more() {
    if (this.isLoading.peek() || this.isWhole.peek() || this.ids.peek() === null) return;
    this.isLoading.value = true;
    try {
      for (let empty = 0; empty < EMPTY_PAGES && !this.isWhole.peek(); empty++) {
        const { cursor } = this;
        /** @type {Page<Generation>} */
        const page = await get(PATH, { ...this.filters, limit: PAGE, cursor });
        if (this.cursor !== cursor) break; // the list has started again
        page.data.forEach((one) => note(one, { isOfList: true }));
        const before = this.ids.peek() ?? [];
        const there = new Set(before);
        this.ids.value = [...before, ...page.data.map(({ id }) => id).filter((id) => !there.has(id))];
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

/** @param {Generation} generation */
async function poll(generation) {
  try {
    await fetchVideo(generation.id);
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}
