/** A list of generations of the API: what is loaded of it, newest first, and live. */

import { get } from "./api.js";
import { signal } from "./html.js";
import { fetchVideo, hasEnded, note, PATH, video } from "./videos.js";

const NEWEST = 20; // looked at again and again
const PAGE = 60;
const BETWEEN = 100; // in a page of what came since the last look
const MOST_BETWEEN = 5; // such pages; after more than that the list begins anew
const AT_ONCE = 8; // jobs that are asked about in one look
const EMPTY_PAGES = 5; // of a filter that few match, before the reader is asked to go on

export class Feed {
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
      const newest = await this.newest();
      const fresh = new Set(newest);
      const running = shown.map((id) => video(id).peek()).filter((one) => one && !hasEnded(one));
      // A list does not say how many are before one that waits.
      const asked = running.filter((one) => !fresh.has(one.id) || one.meta.stage === "queued");
      const first = this.turn % Math.max(1, asked.length);
      this.turn += AT_ONCE;
      await Promise.all([...asked, ...asked].slice(first, first + Math.min(AT_ONCE, asked.length)).map(look));
      this.problem.value = null;
      return running.length > 0;
    } catch (error) {
      this.problem.value = error;
      throw error;
    }
  }

  /**
   * Load the newest page again: what is new comes first, and what is not in it any more has gone. Where more came since the
   * last look than there is on it, what is between is loaded, too, or, where that is very much, the list begins anew.
   */
  async newest() {
    const before = this.ids.peek();
    const latest = before?.length ? video(before[0]).peek()?.meta.created_at : undefined;
    let page = await get(PATH, { ...this.filters, limit: NEWEST });
    const found = [...page.data];
    const isApart = () => latest !== undefined && page.next_cursor && found.length > 0 && found.at(-1).meta.created_at > latest;
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

  /** `found` are the newest ones, as far down as it goes. */
  merge(found, isAll) {
    const isNew = new Set(found.map(({ id }) => id));
    const last = isAll ? "" : (found.at(-1)?.meta.created_at ?? null);
    const older = this.ids.peek().filter((id) => {
      const kept = video(id).peek();
      return !isNew.has(id) && kept && this.matches(kept) && (last === null || kept.meta.created_at < last);
    });
    const ids = [...isNew, ...older];
    if (ids.join() !== this.ids.peek().join()) this.ids.value = ids;
  }

  /** Whether it is still in the list: the one thing of a generation that changes and is asked for is its status. */
  matches(generation) {
    return !this.filters.status || generation.status === this.filters.status;
  }

  /** The next page. */
  async more() {
    if (this.isLoading.peek() || this.isWhole.peek() || this.ids.peek() === null) return;
    this.isLoading.value = true;
    try {
      for (let empty = 0; empty < EMPTY_PAGES && !this.isWhole.peek(); empty++) {
        const { cursor } = this;
        const page = await get(PATH, { ...this.filters, limit: PAGE, cursor });
        if (this.cursor !== cursor) break; // the list began anew meanwhile
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
