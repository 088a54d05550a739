/** A video in a list: its first frame, which plays under the pointer, or the stage of its job. */

import { lately } from "./clock.js";
import { ago, dateTime, readable } from "./format.js";
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { useLink } from "./link.js";
import { titleOf } from "./models.js";
import { to } from "./route.js";
import { Stage, stageName } from "./stage.js";
import { texts } from "./texts.js";
import { hasEnded, isCancelled, promptOf, video } from "./videos.js";

/** @import { RefObject } from "preact" */
/** @import { Generation } from "./types.js" */

const MOST_COMPARED = 4;

/** The ids of the videos that are chosen for comparison, in order. */
export const chosen = signal(/** @type {string[]} */ ([]));

/**
 * @param {string} id
 * @param {boolean} isChosen
 */
function choose(id, isChosen) {
  const others = chosen.value.filter((one) => one !== id);
  chosen.value = isChosen ? [...others, id].slice(-MOST_COMPARED) : others;
}

/** Return whether the reader's system asks for less motion. */
export const wantsCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Render one video of a list, as its first frame or as the stage of its job.
 * @param {{ id: string, position: number, total?: number }} props
 */
export function Card({ id, position, total }) {
  const generation = video(id).value;
  const film = useRef(/** @type {HTMLVideoElement | null} */ (null));
  if (!generation) return html`<li class="card"><span class="thumb"></span></li>`;
  const play = () => wantsCalm() || film.current?.play().catch(() => {});
  const stop = () => {
    if (!film.current) return;
    film.current.pause();
    film.current.currentTime = FIRST;
  };
  const prompt = promptOf(generation);
  const { request, created_at: createdAt, name } = generation.meta;
  const isChosen = chosen.value.includes(id);
  return html`<li class="card" aria-posinset=${position} aria-setsize=${total ?? -1}>
    <a href=${to("video", id)} onMouseEnter=${play} onMouseLeave=${stop} onFocus=${play} onBlur=${stop}>
      <span class="thumb"><${Thumb} generation=${generation} film=${film} /></span>
      <span class="prompt">${name && html`<strong>${name}</strong> `}${prompt.slice(0, 300)}</span>
    </a>
    <span class="facts">
      <span class="model">${titleOf(request.model)}</span>
      <time dateTime=${createdAt} title=${dateTime(createdAt)}>${ago(createdAt, lately.value)}</time>
    </span>
    ${generation.status === "completed" &&
    html`<label class="choose ${isChosen ? "is-chosen" : ""}">
      <input type="checkbox" checked=${isChosen} aria-label=${texts.gallery.choose(prompt.slice(0, 80))}
        onChange=${(event) => choose(id, event.target.checked)} />
    </label>`}
  </li>`;
}

export const FIRST = 0.05; // seconds: some browsers draw no frame at 0

/** @param {{ generation: Generation, film: RefObject<HTMLVideoElement> }} props */
function Thumb({ generation, film }) {
  if (!hasEnded(generation)) return html`<${Stage} generation=${generation} />`;
  if (generation.video) return html`<${Film} generation=${generation} film=${film} />`;
  return html`<span class="stage ${isCancelled(generation) ? "cancelled" : "error"}">
    <strong>${stageName(generation)}</strong>
    ${!isCancelled(generation) && html`<span class="why">${readable(generation.error?.message ?? "")}</span>`}
  </span>`;
}

/**
 * The video without sound and controls. It is loaded once it has been on the screen for a moment.
 * @param {{ generation: Generation, film: RefObject<HTMLVideoElement> }} props
 */
function Film({ generation, film }) {
  const [isSeen, setSeen] = useState(false);
  const [isWhole, setWhole] = useState(false);
  const holder = useRef(/** @type {Element | null} */ (null));
  useEffect(() => {
    if (!holder.current) return undefined;
    let timer = 0;
    const watch = new IntersectionObserver(
      ([entry]) => {
        clearTimeout(timer);
        if (entry?.isIntersecting) timer = setTimeout(() => setSeen(true), 120);
      },
      { rootMargin: "200px" },
    );
    watch.observe(holder.current);
    return () => {
      watch.disconnect();
      clearTimeout(timer);
    };
  }, []);
  const { src, onError, onLoadedData } = useLink(generation);
  const onLoad = () => {
    setWhole(true);
    onLoadedData();
  };
  const shown = { class: isWhole ? "film is-there" : "film", onError };
  return html`<span class="holder" ref=${holder}>
    ${isSeen &&
    (generation.video?.content_type === "image/gif"
      ? html`<img ...${shown} src=${src} alt="" onLoad=${onLoad} />`
      : html`<video ...${shown} ref=${film} src="${src}#t=${FIRST}" muted loop playsinline preload="metadata" tabindex="-1"
          aria-hidden="true" disablepictureinpicture onLoadedData=${onLoad}></video>`)}
  </span>`;
}
