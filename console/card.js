/** A video in a list: its poster or first frame, which plays under the pointer, or the stage of its job. */

import { lately } from "./clock.js";
import { ago, clock, dateTime, readable } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { useLink } from "./link.js";
import { titleOf } from "./models.js";
import { to } from "./route.js";
import { choose, chosen } from "./selection.js";
import { hasShortcuts } from "./settings.js";
import { learn, ratioOf } from "./shape.js";
import { isExpired, Stage, stageName } from "./stage.js";
import { Star } from "./tagging.js";
import { FAVOURITE, toggle } from "./tags.js";
import { texts } from "./texts.js";
import { hasEnded, isCancelled, promptOf, video } from "./videos.js";

/** @import { RefObject } from "preact" */
/** @import { Generation } from "./types.js" */
/** @import { Box } from "./shape.js" */

/** Return whether the reader's system asks for less motion. */
export const wantsCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export const FIRST = 0.05; // seconds: some browsers draw no frame at 0

/** The shape of a card without a video, which is smaller than most videos. */
export const COMPACT = 1;

/**
 * Return the shape of a card.
 * @param {Generation | null} generation
 */
export const shapeOf = (generation) => (!generation ? 16 / 9 : generation.status === "error" || isExpired(generation) ? COMPACT : ratioOf(generation));

/**
 * Return where a card is in a list, as styles.
 * @param {Box | undefined} box
 */
export const placed = (box) => box && { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px` };

/**
 * Return the shape of the part of a card above its text, as styles.
 * @param {Box | undefined} box
 * @param {number} ratio
 */
export const shaped = (box, ratio) => (box ? { height: `${box.height}px` } : { aspectRatio: String(ratio) });

/**
 * Render one video of a list. `range` returns the ids of the list in order, for a selection with Shift.
 * @param {{ id: string, position: number, total?: number, box?: Box, range?: () => string[] }} props
 */
export function Card({ id, position, total, box, range }) {
  const generation = video(id).value;
  const film = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [isOver, setOver] = useState(false);
  if (!generation) return html`<li class="card skeleton" style=${placed(box)}><span class="thumb" style=${shaped(box, 16 / 9)}></span></li>`;
  const isChosen = chosen.value.includes(id);
  const isChoosing = range !== undefined && chosen.value.length > 0;
  const pick = (/** @type {MouseEvent} */ event) => choose(id, !isChosen, event.shiftKey && range ? range() : null);
  // A click with Ctrl opens a new tab, as everywhere, unless a selection has begun.
  const onClick = (/** @type {MouseEvent} */ event) => {
    if (!isChoosing || event.altKey) return;
    event.preventDefault();
    pick(event);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!range || !hasShortcuts.value || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "x") choose(id, !isChosen);
    else if (event.key === "f") toggle(id, FAVOURITE);
    else return;
    event.preventDefault();
  };
  const prompt = promptOf(generation);
  const { request, created_at: createdAt, name } = generation.meta;
  const isFailed = generation.status === "error";
  return html`<li class=${["card", isChosen && "is-chosen", isChoosing && "is-choosing"].filter(Boolean).join(" ")} aria-posinset=${position} aria-setsize=${total ?? -1} style=${placed(box)}>
    <a href=${to("video", id)} onClick=${onClick} onKeyDown=${onKeyDown} onMouseEnter=${() => setOver(true)} onMouseLeave=${() => setOver(false)}
        onFocus=${() => setOver(true)} onBlur=${() => setOver(false)}>
      <span class="thumb ${isFailed ? (isCancelled(generation) ? "" : "failed") : ""}" style=${shaped(box, shapeOf(generation))}><${Thumb} generation=${generation} film=${film} isOver=${isOver} /></span>
      <span class="prompt" dir="auto">${name && html`<strong>${name}</strong> `}${prompt.slice(0, 300)}</span>
    </a>
    <span class="facts">
      <span class="model">${titleOf(request.model)}</span>
      <time dateTime=${createdAt} title=${dateTime(createdAt)}>${ago(createdAt, lately.value)}</time>
    </span>
    ${range &&
    html`<label class="choose">
      <input type="checkbox" checked=${isChosen} aria-label=${texts.gallery.choose(prompt.slice(0, 80))} onClick=${pick} />
    </label>
    ${!isFailed && html`<${Star} id=${id} label=${texts.tags.favourite(prompt.slice(0, 80))} />`}`}
  </li>`;
}

/** @param {{ generation: Generation, film: RefObject<HTMLVideoElement>, isOver: boolean }} props */
function Thumb({ generation, film, isOver }) {
  if (!hasEnded(generation)) return html`<${Stage} generation=${generation} />`;
  if (generation.video) return html`<${Film} generation=${generation} film=${film} isOver=${isOver} />`;
  const isCalm = isCancelled(generation) || isExpired(generation);
  return html`<span class="stage ${isCalm ? "cancelled" : "error"}">
    <strong><${Icon} name=${isCalm ? "cancelled" : "failed"} />${stageName(generation)}</strong>
    ${!isCancelled(generation) && html`<span class="why" dir="auto">${readable(generation.error?.message ?? "")}</span>`}
  </span>`;
}

/**
 * The video without sound and controls, or its poster until the pointer is over it. Without a poster, the video is loaded once
 * it has been on the screen for a moment.
 * @param {{ generation: Generation, film: RefObject<HTMLVideoElement>, isOver: boolean }} props
 */
function Film({ generation, film, isOver }) {
  const { video: file } = generation;
  const [hasPoster, setPoster] = useState(Boolean(file?.poster_url));
  const [isWhole, setWhole] = useState(false);
  const [wasOver, setWasOver] = useState(false);
  const [holder, isSeen] = useSeen();
  const { src, onError, onLoadedData } = useLink(generation);
  const isGif = file?.content_type === "image/gif";
  const plays = isOver && !wantsCalm();
  useEffect(() => {
    if (plays) {
      setWasOver(true);
      film.current?.play().catch(() => {});
    } else if (film.current) {
      film.current.pause();
      film.current.currentTime = FIRST;
    }
  }, [plays, wasOver]);
  const onLoad = (/** @type {Event} */ event) => {
    setWhole(true);
    learn(generation, event);
    onLoadedData();
  };
  const shown = { class: isWhole && (!hasPoster || plays) ? "film is-there" : "film", onError };
  const isLoaded = hasPoster ? wasOver : isSeen;
  return html`<span class="holder" ref=${holder}>
      ${hasPoster && html`<img class="film is-there" src=${file?.poster_url} alt="" loading="lazy" decoding="async" onLoad=${(event) => learn(generation, event)} onError=${() => setPoster(false)} />`}
      ${isLoaded &&
      (isGif
        ? html`<img ...${shown} src=${src} alt="" onLoad=${onLoad} />`
        : html`<video ...${shown} ref=${film} src="${src}#t=${FIRST}" muted loop playsinline preload="metadata" tabindex="-1"
            aria-hidden="true" disablepictureinpicture onLoadedData=${onLoad}></video>`)}
    </span>
    ${file?.duration && html`<span class="length">${file.has_sound && html`<${Icon} name="loud" />`}${clock(file.duration)}</span>`}`;
}

/**
 * Return a reference, and whether its element has been on the screen for a moment.
 * @returns {[RefObject<HTMLElement | null>, boolean]}
 */
function useSeen() {
  const [isSeen, setSeen] = useState(false);
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!element.current) return undefined;
    let timer = 0;
    const watch = new IntersectionObserver(
      ([entry]) => {
        clearTimeout(timer);
        if (entry?.isIntersecting) timer = setTimeout(() => setSeen(true), 120);
      },
      { rootMargin: "200px" },
    );
    watch.observe(element.current);
    return () => {
      watch.disconnect();
      clearTimeout(timer);
    };
  }, []);
  return [element, isSeen];
}
