/** Two to four videos side by side, playing in step. */

import { showProblem } from "./api.js";
import { chosen, FIRST } from "./card.js";
import { length } from "./format.js";
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { useLink } from "./link.js";
import { loadModels, titleOf } from "./models.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { fetchVideo, promptOf, video } from "./videos.js";

/** @import { Generation, VideoRequest } from "./types.js" */

const t = texts.compare;
const MOST_APART = 0.08; // seconds between two videos that play in step
const SPEEDS = [0.25, 0.5, 1, 2];

/**
 * Render the page of two to four videos, whose ids are in `part`.
 * @param {{ part: string }} props
 */
export function Compare({ part }) {
  const ids = useMemo(() => part.split(",").filter(Boolean).slice(0, 4), [part]);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    loadModels().catch(() => {});
    Promise.all(ids.map(fetchVideo)).catch((error) => showProblem(error, setProblem));
    return () => {
      chosen.value = [];
    };
  }, [part]);
  const films = useRef(/** @type {Map<string, HTMLVideoElement>} */ (new Map()));
  const [isPlaying, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [whole, setWhole] = useState(0);
  const [speed, setSpeed] = useState(1);
  const all = () => [...films.current.values()].filter((film) => film.duration);
  const longest = () => Math.max(0, ...all().map((film) => film.duration));

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

  const seek = (/** @type {number} */ time) => {
    for (const film of all()) film.currentTime = Math.min(time, film.duration);
    setAt(time);
  };
  const generations = ids.map((id) => video(id).value).filter((one) => one !== null);
  if (ids.length < 2) return html`<div class="nothing"><h1>${t.title}</h1><p>${t.tooFew}</p><p><a class="button" href=${to()}>${texts.back}</a></p></div>`;
  return html`<section class="compare">
    <h1>${t.title}</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <ul class="side-by-side of-${ids.length}">
      ${generations.map(
        (generation) => html`<li key=${generation.id}>
          <div class="player">
            ${generation.video
              ? html`<${Film} generation=${generation} films=${films.current} onLength=${() => setWhole(longest())} />`
              : html`<span class="stage">${t.notReady}</span>`}
          </div>
          <p class="prompt"><a href=${to("video", generation.id)}>${promptOf(generation)}</a></p>
          <p class="facts"><span class="model">${titleOf(generation.meta.request.model)}</span> <${Settings} request=${generation.meta.request} /></p>
        </li>`,
      )}
    </ul>
    <div class="controls">
      <button type="button" class="primary" onClick=${() => setPlaying(!isPlaying)}>${isPlaying ? t.pause : t.play}</button>
      <button type="button" onClick=${() => seek(0)}>${t.restart}</button>
      <input type="range" min="0" max=${whole || 1} step="0.01" value=${at} aria-label=${t.position} aria-valuetext=${length(at)}
        onInput=${(event) => (setPlaying(false), seek(Number(event.target.value)))} />
      <label class="inline">${t.speed}
        <select value=${speed} onChange=${(event) => setSpeed(Number(event.target.value))}>
          ${SPEEDS.map((one) => html`<option key=${one} value=${one}>${one}×</option>`)}
        </select>
      </label>
    </div>
  </section>`;
}

/** @param {{ generation: Generation, films: Map<string, HTMLVideoElement>, onLength: () => void }} props */
function Film({ generation, films, onLength }) {
  const { src, onError, onLoadedData } = useLink(generation);
  const label = promptOf(generation).slice(0, 100);
  // The position of a GIF cannot be set: it plays on its own.
  if (generation.video?.content_type === "image/gif") return html`<img src=${src} alt=${label} onError=${onError} onLoad=${onLoadedData} />`;
  return html`<video ref=${(/** @type {HTMLVideoElement | null} */ film) => (film ? films.set(generation.id, film) : films.delete(generation.id))} src="${src}#t=${FIRST}"
    muted playsinline preload="auto" aria-label=${label} onLoadedMetadata=${onLength} onError=${onError} onLoadedData=${onLoadedData}></video>`;
}

/** @param {{ request: VideoRequest }} props */
function Settings({ request }) {
  const { model, prompt, ...others } = request;
  return Object.entries(others)
    .filter(([, value]) => typeof value !== "object")
    .map(([name, value]) => html`<span key=${name}>${name} ${String(value).slice(0, 40)}</span> `);
}
