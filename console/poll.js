/** Looking again and again: often while something happens, seldom while nothing does, never while nobody looks. */

import { useEffect, useRef } from "./html.js";
import { key, refused } from "./session.js";

const LEAST = 2000; // milliseconds between two looks
const MOST = 30_000;
const GROWTH = 1.5;
// While something is under way: a look each twentieth of the time that it has been so, which is soon enough to see a video
// come, and does not ask 1,800 times an hour after what waits for hours.
const MOST_UNDER_WAY = 10_000;
const GROWTH_UNDER_WAY = 1.05;

/** Milliseconds until the next look, after so many before this one. */
export function next(delay, isUnderWay) {
  if (!isUnderWay) return Math.min(MOST, delay * GROWTH);
  return delay > MOST_UNDER_WAY ? LEAST : Math.min(MOST_UNDER_WAY, delay * GROWTH_UNDER_WAY);
}

/**
 * Call `look` now and then while the component is there. It answers whether something is under way; while it does, the
 * looks come often. A failed look is tried again later.
 */
export function usePoll(look, dependencies = []) {
  const latest = useRef(look);
  latest.current = look;
  const wake = useRef(() => {});
  const signedIn = key.value !== null && !refused.value;
  useEffect(() => {
    if (!signedIn) return undefined;
    let delay = LEAST;
    let timer = 0;
    let isLooking = false;
    let isOver = false;
    let isWanted = false;
    const plan = (wait) => {
      clearTimeout(timer);
      if (!isOver && !document.hidden) timer = setTimeout(run, wait);
    };
    const run = async () => {
      if (isLooking) {
        isWanted = true;
        return;
      }
      isLooking = true;
      isWanted = false;
      try {
        delay = next(delay, await latest.current());
      } catch {
        delay = Math.min(MOST, Math.max(2 * LEAST, delay * GROWTH)); // who looks tells why
      }
      isLooking = false;
      plan(isWanted ? 0 : delay);
    };
    wake.current = () => {
      delay = LEAST;
      plan(0);
    };
    const onChange = () => (document.hidden ? clearTimeout(timer) : wake.current());
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
