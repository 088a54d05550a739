/** The dialog to share a video: short links that anyone can open, with a lifetime, until they are revoked. */

import { call, get, post, showProblem } from "./api.js";
import { copy } from "./download.js";
import { count, relative } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { IconButton } from "./icons.js";
import { texts } from "./texts.js";
import { Dialog, say, sayError } from "./toasts.js";
import { newKey, PATH } from "./videos.js";

/** @import { Link } from "./types.js" */

const t = texts.links;
const HOUR = 3600; // seconds
const LIFETIMES = /** @type {const} */ ([HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, 0]);

/**
 * Render the dialog.
 * @param {{ id: string, onClose: () => void }} props
 */
export function Links({ id, onClose }) {
  const [links, setLinks] = useState(/** @type {Link[] | null} */ (null));
  const [seconds, setSeconds] = useState(/** @type {number} */ (LIFETIMES[2]));
  const [showsPrompt, setShowsPrompt] = useState(false);
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const nextKey = useRef(newKey());
  const load = async () => setLinks((await get(`${PATH}/${id}/links`)).data.filter(({ automatic }) => !automatic));
  const reporting = (/** @type {() => Promise<void>} */ run) => async () => {
    if (isBusy) return;
    setBusy(true);
    setProblem("");
    await run().catch((error) => showProblem(error, setProblem));
    setBusy(false);
  };
  useEffect(() => void reporting(load)(), [id]);
  const copied = async (/** @type {string} */ url) => say((await copy(url)) ? t.copied : texts.notCopied);
  const make = reporting(async () => {
    const terms = { expires_in: seconds || null, show_prompt: showsPrompt };
    const link = await post(`${PATH}/${id}/links`, terms, { headers: { "Idempotency-Key": nextKey.current } });
    nextKey.current = newKey();
    await copied(link.page_url);
    await load();
  });
  const revoke = (/** @type {number} */ number) =>
    reporting(async () => {
      await call("DELETE", `${PATH}/${id}/links/${number}`);
      await load();
      say(t.revoked);
    });
  return html`<${Dialog} title=${t.title} onClose=${onClose}>
    <p class="hint">${t.lead}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="row">
      <label class="inline">${t.lifetime}
        <select value=${seconds} onChange=${(event) => setSeconds(Number(event.target.value))}>
          ${LIFETIMES.map((one) => html`<option key=${one} value=${one}>${t.lifetimes[one]}</option>`)}
        </select>
      </label>
      <label class="check"><input type="checkbox" checked=${showsPrompt} onChange=${(event) => setShowsPrompt(event.target.checked)} />
        ${t.showPrompt}</label>
      <button type="button" class="primary" aria-busy=${isBusy} onClick=${() => make().catch(sayError)}>${t.make}</button>
    </div>
    ${links?.length === 0 && html`<p class="hint">${t.none}</p>`}
    ${links && links.length > 0 && html`<ul class="past" aria-label=${t.title}>
      ${links.map(
        (link) => html`<li key=${link.number}>
          <span class="stack close"><code>${link.page_url}</code>
            <small>${link.expires_at ? t.expires(relative(link.expires_at)) : t.never} · ${link.shows_prompt ? `${t.withPrompt} · ` : ""}${t.opens(link.opens_today, count(link.opens_today))}</small></span>
          <span class="row">
            <${IconButton} name="copy" label=${texts.video.copyLink} onClick=${() => copied(link.page_url)} />
            <${IconButton} name="remove" class="danger" label=${t.revoke} onClick=${revoke(link.number)} />
          </span>
        </li>`,
      )}
    </ul>`}
  <//>`;
}
