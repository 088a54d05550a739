/** What a video was made from, and which videos were made from it. */

import { get } from "./api.js";
import { count } from "./format.js";
import { Poster } from "./poster.js";
import { html, useEffect, useState } from "./html.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { sayError } from "./toasts.js";
import { fetchVideo, inputsOf, note, PATH, promptOf, video } from "./videos.js";

/** @import { Generation } from "./types.js" */

const t = texts.chain;
const MOST = 8; // steps back
const NEWER = 100; // generations that are searched at once for those that use a video

/**
 * Render the strip of a video: its inputs and their inputs, itself, and the newer videos that use it.
 * @param {{ generation: Generation }} props
 */
export function Chain({ generation }) {
  const { id } = generation;
  const [before, setBefore] = useState(/** @type {string[]} */ ([]));
  const [after, setAfter] = useState(/** @type {string[]} */ ([]));
  const [searched, setSearched] = useState({ count: 0, next: /** @type {string | null | undefined} */ (null) });
  const search = async (/** @type {string | undefined} */ cursor = undefined) => {
    const page = await get(PATH, { created_after: generation.meta.created_at, order: "oldest", limit: NEWER, cursor });
    const users = page.data.filter((one) => inputsOf(one).includes(id));
    users.forEach((one) => note(one, { isOfList: true }));
    return { users: users.map((one) => one.id), count: page.data.length, next: page.next_cursor };
  };
  const show = (/** @type {Awaited<ReturnType<typeof search>>} */ { users, count: more, next }) => {
    setAfter((some) => [...some, ...users]);
    setSearched((sum) => ({ count: sum.count + more, next }));
  };
  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      /** @type {string[]} */
      const found = [];
      let next = inputsOf(generation);
      while (next.length && found.length < MOST) {
        const some = await Promise.all(next.map((one) => fetchVideo(one).catch(() => null)));
        found.unshift(...next);
        next = some.flatMap((one) => (one ? inputsOf(one) : [])).filter((one) => !found.includes(one) && one !== id);
      }
      if (isCurrent) setBefore(found);
      const found_ = await search();
      if (isCurrent) show(found_);
    };
    load().catch(() => {}); // the strip is an addition: the page works without it
    return () => {
      isCurrent = false;
    };
  }, [id]);
  const isAlone = !before.length && !after.length;
  if (isAlone && !searched.next) return null;
  return html`<h2>${t.title}</h2>
    ${!isAlone && html`<ol class="parts" tabindex="0" aria-label=${t.title}>
      ${before.map((one) => html`<${Part} key=${one} id=${one} role_=${t.from} />`)}
      <${Part} key=${id} id=${id} role_=${t.this} isCurrent=${true} />
      ${after.map((one) => html`<${Part} key=${one} id=${one} role_=${t.by} />`)}
    </ol>`}
    ${searched.next && html`<p class="hint">${t.searched(count(searched.count))} <button type="button" class="link" onClick=${() => search(searched.next ?? undefined).then(show, sayError)}>${t.further}</button></p>`}`;
}

/** @param {{ id: string, role_: string, isCurrent?: boolean }} props */
function Part({ id, role_, isCurrent = false }) {
  const known = video(id).value;
  return html`<li><a href=${to("video", id)} aria-current=${isCurrent ? "true" : undefined}>
    <${Poster} generation=${known} />
    <small>${role_}</small><span class="prompt" dir="auto">${known ? promptOf(known).slice(0, 80) : t.gone}</span>
  </a></li>`;
}
