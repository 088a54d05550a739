/** The videos that are selected in the gallery, in order, and the actions for them. */

import { Icon, IconButton } from "./icons.js";
import { saveVideo } from "./download.js";
import { count, usd } from "./format.js";
import { html, signal, useState } from "./html.js";
import { to } from "./route.js";
import { Tags } from "./tagging.js";
import { mayChange } from "./tags.js";
import { texts } from "./texts.js";
import { say, sayError } from "./toasts.js";
import { again, estimateOf, hasEnded, removeSoon, video } from "./videos.js";

const t = texts.selection;
export const MOST_COMPARED = 4;

/** The ids of the selected videos. */
export const chosen = signal(/** @type {string[]} */ ([]));
/** The video where a selection with Shift begins. */
let anchor = "";

/** Select nothing. */
export function chooseNone() {
  chosen.value = [];
}

/**
 * Select a video, or no longer. With Shift, do the same to all between it and the one before.
 * @param {string} id
 * @param {boolean} isChosen
 * @param {string[] | null} [range] the videos in the order of the page, if Shift was held
 */
export function choose(id, isChosen, range = null) {
  const [first, last] = [anchor, id].map((one) => range?.indexOf(one) ?? -1).sort((a, b) => a - b);
  const changed = range && first !== undefined && last !== undefined && first >= 0 ? range.slice(first, last + 1) : [id];
  const others = chosen.value.filter((one) => !changed.includes(one));
  chosen.value = isChosen ? [...others, ...changed] : others;
  anchor = id;
}

/** Render the bar of the selection. */
export function Chosen() {
  const ids = chosen.value;
  const [isBusy, setBusy] = useState(false);
  const [isTagging, setTagging] = useState(false);
  if (!ids.length) return null;
  const known = ids.map((id) => video(id).value).filter((one) => one !== null);
  const there = known.filter((one) => one.video);
  const failed = known.filter((one) => one.status === "error");
  const ended = known.filter(hasEnded);
  const price = failed.reduce((sum, one) => sum + (estimateOf(one) ?? 0), 0);
  const busy = (/** @type {() => Promise<void>} */ run) => async () => {
    if (isBusy) return;
    setBusy(true);
    await run().catch(sayError);
    setBusy(false);
  };
  const save = busy(async () => {
    for (const one of there) await saveVideo(one.id);
  });
  const retry = busy(async () => {
    for (const one of failed) {
      await again(one);
      choose(one.id, false); // if a later one fails, the next press must not pay for this one again
    }
    say(t.retried(failed.length));
    chooseNone();
  });
  const remove = () => {
    removeSoon(ended.map(({ id }) => id));
    chooseNone();
  };
  const onTagged = (/** @type {string[]} */ left) => {
    setTagging(false);
    chosen.value = left;
  };
  const canCompare = there.length > 1 && there.length <= MOST_COMPARED;
  return html`<div class="chosen" role="region" aria-label=${t.label}>
    <span role="status">${t.chosen(ids.length, count(ids.length))}</span>
    ${there.length > 0 && html`<button type="button" aria-busy=${isBusy} onClick=${save}><${Icon} name="download" /><span>${t.download(there.length)}</span></button>`}
    ${there.length > 1 &&
    (canCompare
      ? html`<a class="button" href=${to("compare", there.map(({ id }) => id).join(","))}><${Icon} name="compare" /><span>${texts.gallery.compare}</span></a>`
      : html`<button type="button" disabled title=${t.tooMany}><${Icon} name="compare" /><span>${t.compareFew}</span></button>`)}
    <button type="button" aria-keyshortcuts="t" disabled=${!mayChange.value} title=${mayChange.value ? undefined : texts.tags.readOnly} onClick=${() => setTagging(true)}><${Icon} name="tag" /><span>${texts.tags.button}</span></button>
    ${failed.length > 0 && html`<button type="button" aria-busy=${isBusy} onClick=${retry}><${Icon} name="retry" /><span>${t.retry(failed.length)}</span>${price > 0 && html`<span class="price">· ${usd(price)}</span>`}</button>`}
    ${ended.length > 0 && html`<button type="button" class="danger" aria-busy=${isBusy} onClick=${remove}><${Icon} name="remove" /><span>${t.remove(ended.length)}</span></button>`}
    <${IconButton} name="close" label=${texts.gallery.clearChoice} onClick=${chooseNone} />
    ${isTagging && html`<${Tags} ids=${ids} onClose=${onTagged} />`}
  </div>`;
}
