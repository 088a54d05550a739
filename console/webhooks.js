/** What webhooks were told, and the secret by which their receivers know it. */

import { get, post } from "./api.js";
import { copy } from "./download.js";
import { count, dateTime, shortTime } from "./format.js";
import { html, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

const t = texts.webhooks;
const SHOWN = 50; // deliveries

export function Webhooks() {
  const [deliveries, setDeliveries] = useState(null);
  const [secret, setSecret] = useState(null);
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const page = await get("v2/webhooks/deliveries", { limit: SHOWN });
      setDeliveries(page.data);
      setProblem("");
      return page.data.some(({ status }) => status === "pending");
    } catch (error) {
      if (error.status !== 401) setProblem(error.message);
      throw error;
    }
  });
  const attempt = (run) => () => run().catch(sayError);
  const again = (id) =>
    attempt(async () => {
      await post(`v2/webhooks/deliveries/${id}/redeliver`);
      say(t.sentAgain);
      wake();
    });
  const show = attempt(async () => setSecret(await get("v2/webhooks/secret")));
  const rotate = attempt(async () => {
    if (await ask(t.rotateAsk, t.rotateHint, t.rotate)) setSecret(await post("v2/webhooks/secret/rotate"));
  });
  const copied = attempt(async () => say((await copy(secret.secret)) ? texts.copied : texts.notCopied));
  return html`<h2>${t.title}</h2>
    <p class="hint">${t.lead}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="actions">
      ${secret ? html`<button type="button" onClick=${copied}>${t.copySecret}</button>` : html`<button type="button" onClick=${show}>${t.showSecret}</button>`}
      <button type="button" class="danger" onClick=${rotate}>${t.rotate}</button>
    </div>
    ${secret && html`<p><code>${secret.secret}</code>${secret.previous_until && html`<br /><small>${t.previous(dateTime(secret.previous_until))}</small>`}</p>`}
    ${deliveries?.length === 0 && html`<p class="hint">${t.none}</p>`}
    ${deliveries?.length > 0 &&
    html`<div class="scroll" tabindex="0" role="region" aria-label=${t.deliveries}><table>
      <thead><tr><th scope="col">${t.when}</th><th scope="col">${t.status}</th><th scope="col">${t.url}</th><th scope="col" class="number">${t.attempts}</th><th scope="col"><span class="unseen">${t.again}</span></th></tr></thead>
      <tbody>${deliveries.map(
        (one) => html`<tr key=${one.id}>
          <td><a href=${to("video", one.generation_id)}><time dateTime=${one.created_at}>${shortTime(one.created_at)}</time></a></td>
          <td class="wide"><span class="state ${one.status}">${t.statuses[one.status]}</span>${one.problem && html`<br /><small>${one.problem}</small>`}</td>
          <td class="wide">${one.url}</td>
          <td class="number">${count(one.attempts)}</td>
          <td>${one.status !== "pending" && html`<button type="button" onClick=${again(one.id)}>${t.again}</button>`}</td>
        </tr>`,
      )}</tbody>
    </table></div>`}`;
}
