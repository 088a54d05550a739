/** The page of one video: the player, the request, the stages, and the buttons. */

import { showProblem, statusOf } from "./api.js";
import { FIRST, wantsCalm } from "./card.js";
import { Chain } from "./chain.js";
import { saveVideo } from "./download.js";
import { bytes, clock, count, readable, usd } from "./format.js";
import { lastFilters, neighbours } from "./gallery.js";
import { html, useEffect, useState } from "./html.js";
import { Icon, IconButton } from "./icons.js";
import { useLink } from "./link.js";
import { Links } from "./links.js";
import { Menu } from "./menu.js";
import { loadModels, models, titleOf } from "./models.js";
import { usePoll } from "./poll.js";
import { go, replace, to } from "./route.js";
import { fitted, learn, ratioOf } from "./shape.js";
import { useShortcuts } from "./shortcuts.js";
import { Stage, stageName } from "./stage.js";
import { texts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { title } from "./title.js";
import { ask, say, sayError } from "./toasts.js";
import { again, cancel, estimateOf, fetchVideo, gone, hasEnded, isCancelled, promptOf, removeSoon, video } from "./videos.js";

/** @import { Cost, Failure as FailureAnswer, Generation, Value as JsonValue, VideoRequest } from "./types.js" */

const t = texts.video;
const LONG = 240; // characters
const HIGHEST = "(100vh - 13rem)"; // so that the buttons below the player are on the screen

/**
 * Render the page of one video.
 * @param {{ part: string }} props
 */
export function Video({ part: id }) {
  const generation = video(id).value;
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    loadModels().catch(() => {});
    try {
      const fetched = await fetchVideo(id);
      setProblem("");
      return !hasEnded(fetched);
    } catch (error) {
      if (statusOf(error) === 404) setProblem(t.missing);
      else showProblem(error, setProblem);
      throw error;
    }
  }, [id]);
  const prompt = generation && promptOf(generation);
  useEffect(() => {
    if (prompt) title.value = prompt.slice(0, 100);
  }, [prompt]);
  if (problem && !generation) return html`<div class="nothing"><h1>${problem}</h1><p><a class="button" href=${to()}>${texts.back}</a></p></div>`;
  if (!generation) return html`<div class="one"><div class="screen skeleton"><div class="player thumb" style=${fitted(16 / 9, HIGHEST)}></div></div></div>`;
  const { meta } = generation;
  return html`<article class="one">
    <div class="screen">
      <${Screen} generation=${generation} />
      <${Actions} generation=${generation} />
    </div>
    <div class="about">
      <${Neighbours} id=${id} />
      <h1 class="prompt-whole" dir="auto" tabindex=${focusable(prompt ?? "")}>${prompt}</h1>
      ${generation.error && !isCancelled(generation) && html`<${Failure} error=${generation.error} />`}
      <${Chain} key=${id} generation=${generation} />
      <${Timeline} generation=${generation} />
      ${!hasEnded(generation) && meta.waits_for && html`<${Awaited} ids=${meta.waits_for} />`}
      <h2>${t.request}</h2>
      <${Request} request=${meta.request} />
      <h2>${t.facts}</h2>
      <${Facts} generation=${generation} />
    </div>
  </article>`;
}

/**
 * Return the `tabindex` of an element that scrolls if its text is long, so that the keyboard can scroll it.
 * @param {string} text
 */
const focusable = (text) => (text.length > LONG ? 0 : undefined);

/**
 * The way back to the list, and to the videos next to this one in it.
 * @param {{ id: string }} props
 */
function Neighbours({ id }) {
  const { newer, older } = neighbours(id);
  const open = (/** @type {string | undefined} */ other) => other && replace("video", other);
  useShortcuts({
    ArrowLeft: (event) => !isOnPlayer(event) && open(newer),
    ArrowRight: (event) => !isOnPlayer(event) && open(older),
    Escape: () => go("", { ...lastFilters() }),
    " ": (event) => {
      const film = /** @type {HTMLVideoElement | null} */ (document.querySelector(".player video"));
      if (!film || (event.target instanceof Element && event.target.closest("button, a, summary, video"))) return;
      event.preventDefault();
      if (film.paused) film.play().catch(() => {});
      else film.pause();
    },
  });
  return html`<div class="row">
    <a class="button quiet" href=${to("", { ...lastFilters() })}>${texts.back}</a>
    <${IconButton} name="back" label=${t.newer} disabled=${!newer} onClick=${() => open(newer)} />
    <${IconButton} name="forth" label=${t.older} disabled=${!older} onClick=${() => open(older)} />
  </div>`;
}

/**
 * Return whether the player has the keyboard: its arrow keys wind.
 * @param {KeyboardEvent} event
 */
const isOnPlayer = ({ target }) => target instanceof HTMLVideoElement;

/** @param {{ generation: Generation }} props */
function Screen({ generation }) {
  const { video: file, status } = generation;
  if (!file) {
    return html`<div class="player waiting" style=${fitted(hasEnded(generation) ? 6 : ratioOf(generation), HIGHEST)}>
      ${hasEnded(generation)
        ? html`<span class="stage ${isCancelled(generation) ? "cancelled" : status}"><strong>${stageName(generation)}</strong></span>`
        : html`<${Stage} generation=${generation} />`}
    </div>`;
  }
  return html`<div class="player" style=${fitted(ratioOf(generation), HIGHEST)}><${Player} key=${generation.id} generation=${generation} /></div>`;
}

/** @param {{ generation: Generation }} props */
function Player({ generation }) {
  const { src, onError, onLoadedData } = useLink(generation);
  const label = t.player(promptOf(generation).slice(0, 100));
  const onLoad = (/** @type {Event} */ event) => (learn(generation, event), onLoadedData());
  if (generation.video?.content_type === "image/gif") {
    return html`<img src=${src} alt=${label} onError=${onError} onLoad=${onLoad} />`;
  }
  return html`<video src=${wantsCalm() ? `${src}#t=${FIRST}` : src} poster=${generation.video?.poster_url ?? undefined} controls loop playsinline muted
    autoplay=${!wantsCalm()} preload="auto" aria-label=${label} onError=${onError} onLoadedMetadata=${(/** @type {Event} */ event) => learn(generation, event)} onLoadedData=${onLoad}></video>`;
}

/** @param {{ generation: Generation }} props */
function Actions({ generation }) {
  const { id, meta } = generation;
  const [isSaving, setSaving] = useState(false);
  const [isSharing, setSharing] = useState(false);
  const done = generation.video !== null; // it may have expired
  const hasFailed = generation.status === "error";
  const reporting = (/** @type {() => Promise<void>} */ run) => () => run().catch(sayError);
  const repeat = reporting(async () => {
    const made = await again(generation);
    say(t.started, { action: { label: t.started_, run: () => go("video", made.id) } });
    go("video", made.id);
  });
  const stop = reporting(async () => {
    if (!(await ask(t.cancelAsk, t.cancelHint, t.cancel))) return;
    await cancel(id);
    say(t.cancelled);
  });
  const save = reporting(async () => {
    if (isSaving) return;
    setSaving(true);
    await saveVideo(id).finally(() => setSaving(false));
  });
  const extend = extending(meta.request.model);
  const drop = () => {
    removeSoon([id]);
    go("", { ...lastFilters() });
  };
  const price = estimateOf(generation);
  return html`<div class="actions">
    ${done && html`<button type="button" class="primary" aria-busy=${isSaving} onClick=${save}><${Icon} name="download" />${isSaving ? t.downloading : t.download}</button>`}
    ${done && html`<button type="button" onClick=${() => setSharing(true)}><${Icon} name="share" />${t.share}</button>`}
    <button type="button" class=${hasFailed ? "primary" : ""} onClick=${repeat}><${Icon} name="retry" />${hasFailed ? t.retry(price === null ? "" : usd(price)) : t.again(price === null ? "" : usd(price))}</button>
    <a class="button" title=${t.varyHint} href=${to("make", { from: id, vary: "4" })}><${Icon} name="vary" />${t.vary}</a>
    ${done && extend && html`<a class="button" href=${to("make", { model: extend, input: id })}><${Icon} name="extend" />${t.extend}</a>`}
    ${!hasEnded(generation) && html`<button type="button" class="danger" onClick=${stop}>${t.cancel}</button>`}
    ${done && html`<${Menu} icon="more" label=${t.more}>
      <a class="button" href=${to("make", { input: id })}>${t.use}</a>
      <a class="button" href=${to("make", { from: id })}>${t.edit}</a>
    <//>`}
    ${hasEnded(generation) && !gone.value.has(id) && html`<${IconButton} name="remove" class="danger" label=${t.remove} onClick=${drop} />`}
    ${isSharing && html`<${Links} id=${id} onClose=${() => setSharing(false)} />`}
  </div>`;
}

/**
 * Return the id of the same vendor's model that extends videos, the one with the most similar name if there are several.
 * @param {string} model
 */
export function extending(model) {
  const all = models.value;
  const vendor = all?.get(model)?.vendor;
  const words = new Set(model.split(/[^a-z0-9]+/i));
  const alike = (/** @type {string} */ id) => id.split(/[^a-z0-9]+/i).filter((word) => words.has(word)).length;
  const found = [...(all?.values() ?? [])].filter((one) => vendor && one.vendor === vendor && /extend/.test(one.id));
  return found.sort((a, b) => alike(b.id) - alike(a.id))[0]?.id;
}

/** @param {{ error: FailureAnswer }} props */
function Failure({ error }) {
  return html`<div class="failure" role="note">
    <h2>${t.why}</h2>
    <p dir="auto">${readable(error.message)} <code>${error.name}</code></p>
    ${error.remedy && html`<h2>${t.whatToDo}</h2><p dir="auto">${withCode(error.remedy)}</p>`}
  </div>`;
}

/**
 * Show the commands in a text as code. They are in backquotes.
 * @param {string} text
 */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));

/**
 * The running jobs whose videos are the inputs of this one.
 * @param {{ ids: string[] }} props
 */
function Awaited({ ids }) {
  return html`<p>${t.waitsFor} ${ids.map((id, index) => {
    const known = video(id).value;
    return html`${index > 0 && ", "}<a key=${id} href=${to("video", id)}>${known ? promptOf(known).slice(0, 60) : id.slice(0, 8)}</a>`;
  })}</p>`;
}

/** @param {{ request: VideoRequest }} props */
function Request({ request }) {
  const { model, prompt, ...others } = request;
  return html`<dl>
    <dt>${t.model}</dt>
    <dd>${titleOf(model)} <code>${model}</code></dd>
    ${Object.entries(others).map(([name, value]) => html`<dt key=${`${name}:`}><bdi>${name}</bdi></dt><dd key=${name} tabindex=${focusable(JSON.stringify(value))}><${Value} value=${value} /></dd>`)}
  </dl>`;
}

/** @param {{ value: JsonValue }} props */
function Value({ value }) {
  const source = typeof value === "string" && /^generation:([0-9a-f]{32})$/.exec(value);
  if (source) return html`<a href=${to("video", source[1])}>${value}</a>`;
  return typeof value === "string" ? html`<bdi>${value}</bdi>` : html`<code>${JSON.stringify(value)}</code>`;
}

/**
 * Return what a video cost, or will cost as far as that is known.
 * @param {Cost | undefined} cost
 */
function costOf(cost) {
  if (!cost) return null;
  if (cost.actual_usd !== null) return cost.actual_usd === 0 ? t.notCharged : usd(cost.actual_usd);
  return cost.estimated_usd === null ? null : t.estimated(usd(cost.estimated_usd));
}

/** @param {{ generation: Generation }} props */
function Facts({ generation }) {
  const { id, meta, video: file } = generation;
  return html`<dl>
    <dt>${t.id}</dt>
    <dd><code>${id}</code></dd>
    ${meta.name && html`<dt>${t.name}</dt><dd dir="auto" tabindex=${focusable(meta.name)}>${meta.name}</dd>`}
    ${meta.tags && meta.tags.length > 0 && html`<dt>${t.tags}</dt><dd>${meta.tags.map((tag) => html`<a key=${tag} class="chip" href=${to("", { tag })}>${tag}</a> `)}</dd>`}
    ${meta.webhook && html`<dt>${t.webhook}</dt><dd>${meta.webhook.url}</dd>`}
    ${meta.batch && html`<dt>${t.batch}</dt><dd><a href=${to("batch", meta.batch.id)}>${meta.batch.id.slice(0, 8)}</a>, ${t.row(count(meta.batch.row))}</dd>`}
    ${file && html`<dt>${t.size}</dt><dd>${[file.width && file.height && `${file.width} × ${file.height}`, file.duration && clock(file.duration), file.frame_rate && t.frames(count(Math.round(file.frame_rate))), typeof file.has_sound === "boolean" && (file.has_sound ? t.sound : t.noSound), bytes(file.file_size), file.content_type].filter(Boolean).join(", ")}</dd>`}
    ${costOf(meta.cost) && html`<dt>${t.cost}</dt><dd>${costOf(meta.cost)}</dd>`}
    <dt>${t.source}</dt>
    <dd>${t.sources[meta.source.kind] ?? meta.source.kind}</dd>
  </dl>`;
}
