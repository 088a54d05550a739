/** The link by which a video plays: the same for as long as it works, however many newer ones come. */

import { useRef, useState } from "./html.js";
import { freshLink } from "./videos.js";

/**
 * `{src, onError, onLoadedData}` for the element that shows the generation's video. Where the link has expired, it gets a
 * fresh one, and goes on where it was.
 */
export function useLink({ id, video: file }) {
  const [src, setSrc] = useState(file.url);
  const isTried = useRef(false);
  const onLoadedData = () => {
    isTried.current = false; // it works; this one will expire, too
  };
  const onError = async (event) => {
    if (isTried.current) return;
    isTried.current = true;
    const { currentTarget: film } = event;
    const { currentTime, paused } = film; // of a picture neither
    try {
      const url = await freshLink(id);
      if (!url) return;
      if (currentTime > 0) film.addEventListener("loadedmetadata", () => resume(film, currentTime, paused), { once: true });
      setSrc(url);
    } catch {
      // Gone, or no connection: that is told by what looks after the generation.
    }
  };
  return { src, onError, onLoadedData };
}

function resume(film, currentTime, paused) {
  film.currentTime = currentTime;
  if (paused) film.pause(); // else it would begin by itself, as it did when the page was opened
  else film.play().catch(() => {});
}
