/** Two to four videos side by side, playing in step, as large as they fit. */

import { showProblem } from "./api.js";
import { FIRST } from "./card.js";
import { clock, length } from "./format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { Icon, IconButton } from "./icons.js";
import { useLink } from "./link.js";
import { loadModels, titleOf } from "./models.js";
import { to } from "./route.js";
import { chooseNone, MOST_COMPARED } from "./selection.js";
import { learn, ratioOf } from "./shape.js";
import { useShortcuts } from "./shortcuts.js";
import { hasTag, KEEP, loadTags, mayChange, toggle } from "./tags.js";
import { texts } from "./texts.js";
import { sayError } from "./toasts.js";
import { fetchVideo, promptOf, video } from "./videos.js";

/** @import { Generation, VideoRequest } from "./types.js" */

const t = texts.compare;
const MOST_APART = 0.08; // seconds between two videos that play in step
const SPEEDS = [0.25, 0.5, 1, 2];
const USUAL_RATE = 24; // frames a second
const GAP = 16; // pixels, as `.side-by-side` has
const TEXT = 68; // pixels below each player

/**
 * Return the height of the players for each number of rows from one, and choose the one that shows most: the sizes in order.
 * @param {number[]} ratios
 * @param {{ width: number, height: number }} room
 */
export function arranged(ratios, { width, height }) {
  const layouts = ratios.map((_, index) => {
    const rows = index + 1;
    const each = Math.ceil(ratios.length / rows);
    return ratios.map((ratio, at) => {
      const row = ratios.slice(Math.floor(at / each) * each, (Math.floor(at / each) + 1) * each);
      const sum = row.reduce((before, one) => before + one, 0);
      const high = Math.min((height - GAP * index) / rows - TEXT, (width - GAP * (row.length - 1)) / sum);
      return { width: Math.max(80, ratio * high), height: Math.max(80 / ratio, high) };
    });
  });
  const area = (/** @type {{ width: number, height: number }[]} */ layout) => layout.reduce((sum, one) => sum + one.width * one.height, 0);
  return layouts.sort((a, b) => area(b) - area(a))[0] ?? [];
}

/**
 * Render the page of two to four videos, whose ids are in `part`.
 * @param {{ part: string }} props
 */
export function Compare({ part }) {
  const ids = useMemo(() => part.split(",").filter(Boolean).slice(0, MOST_COMPARED), [part]);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    loadModels().catch(() => {});
    loadTags();
    Promise.all(ids.map(fetchVideo)).catch((error) => showProblem(error, setProblem));
    return chooseNone;
  }, [part]);
  const films = useRef(/** @type {Map<string, HTMLVideoElement>} */ (new Map()));
  const section = useRef(/** @type {HTMLElement | null} */ (null));
  const controls = useRef(/** @type {HTMLElement | null} */ (null));
  const [isPlaying, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [whole, setWhole] = useState(0);
  const [speed, setSpeed] = useState(1);
  const [heard, setHeard] = useState("");
  const [wipe, setWipe] = useState(/** @type {number | null} */ (null));
  const [room, setRoom] = useState({ width: 1000, height: 600 });
  const all = () => [...films.current.values()].filter((film) => film.duration);
  const longest = () => Math.max(0, ...all().map((film) => film.duration));
  useLayoutEffect(() => {
    const see = () => {
      if (!section.current || !controls.current) return;
      const { minHeight, paddingInline, paddingTop } = getComputedStyle(section.current);
      const width = section.current.clientWidth - 2 * parseFloat(paddingInline);
      const height = Math.max(300, parseFloat(minHeight) - parseFloat(paddingTop) - controls.current.offsetHeight - GAP);
      setRoom((before) => (before.width === width && before.height === height ? before : { width, height }));
    };
    see();
    const watch = new ResizeObserver(see);
    for (const one of [section.current, controls.current]) if (one) watch.observe(one);
    addEventListener("resize", see);
    document.addEventListener("fullscreenchange", see);
    return () => {
      watch.disconnect();
      removeEventListener("resize", see);
      document.removeEventListener("fullscreenchange", see);
    };
  }, []);

  // The longest leads; the others follow it and stay at their last frame when they end.
  useEffect(() => {
    if (!isPlaying) return undefined;
    let frame = 0;
    const step = () => {
      const leader = all().find((film) => film.duration === longest());
      if (leader) {
        if (leader.ended) seek(0);
        for (const film of all()) {
          const due = Math.min(leader.currentTime, film.duration);
          if (film !== leader && Math.abs(film.currentTime - due) > MOST_APART && !film.seeking) film.currentTime = due;
          if (film.paused && leader.currentTime < film.duration) film.play().catch(() => {});
        }
        setAt(leader.currentTime);
      }
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => {
      cancelAnimationFrame(frame);
      for (const film of all()) film.pause();
    };
  }, [isPlaying]);
  useEffect(() => {
    for (const film of films.current.values()) film.playbackRate = speed;
  }, [speed, whole]);
  useEffect(() => {
    for (const [id, film] of films.current) film.muted = id !== heard;
  }, [heard, whole]);

  const seek = (/** @type {number} */ time) => {
    for (const film of all()) film.currentTime = Math.min(time, film.duration);
    setAt(time);
  };
  const generations = ids.map((id) => video(id).value).filter((one) => one !== null);
  const rate = Math.max(USUAL_RATE, ...generations.map((one) => one.video?.frame_rate ?? 0));
  const step = (/** @type {number} */ frames) => {
    setPlaying(false);
    seek(Math.min(longest(), Math.max(0, (all()[0]?.currentTime ?? 0) + frames / rate)));
  };
  const play = () => setPlaying(!isPlaying);
  useShortcuts({
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    " ": (event) => {
      if (event.target instanceof Element && event.target.closest("button, a, summary")) return;
      event.preventDefault();
      play();
    },
  });
  const enlarge = () => {
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    else section.current?.requestFullscreen().catch(sayError);
  };
  if (ids.length < 2) return html`<div class="nothing"><h1>${t.title}</h1><p>${t.tooFew}</p><p><a class="button" href=${to()}>${texts.back}</a></p></div>`;
  const isWiped = wipe !== null && generations.length === 2;
  const sizes = isWiped ? generations.map((one) => arranged([ratioOf(one)], room)[0]) : arranged(generations.map(ratioOf), room);
  return html`<section class="compare" ref=${section}>
    <h1 class="unseen">${t.title}</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <ul class="side-by-side of-${ids.length} ${isWiped ? "is-wiped" : ""}">
      ${generations.map(
        (generation, index) => html`<li key=${generation.id} class=${hasTag(generation.meta.tags ?? [], KEEP) ? "is-kept" : ""} style=${{ width: `${sizes[index]?.width}px` }}>
          <div class="player" style=${{ width: `${sizes[index]?.width}px`, height: `${sizes[index]?.height}px`, "--wipe": `${wipe ?? 0}%` }}>
            ${generation.video
              ? html`<${Film} generation=${generation} films=${films.current} onLength=${() => setWhole(longest())} />`
              : html`<span class="stage">${t.notReady}</span>`}
          </div>
          <div class="named">
            <p class="prompt" dir="auto"><a href=${to("video", generation.id)}>${promptOf(generation)}</a></p>
            <${Keep} generation=${generation} />
            <p class="facts">
              <span class="model">${titleOf(generation.meta.request.model)}</span> <${Settings} request=${generation.meta.request} />
            </p>
          </div>
        </li>`,
      )}
    </ul>
    <div class="controls" ref=${controls}>
      <button type="button" class="primary" onClick=${play}><${Icon} name=${isPlaying ? "pause" : "play"} />${isPlaying ? t.pause : t.play}</button>
      <${IconButton} name="first" label=${t.restart} onClick=${() => seek(0)} />
      <${IconButton} name="previous" label=${t.previousFrame} onClick=${() => step(-1)} />
      <${IconButton} name="next" label=${t.nextFrame} onClick=${() => step(1)} />
      <input type="range" min="0" max=${whole || 1} step="0.01" value=${at} aria-label=${t.position} aria-valuetext=${length(at)}
        onInput=${(event) => (setPlaying(false), seek(Number(event.target.value)))} />
      <time>${clock(at)} / ${clock(whole)}</time>
      <label class="inline"><span class="unseen">${t.speed}</span>
        <select value=${speed} title=${t.speed} onChange=${(event) => setSpeed(Number(event.target.value))}>
          ${SPEEDS.map((one) => html`<option key=${one} value=${one}>${one}×</option>`)}
        </select>
      </label>
      <label class="inline"><${Icon} name=${heard ? "loud" : "mute"} /><span class="unseen">${t.sound}</span>
        <select value=${heard} title=${t.sound} onChange=${(event) => setHeard(event.target.value)}>
          <option value="">${t.silent}</option>
          ${generations.map((one, index) => html`<option key=${one.id} value=${one.id} disabled=${one.video?.has_sound === false}>${t.soundOf(index + 1)}</option>`)}
        </select>
      </label>
      ${generations.length === 2 && html`<${IconButton} name="wipe" label=${t.wipe} isOn=${isWiped} onClick=${() => setWipe(isWiped ? null : 50)} />`}
      ${isWiped && html`<input type="range" min="0" max="100" value=${wipe} aria-label=${t.wipeAt} onInput=${(event) => setWipe(Number(event.target.value))} />`}
      <${IconButton} name="full" label=${t.full} onClick=${enlarge} />
    </div>
  </section>`;
}

/** @param {{ generation: Generation, films: Map<string, HTMLVideoElement>, onLength: () => void }} props */
function Film({ generation, films, onLength }) {
  const { src, onError, onLoadedData } = useLink(generation);
  const label = promptOf(generation).slice(0, 100);
  const onLoad = (/** @type {Event} */ event) => (learn(generation, event), onLoadedData());
  // The position of a GIF cannot be set: it plays on its own.
  if (generation.video?.content_type === "image/gif") return html`<img src=${src} alt=${label} onError=${onError} onLoad=${onLoad} />`;
  return html`<video ref=${(/** @type {HTMLVideoElement | null} */ film) => (film ? films.set(generation.id, film) : films.delete(generation.id))} src="${src}#t=${FIRST}"
    muted playsinline preload="auto" aria-label=${label} onLoadedMetadata=${onLength} onError=${onError} onLoadedData=${onLoad}></video>`;
}

/**
 * The button that gives a video the tag of the kept ones, or takes it away.
 * @param {{ generation: Generation }} props
 */
function Keep({ generation: { id, meta } }) {
  const isKept = hasTag(meta.tags ?? [], KEEP);
  const may = mayChange.value;
  return html`<button type="button" class="keep" aria-pressed=${isKept} disabled=${!may} title=${may ? undefined : texts.tags.readOnly} onClick=${() => toggle(id, KEEP)}>
    <${Icon} name="check" /><span>${texts.tags.keep}</span>
  </button>`;
}

/** @param {{ request: VideoRequest }} props */
function Settings({ request }) {
  const { model, prompt, ...others } = request;
  return Object.entries(others)
    .filter(([, value]) => typeof value !== "object")
    .map(([name, value]) => html`<bdi key=${name}>${name} ${String(value).slice(0, 40)}</bdi> `);
}
