/** The page of one video: the player, the request, the stages, and the buttons. */

import { showProblem, statusOf } from "./api.js";
import { FIRST, wantsCalm } from "./card.js";
import { copy, saveVideo } from "./download.js";
import { between, bytes, count, dateTime, length, readable, usd } from "./format.js";
import { html, useRef, useState } from "./html.js";
import { useLink } from "./link.js";
import { loadModels, models, takesOf, titleOf } from "./models.js";
import { usePoll } from "./poll.js";
import { go, to } from "./route.js";
import { Stage, stageName } from "./stage.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";
import { cancel, create, fetchVideo, gone, hasEnded, isCancelled, newKey, ownLink, promptOf, removeSoon, video } from "./videos.js";

/** @import { Cost, Failure as FailureAnswer, Generation, Value as JsonValue, VideoRequest } from "./types.js" */

const t = texts.video;

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
  if (problem && !generation) return html`<div class="nothing"><h1>${problem}</h1><p><a class="button" href=${to()}>${texts.back}</a></p></div>`;
  if (!generation) return html`<p class="nothing">${texts.loading}</p>`;
  const { meta } = generation;
  return html`<article class="one">
    <div class="screen">
      <${Screen} generation=${generation} />
      <${Actions} generation=${generation} />
    </div>
    <div class="about">
      <h1 class="prompt-whole">${promptOf(generation)}</h1>
      ${generation.error && !isCancelled(generation) && html`<${Failure} error=${generation.error} />`}
      <h2>${t.timeline}</h2>
      <${Timeline} generation=${generation} />
      <h2>${t.request}</h2>
      <${Request} request=${meta.request} />
      <h2>${t.facts}</h2>
      <${Facts} generation=${generation} />
    </div>
  </article>`;
}

/** @param {{ generation: Generation }} props */
function Screen({ generation }) {
  const { video: file, status } = generation;
  if (!file) {
    return html`<div class="player waiting">
      ${hasEnded(generation)
        ? html`<span class="stage ${isCancelled(generation) ? "cancelled" : status}"><strong>${stageName(generation)}</strong></span>`
        : html`<${Stage} generation=${generation} />`}
    </div>`;
  }
  return html`<div class="player"><${Player} generation=${generation} /></div>`;
}

/** @param {{ generation: Generation }} props */
function Player({ generation }) {
  const { src, onError, onLoadedData } = useLink(generation);
  const label = t.player(promptOf(generation).slice(0, 100));
  if (generation.video?.content_type === "image/gif") {
    return html`<img src=${src} alt=${label} onError=${onError} onLoad=${onLoadedData} />`;
  }
  return html`<video src=${wantsCalm() ? `${src}#t=${FIRST}` : src} controls loop playsinline muted autoplay=${!wantsCalm()}
    preload="auto" aria-label=${label} onError=${onError} onLoadedData=${onLoadedData}></video>`;
}

/** @param {{ generation: Generation }} props */
function Actions({ generation }) {
  const { id, meta } = generation;
  const [isSaving, setSaving] = useState(false);
  const nextKey = useRef(newKey()); // kept until it is accepted, so that a second press makes nothing twice
  const done = generation.video !== null; // it may have expired
  const reporting = (/** @type {() => Promise<void>} */ run) => () => run().catch(sayError);
  const again = reporting(async () => {
    const made = await create(meta.request, nextKey.current, { tag: (meta.tags ?? []).join(","), webhook: meta.webhook?.url });
    nextKey.current = newKey();
    say(t.started, { action: { label: t.started_, run: () => go("video", made.id) } });
    go("video", made.id);
  });
  const stop = reporting(async () => {
    if (!(await ask(t.cancelAsk, t.cancelHint, t.cancel))) return;
    await cancel(id);
    say(t.cancelled);
  });
  const save = reporting(async () => {
    setSaving(true);
    await saveVideo(id).finally(() => setSaving(false));
  });
  const copyLink = reporting(async () => {
    const file = await ownLink(id);
    const isCopied = file !== null && (await copy(file.url));
    say(isCopied ? t.linkCopied : texts.notCopied);
  });
  const extend = extending(meta.request.model);
  const drop = () => {
    removeSoon(id);
    go();
  };
  return html`<div class="actions">
    ${done && html`<button type="button" class="primary" disabled=${isSaving} onClick=${save}>${isSaving ? t.downloading : t.download}</button>`}
    ${done && html`<button type="button" title=${t.copyLinkHint} onClick=${copyLink}>${t.copyLink}</button>`}
    <button type="button" onClick=${again}>${t.again}</button>
    <a class="button" title=${t.varyHint} href=${to("make", { from: id, vary: "4" })}>${t.vary}</a>
    ${done && extend && html`<a class="button" href=${to("make", { model: extend, input: id })}>${t.extend}</a>`}
    ${done && html`<a class="button" href=${to("make", { input: id })}>${t.use}</a>`}
    ${!hasEnded(generation) && html`<button type="button" class="danger" onClick=${stop}>${t.cancel}</button>`}
    ${hasEnded(generation) && !gone.value.has(id) && html`<button type="button" class="danger" onClick=${drop}>${t.remove}</button>`}
  </div>`;
}

/**
 * Return the id of the same vendor's model that extends videos, if there is one.
 * @param {string} model
 */
function extending(model) {
  const vendor = models.value?.get(model)?.vendor;
  return [...(models.value?.values() ?? [])].find((one) => vendor && one.vendor === vendor && /extend/.test(one.id))?.id;
}

/** @param {{ error: FailureAnswer }} props */
function Failure({ error }) {
  return html`<div class="failure" role="note">
    <h2>${t.why}</h2>
    <p>${readable(error.message)} <code>${error.name}</code></p>
    ${error.remedy && html`<h2>${t.whatToDo}</h2><p>${withCode(error.remedy)}</p>`}
  </div>`;
}

/**
 * Show the commands in a text as code. They are in backquotes.
 * @param {string} text
 */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));

/**
 * When the job reached each stage, and how long that took.
 * @param {{ generation: Generation }} props
 */
function Timeline({ generation }) {
  const { meta, status } = generation;
  const end = status === "error" ? stageName(generation) : t.done;
  const reached = [
    { name: t.accepted, at: meta.created_at },
    { name: t.sent, at: meta.submitted_at },
    { name: t.generated, at: meta.generated_at },
    { name: end, at: meta.ended_at },
  ].flatMap(({ name, at }) => (at ? { name, at } : []));
  const takes = takesOf(meta.request.model);
  return html`<ol class="timeline">
      ${reached.map(
        ({ name, at }, index) => {
          const before = reached[index - 1]?.at;
          return html`<li key=${name}>
            <span>${name}</span> <time dateTime=${at}>${dateTime(at)}</time>
            ${before && html`<span class="after">${t.after(length(between(before, at)))}</span>`}
          </li>`;
        },
      )}
      ${!hasEnded(generation) && html`<li><${Stage} generation=${generation} /></li>`}
    </ol>
    ${!hasEnded(generation) && meta.waits_for && html`<${Awaited} ids=${meta.waits_for} />`}
    ${takes && html`<p class="hint">${t.usually(length(takes.median_seconds), length(takes.slowest_tenth_seconds))}</p>`}`;
}

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
    ${Object.entries(others).map(([name, value]) => html`<dt key=${`${name}:`}>${name}</dt><dd key=${name}><${Value} value=${value} /></dd>`)}
  </dl>`;
}

/** @param {{ value: JsonValue }} props */
function Value({ value }) {
  const source = typeof value === "string" && /^generation:([0-9a-f]{32})$/.exec(value);
  if (source) return html`<a href=${to("video", source[1])}>${value}</a>`;
  return typeof value === "string" ? value : html`<code>${JSON.stringify(value)}</code>`;
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
    ${meta.name && html`<dt>${t.name}</dt><dd>${meta.name}</dd>`}
    ${meta.tags && meta.tags.length > 0 && html`<dt>${t.tags}</dt><dd>${meta.tags.map((tag) => html`<a key=${tag} class="chip" href=${to("", { tag })}>${tag}</a> `)}</dd>`}
    ${meta.webhook && html`<dt>${t.webhook}</dt><dd>${meta.webhook.url}</dd>`}
    ${meta.batch && html`<dt>${t.batch}</dt><dd><a href=${to("batch", meta.batch.id)}>${meta.batch.id.slice(0, 8)}</a>, ${t.row(count(meta.batch.row))}</dd>`}
    ${file && html`<dt>${t.size}</dt><dd>${bytes(file.file_size)}, ${file.content_type}</dd>`}
    ${costOf(meta.cost) && html`<dt>${t.cost}</dt><dd>${costOf(meta.cost)}</dd>`}
    <dt>${t.source}</dt>
    <dd>${t.sources[meta.source.kind] ?? meta.source.kind}</dd>
  </dl>`;
}
