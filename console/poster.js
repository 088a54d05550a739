/** A still picture of a video: its poster, or its first frame. */

import { FIRST } from "./card.js";
import { html, useState } from "./html.js";
import { learn, ratioOf } from "./shape.js";

/** @import { Generation } from "./types.js" */

/**
 * Render the still picture of a generation, in the shape of its video.
 * @param {{ generation: Generation | null }} props
 */
export function Poster({ generation }) {
  const [isBroken, setBroken] = useState(false);
  const file = generation?.video;
  const poster = file?.content_type === "image/gif" ? (file.poster_url ?? file.url) : file?.poster_url;
  const onLoad = (/** @type {Event} */ event) => generation && learn(generation, event);
  return html`<span class="thumb" style=${{ aspectRatio: String(generation ? ratioOf(generation) : 16 / 9) }}>
    ${file &&
    (poster && !isBroken
      ? html`<img class="film is-there" src=${poster} alt="" loading="lazy" onLoad=${onLoad} onError=${() => setBroken(true)} />`
      : html`<video class="film is-there" src="${file.url}#t=${FIRST}" muted playsinline preload="metadata" aria-hidden="true" tabindex="-1" onLoadedData=${onLoad}></video>`)}
  </span>`;
}
