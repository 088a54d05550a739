/** The API keys that the key in use may see, with their names, last uses and expiry. */

import { get, showProblem } from "./api.js";
import { now } from "./clock.js";
import { date, relative } from "./format.js";
import { html, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { texts } from "./texts.js";

/** @import { Key } from "./types.js" */

const t = texts.keys;
const SOON = 14 * 86_400_000; // milliseconds

/** Render the list of the user's API keys. */
export function Keys() {
  const [keys, setKeys] = useState(/** @type {Key[] | null} */ (null));
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    try {
      setKeys((await get("v2/keys")).data);
      setProblem("");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
    return false;
  });
  const ending = (keys ?? []).filter(endsSoon);
  return html`<h2>${t.title}</h2>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${!keys && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${ending.map((one) => html`<p key=${one.id} class="failure">${t.ending(nameOf(one), relative(one.expires_at))}<code>promptreel keys rotate ${one.id}</code></p>`)}
    ${keys && html`<div class="scroll" tabindex="0" role="region" aria-label=${t.title}><table>
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.ends}</th><th scope="col">${t.scope}</th><th scope="col">${t.used}</th><th scope="col">${t.made}</th></tr></thead>
      <tbody>${keys.map(
        (one) => html`<tr key=${one.id}>
          <td class="wide">${one.name && html`${one.name}<br />`}<code>pr_${one.id}_…</code>${one.is_yours && html` <span class="state completed">${t.yours}</span>`}</td>
          <td><${End} at=${one.expires_at} isSoon=${endsSoon(one)} /></td>
          <td>${t.scopes[one.scope] ?? one.scope}</td>
          <td>${one.used_at ? html`<time dateTime=${one.used_at}>${relative(one.used_at)}</time>` : "–"}</td>
          <td><time dateTime=${one.created_at}>${date(one.created_at)}</time></td>
        </tr>`,
      )}</tbody>
    </table></div>`}
    <p class="hint">${t.hint}</p>`;
}

/** @param {Key} key */
const nameOf = ({ id, name }) => name || `pr_${id}`;

/**
 * @param {Key} key
 * @returns {key is Key & { expires_at: string }}
 */
function endsSoon(key) {
  const left = key.expires_at === null ? Infinity : Date.parse(key.expires_at) - now();
  return left > 0 && left < SOON;
}

/** @param {{ at: string | null, isSoon: boolean }} props */
function End({ at, isSoon }) {
  if (at === null) return t.never;
  const hasEnded = Date.parse(at) <= now();
  return html`<span class="state ${hasEnded ? "error" : isSoon ? "pending" : ""}">${hasEnded ? t.ended(relative(at)) : relative(at)}</span><br /><small><time dateTime=${at}>${date(at)}</time></small>`;
}
