/** Loading again and again: often while something runs, rarely while nothing does. A hidden tab only waits for what runs. */

import { useEffect, useRef } from "./html.js";
import { key, refused } from "./session.js";

const LEAST = 2000; // milliseconds between two polls
const MOST = 30_000;
const GROWTH = 1.5;
// While something runs, wait a twentieth of the time that it has run: soon enough to see a video finish, without asking
// 1,800 times an hour about a job that waits for hours.
const MOST_UNDER_WAY = 10_000;
const HIDDEN = 60_000;
const GROWTH_UNDER_WAY = 1.05;

/**
 * Return the milliseconds until the next poll.
 * @param {number} delay milliseconds before this one
 * @param {boolean} isUnderWay
 */
export function next(delay, isUnderWay) {
  if (!isUnderWay) return Math.min(MOST, delay * GROWTH);
  return delay > MOST_UNDER_WAY ? LEAST : Math.min(MOST_UNDER_WAY, delay * GROWTH_UNDER_WAY);
}

/**
 * Call `poll` again and again while the component is on the page, and return a function that calls it soon. `poll` returns
 * whether something is under way: then it is called often. A failed poll is tried again later.
 * @param {() => Promise<boolean>} poll
 * @param {unknown[]} [dependencies]
 */
export function usePoll(poll, dependencies = []) {
  const latest = useRef(poll);
  latest.current = poll;
  const wake = useRef(() => {});
  const signedIn = key.value !== null && !refused.value;
  useEffect(() => {
    if (!signedIn) return undefined;
    let delay = LEAST;
    let timer = 0;
    let isPolling = false;
    let isOver = false;
    let isWanted = false;
    let isUnderWay = false;
    const plan = (/** @type {number} */ wait) => {
      clearTimeout(timer);
      if (isOver || (document.hidden && !isUnderWay)) return;
      timer = setTimeout(run, document.hidden ? HIDDEN : wait);
    };
    const run = async () => {
      if (isPolling) {
        isWanted = true;
        return;
      }
      isPolling = true;
      isWanted = false;
      try {
        isUnderWay = await latest.current();
        delay = next(delay, isUnderWay);
      } catch {
        delay = Math.min(MOST, Math.max(2 * LEAST, delay * GROWTH)); // `poll` shows why
      }
      isPolling = false;
      plan(isWanted ? 0 : delay);
    };
    wake.current = () => {
      delay = LEAST;
      plan(0);
    };
    const onChange = () => (document.hidden ? plan(HIDDEN) : wake.current());
    document.addEventListener("visibilitychange", onChange);
    window.addEventListener("online", onChange);
    run();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onChange);
      window.removeEventListener("online", onChange);
    };
  }, [signedIn, ...dependencies]);
  return () => wake.current();
}
