/** The deliveries of webhooks, and the secret that their receivers check. */

import { get, post, showProblem } from "./api.js";
import { copy } from "./download.js";
import { count, dateTime, readable, shortTime } from "./format.js";
import { html, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

/** @import { Delivery, WebhookSecret } from "./types.js" */

const t = texts.webhooks;
const SHOWN = 50; // deliveries

/** Render the deliveries of webhooks and their secret. */
export function Webhooks() {
  const [deliveries, setDeliveries] = useState(/** @type {Delivery[] | null} */ (null));
  const [secret, setSecret] = useState(/** @type {WebhookSecret | null} */ (null));
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const page = await get("v2/webhooks/deliveries", { limit: SHOWN });
      setDeliveries(page.data);
      setProblem("");
      return page.data.some(({ status }) => status === "pending");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
  });
  const reporting = (/** @type {() => Promise<void>} */ run) => () => run().catch(sayError);
  const again = (/** @type {string} */ id) =>
    reporting(async () => {
      await post(`v2/webhooks/deliveries/${id}/redeliver`);
      say(t.sentAgain);
      wake();
    });
  const show = reporting(async () => setSecret(await get("v2/webhooks/secret")));
  const rotate = reporting(async () => {
    if (await ask(t.rotateAsk, t.rotateHint, t.rotate)) setSecret(await post("v2/webhooks/secret/rotate"));
  });
  const copied = reporting(async () => {
    const isCopied = secret !== null && (await copy(secret.secret));
    say(isCopied ? texts.copied : texts.notCopied);
  });
  return html`<section class="panel stack"><h2>${t.title}</h2>
    <p class="hint">${t.lead}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="actions">
      ${secret ? html`<button type="button" onClick=${copied}>${t.copySecret}</button>` : html`<button type="button" onClick=${show}>${t.showSecret}</button>`}
      <button type="button" class="danger" onClick=${rotate}>${t.rotate}</button>
    </div>
    ${secret && html`<p><code>${secret.secret}</code>${secret.previous_until && html`<br /><small>${t.previous(dateTime(secret.previous_until))}</small>`}</p>`}
    ${deliveries?.length === 0 && html`<p class="hint">${t.none}</p>`}
    ${deliveries && deliveries.length > 0 &&
    html`<div class="scroll" tabindex="0" role="region" aria-label=${t.deliveries}><table>
      <thead><tr><th scope="col">${t.when}</th><th scope="col">${t.status}</th><th scope="col">${t.url}</th><th scope="col" class="number">${t.attempts}</th><th scope="col"><span class="unseen">${t.again}</span></th></tr></thead>
      <tbody>${deliveries.map(
        (one) => html`<tr key=${one.id}>
          <td><a href=${to("video", one.generation_id)}><time dateTime=${one.created_at}>${shortTime(one.created_at)}</time></a></td>
          <td class="wide"><span class="state ${one.status}">${t.statuses[one.status]}</span>${one.problem && html`<br /><small>${readable(one.problem)}</small>`}</td>
          <td class="wide">${one.url}</td>
          <td class="number">${count(one.attempts)}</td>
          <td>${one.status !== "pending" && html`<button type="button" onClick=${again(one.id)}>${t.again}</button>`}</td>
        </tr>`,
      )}</tbody>
    </table></div>`}</section>`;
}
