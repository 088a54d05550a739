/** The key in use with its budgets, and the API keys that it may see, with their names, last uses and expiry. */

import { get, showProblem } from "./api.js";
import { Figures } from "./budgets.js";
import { now } from "./clock.js";
import { date, relative } from "./format.js";
import { html, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { texts } from "./texts.js";

/** @import { Budget, Key } from "./types.js" */

const t = texts.keys;
const SOON = 14 * 86_400_000; // milliseconds

/** Render the user's key, what it may still spend, and the list of the user's API keys. */
export function Keys() {
  const [keys, setKeys] = useState(/** @type {Key[] | null} */ (null));
  const [budgets, setBudgets] = useState(/** @type {Budget[]} */ ([]));
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    try {
      const [found, limits] = await Promise.all([get("v2/keys"), get("v2/budgets")]);
      setKeys(found.data);
      setBudgets(limits.data);
      setProblem("");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
    return false;
  });
  const ending = (keys ?? []).filter(endsSoon);
  const own = keys?.find((one) => one.is_yours);
  return html`${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${!keys && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${ending.map((one) => html`<p key=${one.id} class="failure">${t.ending(nameOf(one), relative(one.expires_at))}<code>promptreel keys rotate ${one.id}</code></p>`)}
    ${own && html`<${Figures} budgets=${budgets}><${Own} own=${own} /><//>`}
    ${keys && html`<section class="panel stack"><h2>${t.title}</h2><div class="scroll" tabindex="0" role="region" aria-label=${t.title}><table>
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.ends}</th><th scope="col">${t.scope}</th><th scope="col">${t.used}</th><th scope="col">${t.made}</th></tr></thead>
      <tbody>${keys.map(
        (one) => html`<tr key=${one.id}>
          <td class="wide">${one.name && html`<bdi>${one.name}</bdi><br />`}<code>pr_${one.id}_…</code>${one.is_yours && html` <span class="state completed">${t.yours}</span>`}</td>
          <td><${End} at=${one.expires_at} isSoon=${endsSoon(one)} /></td>
          <td>${t.scopes[one.scope] ?? one.scope}</td>
          <td>${one.used_at ? html`<time dateTime=${one.used_at}>${relative(one.used_at)}</time>` : "–"}</td>
          <td><time dateTime=${one.created_at}>${date(one.created_at)}</time></td>
        </tr>`,
      )}</tbody>
    </table></div>
    <p class="hint">${t.hint}</p></section>`}`;
}

/**
 * Render the key in use, with how much of its life is over.
 * @param {{ own: Key }} props
 */
function Own({ own }) {
  const { created_at: from, expires_at: until } = own;
  const whole = until === null ? 0 : Date.parse(until) - Date.parse(from);
  const left = until === null ? 1 : Math.min(1, Math.max(0, (Date.parse(until) - now()) / whole));
  return html`<li class="panel">
      <small>${t.own}</small>
      <strong dir="auto">${nameOf(own)}</strong>
      <small><code>pr_${own.id}_…</code> · ${t.may[own.scope] ?? own.scope}</small>
    </li>
    <li class="panel">
      <small>${t.ends}</small>
      <strong>${until === null ? t.never : html`<time dateTime=${until}>${relative(until)}</time>`}</strong>
      ${until !== null && html`<span class="progress" role="meter" aria-label=${t.life} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(left * 100)}><span class="part ${endsSoon(own) ? "error" : "completed"}" style=${{ flexBasis: `${left * 100}%` }}></span></span>`}
      <small>${until !== null && html`<time dateTime=${until}>${date(until)}</time> · `}${t.madeAt} <time dateTime=${from}>${date(from)}</time></small>
    </li>`;
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
