/** The page of an owner without videos: one click makes the first one, and the button says what it costs. */

import { post } from "./api.js";
import { readable, usd } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { change } from "./draft.js";
import { loadModels, models, modelWithSchema, titleOf } from "./models.js";
import { go } from "./route.js";
import { texts } from "./texts.js";
import { sayError } from "./toasts.js";
import { create, newKey } from "./videos.js";

/** @import { Estimate, VideoRequest } from "./types.js" */

const t = texts.welcome;
/** Models that make a good first video for little money and in little time. The first one that is offered is used. */
export const GOOD = ["google/veo-3.1-t2v-fast", "google/veo-3.0-fast", "bytedance/seedance-1-0-pro-fast"];
/** The idempotency key of each request, so that a second press makes nothing twice. */
const keys = /** @type {Map<string, string>} */ (new Map());

/** Return the id of the model to begin with. */
export function modelToBeginWith() {
  const all = models.value;
  return GOOD.find((id) => all?.has(id)) ?? [...(all?.values() ?? [])].find(({ kind }) => kind === "text-to-video")?.id ?? null;
}

/** Render the page. */
export function Welcome() {
  const [chosen, setChosen] = useState(0);
  const [request, setRequest] = useState(/** @type {VideoRequest | null} */ (null));
  const [estimate, setEstimate] = useState(/** @type {Estimate | null} */ (null));
  const [isSending, setSending] = useState(false);
  useEffect(() => void loadModels().catch(sayError), []);
  const model = modelToBeginWith();
  const prompt = t.prompts[chosen] ?? "";
  useEffect(() => {
    let isCurrent = true;
    const price = async () => {
      if (!model) return;
      const { schema } = await modelWithSchema(model);
      const { duration } = schema?.properties ?? {};
      const shortest = duration?.enum?.[0]; // the shortest is the cheapest
      const asked = { model, prompt, ...(shortest === undefined ? {} : { duration: shortest }) };
      const found = await post("v2/estimates", asked, { query: { strict: "true" } });
      if (!isCurrent) return;
      setRequest(asked);
      setEstimate(found);
    };
    price().catch(sayError);
    return () => {
      isCurrent = false;
    };
  }, [model, prompt]);
  const make = async () => {
    if (!request || isSending) return;
    setSending(true);
    try {
      const of = JSON.stringify(request);
      keys.set(of, keys.get(of) ?? newKey());
      const { id } = await create(request, keys.get(of) ?? "");
      keys.delete(of);
      go("video", id);
    } catch (error) {
      sayError(error);
      setSending(false);
    }
  };
  const open = () => {
    change({ model, values: { ...request, model: undefined, prompt }, pending: null });
    go("make");
  };
  const isPriced = estimate !== null && estimate.basis !== "reserve";
  return html`<div class="welcome stack">
    <h2>${t.title}</h2>
    <p class="hint">${t.lead}</p>
    <div class="pair" role="group" aria-label=${t.choose}>
      ${t.prompts.map(
        (text, index) => html`<button type="button" key=${index} class="panel" aria-pressed=${index === chosen} onClick=${() => setChosen(index)}>${text}</button>`,
      )}
    </div>
    <p class="row">
      <button type="button" class="primary" aria-busy=${isSending} disabled=${!request || estimate?.refused} onClick=${make}><${Icon} name="film" />${isPriced ? t.makeFor(usd(estimate.usd)) : t.make}</button>
      <button type="button" class="quiet" onClick=${open}>${t.other}</button>
    </p>
    <p class="hint">${(estimate?.refused && readable(estimate.refused)) || (model && t.model(titleOf(model), isPriced ? usd(estimate.usd) : ""))}</p>
  </div>`;
}
