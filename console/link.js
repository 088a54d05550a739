/** The link of the video that plays. It stays the same while it works, although each answer has a new link. */

import { useRef, useState } from "./html.js";
import { freshLink } from "./videos.js";

/** @import { TargetedEvent } from "preact" */
/** @import { Generation } from "./types.js" */

/**
 * Return `{src, onError, onLoadedData}` for the element that shows the generation's video. When the link expires, the
 * element gets a fresh one and continues where it was.
 * @param {Generation} generation
 */
export function useLink({ id, video: file }) {
  const [src, setSrc] = useState(file?.url);
  const isTried = useRef(false);
  const onLoadedData = () => {
    isTried.current = false; // this link works, and will also expire
  };
  const onError = async (/** @type {TargetedEvent<HTMLVideoElement>} */ event) => {
    if (isTried.current) return;
    isTried.current = true;
    const { currentTarget: film } = event;
    const { currentTime, paused } = film; // both undefined for a picture
    try {
      const url = await freshLink(id);
      if (!url) return;
      if (currentTime > 0) film.addEventListener("loadedmetadata", () => resume(film, currentTime, paused), { once: true });
      setSrc(url);
    } catch {
      // The video was deleted, or the connection failed: the page that loads the generation shows that.
    }
  };
  return { src, onError, onLoadedData };
}

/**
 * @param {HTMLVideoElement} film
 * @param {number} currentTime
 * @param {boolean} paused
 */
function resume(film, currentTime, paused) {
  film.currentTime = currentTime;
  if (paused) film.pause(); // it has `autoplay`
  else film.play().catch(() => {});
}
