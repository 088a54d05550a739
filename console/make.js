/** The page to request videos: a model, the form of its schema, and the results. */

import { ApiError, get, messageOf, post, showProblem, statusOf } from "./api.js";
import { Card } from "./card.js";
import { wait } from "./clock.js";
import { change, clear, draft, isEmpty, made, setValue } from "./draft.js";
import { ago, readable, usd } from "./format.js";
import { Field, isJson } from "./form.js";
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { Icon, IconButton } from "./icons.js";
import { loadModels, models, modelWithSchema, titleOf } from "./models.js";
import { ModelChoice } from "./picker.js";
import { usePoll } from "./poll.js";
import { Poster } from "./poster.js";
import { Presets } from "./presets.js";
import { pageOfAddress, replace, route, to } from "./route.js";
import { recent } from "./settings.js";
import { fieldsOf, mediaOf, problemsOf, requestOf, seedsFor, typedOf } from "./schema.js";
import { texts } from "./texts.js";
import { say, sayError } from "./toasts.js";
import { create, fetchVideo, gone, hasEnded, newKey, note, PATH, promptOf, video } from "./videos.js";
import { modelToBeginWith } from "./welcome.js";

/** @import { Budget, Estimate as EstimateAnswer, Field as FieldShape, Generation, Label, ModelWithSchema, Value, Values, VideoRequest } from "./types.js" */

const t = texts.make;
const MOST = 8; // variations
const REMEMBERED = 8; // models that were used last
const REPEATED = 40; // generations whose prompts may be offered again
const OFFERED = 12; // prompts
const TRIES = 4; // attempts of a call that the API throttles
/** @type {FieldShape} */
const PROMPT = { name: "prompt", path: "prompt", label: texts.video.prompt, hint: "", kind: "long", required: true, isFirst: true };
// What the provider does not see: these are in the query of the call.
/** @type {(FieldShape & { name: keyof Label })[]} */
const LABEL = [
  { name: "tag", path: "tag", label: t.tags, hint: t.tagsHint, kind: "text", required: false },
  { name: "webhook", path: "webhook", label: t.webhook, hint: t.webhookHint, kind: "text", required: false },
];
/** @type {FieldShape} */
const OTHERS = { name: "others", path: "others", label: t.json, hint: t.noSchema, kind: "json", required: false, isFirst: true };

/** Render the page to request videos. */
export function Make() {
  const { from, vary, input, model: asked } = route.value.query;
  const [details, setDetails] = useState(/** @type {ModelWithSchema | null} */ (null));
  const [problem, setProblem] = useState("");
  const { model } = draft.value;
  const [isLoading, setLoading] = useState(true);
  useEffect(() => void loadModels().catch(sayError).finally(() => setLoading(false)), []);
  // A newcomer begins with a model that suits most; others with the one that they used last.
  const first = recent.value.find((id) => models.value?.has(id)) ?? modelToBeginWith();
  const isFree = !model && !from && !input && !asked && !draft.value.input;
  useEffect(() => {
    if (isFree && first) change({ model: first });
  }, [isFree, first]);
  useEffect(() => void prefill({ from, vary, input, asked }).catch(sayError), [from, input, asked]);
  useEffect(() => {
    let isCurrent = true;
    setDetails(null);
    setProblem("");
    if (model) {
      modelWithSchema(model).then(
        (found) => {
          if (isCurrent) setDetails(found);
        },
        (error) => {
          if (isCurrent) setProblem(messageOf(error));
        },
      );
    }
    return () => {
      isCurrent = false;
    };
  }, [model]);
  const pending = useInput(details);
  return html`<div class="make">
    <section class="ask" aria-label=${t.title}>
      <h1 class="unseen">${t.title}</h1>
      ${pending && html`<p class="hint" role="status">${t.using}</p>`}
      ${isFree && (isLoading || first) ? html`<p class="hint">${texts.loading}</p>` : html`<${ModelChoice} model=${model} takesVideo=${pending !== null} />`}
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      ${details && html`<${Form} key=${details.id} details=${details} />`}
    </section>
    <div class="stack"><${Results} /><${Repeats} /></div>
  </div>`;
}

/**
 * Fill the form with what the link to this page has: the request of an earlier video, a video as input, or a model.
 * @param {{ from?: string, vary?: string, input?: string, asked?: string }} link
 */
async function prefill({ from, vary, input, asked }) {
  if (from) {
    const { meta } = await fetchVideo(from);
    const found = await modelWithSchema(meta.request.model).catch(() => null); // it may not be offered any more
    const { model, values } = typedOf(meta.request, found?.schema !== null);
    if (vary) delete /** @type {Values} */ (values.others ?? values).seed;
    change({ model, values, label: { tag: (meta.tags ?? []).join(", "), webhook: meta.webhook?.url }, count: Number(vary) || 1, pending: null });
  } else if (asked || input) {
    change({ model: asked ?? null, input, pending: null });
  }
  // The reader may have opened another page in the meantime.
  if ((from || asked || input) && pageOfAddress() === "make") replace("make");
}

/**
 * Make the chosen video an input as soon as a model is chosen that accepts it. Return its id until then, else null.
 * @param {ModelWithSchema | null} details
 */
function useInput(details) {
  const { input } = draft.value;
  useEffect(() => {
    if (!input || !details?.schema) return;
    const field = fieldsOf(details.schema, details.inputs).find((one) => mediaOf(one)?.includes("video"));
    if (!field) return;
    const reference = `generation:${input}`;
    setValue(field.name, field.kind === "list" ? [reference] : reference);
    change({ input: undefined });
  }, [input, details]);
  return input ?? null;
}

/** The kinds of fields that fit next to each other. */
const SHORT = ["text", "number", "choice", "switch"];

/** @param {{ details: ModelWithSchema }} props */
function Form({ details }) {
  const { values, label, count, pending } = draft.value;
  const fields = useMemo(() => (details.schema ? fieldsOf(details.schema, details.inputs) : [PROMPT, OTHERS]), [details]);
  const [problems, setProblems] = useState(/** @type {Record<string, string | undefined>} */ ({}));
  const [sending, setSending] = useState(/** @type {number | null} */ (null)); // how many were accepted
  const [hasMedia, setMedia] = useState(false);
  const [arePresets, setPresets] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const set = (/** @type {string} */ name) => (/** @type {Value} */ value) => {
    setValue(name, value);
    if (problems[name] || problems[""]) setProblems({ ...problems, [name]: undefined, "": undefined });
  };
  const seed = fields.find(({ name }) => name === "seed");
  const shown = (/** @type {FieldShape} */ one) => html`<${Field} key=${one.name} field=${one} value=${values[one.name]} onChange=${set(one.name)} problem=${problems[one.name]} />`;
  const isShort = (/** @type {FieldShape} */ { kind }) => SHORT.includes(kind);
  const inRows = (/** @type {FieldShape[]} */ some) => html`${some.filter((one) => !isShort(one)).map(shown)}
    ${some.some(isShort) && html`<div class="pair">${some.filter(isShort).map(shown)}</div>`}`;
  const others = fields.filter(({ isFirst }) => !isFirst);
  const isSpare = (/** @type {FieldShape} */ one) => !one.required && mediaOf(one) !== undefined && !filled(values[one.name]) && !problems[one.name];
  const firsts = fields.filter(({ isFirst }) => isFirst);
  const spare = firsts.filter(isSpare);

  const asRequest = () => {
    const request = requestOf(details.id, fields.filter(({ kind, name }) => kind !== "json" || isJson(values[name] ?? "")), values);
    return details.schema ? request : { .../** @type {Values} */ (request.others), model: details.id, prompt: request.prompt };
  };
  const isWhole = fields.every(({ name, required }) => !required || filled(values[name]));
  const { estimate, left: limit } = useEstimate(isWhole ? asRequest() : null);
  // The focus moves to the first wrong field, and otherwise stays where it was.
  const showFirst = () =>
    requestAnimationFrame(() => {
      const first = form.current?.querySelector(".problem:not(:empty)");
      const field = first?.closest("[data-field]");
      const control = field?.querySelector("[aria-invalid=true], input:not([type=file]), textarea, select, button") ?? first?.closest("[tabindex]");
      /** @type {HTMLElement | null | undefined} */ (control)?.focus({ preventScroll: true });
      first?.scrollIntoView({ block: "center" });
    });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (sending !== null) return;
    const bad = fields.find(({ kind, name }) => kind === "json" && values[name] && !isJson(values[name]));
    if (bad) {
      setProblems({ [bad.name]: t.notJson });
      showFirst();
      return;
    }
    const request = asRequest();
    setProblems({});
    setSending(0);
    try {
      await send(request, seedsFor(seed, request, count), label, count, setSending);
      recent.value = [details.id, ...recent.value.filter((id) => id !== details.id)].slice(0, REMEMBERED);
      say(t.accepted(count));
    } catch (error) {
      if (error instanceof ApiError && error.problems.length) setProblems(problemsOf(error.problems, [...fields, ...LABEL]));
      else showProblem(error, (message) => setProblems({ "": message }));
      showFirst();
    } finally {
      setSending(null);
    }
  };
  const isOpen =
    others.some(({ name }) => problems[name] || filled(values[name])) || LABEL.some(({ name }) => problems[name] || filled(label[name]));
  const left = pending?.requests.length ?? 0;
  const sent = pending && left ? pending.count - left : 0;
  const many = sent > 0 ? left : count;
  const price = estimate && estimate.basis !== "reserve" ? ` · ${usd(estimate.usd * many)}` : "";
  const button = sending !== null ? t.sending(sending, count) : (sent > 0 ? t.rest(left) : t.button(count)) + price;
  const empty = () => {
    clear();
    say(t.cleared);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  return html`<form ref=${form} class="stack" onSubmit=${submit} onKeyDown=${onKeyDown} onDragEnter=${() => setMedia(true)} noValidate>
    ${problems[""] && html`<div class="failure" role="alert" tabindex="-1"><strong>${t.general}</strong><p class="problem">${problems[""]}</p></div>`}
    ${inRows(firsts.filter((one) => !isSpare(one) && mediaOf(one)?.length !== 0 && !isShort(one)))}
    ${spare.length > 0 &&
    html`${!hasMedia && html`<p><button type="button" onClick=${() => setMedia(true)}><${Icon} name="image" />${t.addMedia} <small>${spare.map((one) => one.label).join(", ")}</small></button></p>`}
      <div class="stack" hidden=${!hasMedia}>${spare.map(shown)}</div>`}
    ${inRows(firsts.filter(isShort))}
    <details open=${isOpen}>
      <summary>${t.settings} <small>${others.length + LABEL.length}</small></summary>
      <div class="stack">
        ${inRows(others)}
        <div class="pair">${LABEL.map(
          (one) => html`<${Field} key=${one.name} field=${one} value=${label[one.name]} problem=${problems[one.name]}
            onChange=${(/** @type {string} */ value) => change({ label: { ...label, [one.name]: value } })} />`,
        )}</div>
      </div>
    </details>
    <div class="send">
      <label class="inline variations">${t.variations}
        <select value=${count} onChange=${(event) => change({ count: Number(event.target.value), pending: null })}>
          ${Array.from({ length: MOST }, (_, index) => html`<option key=${index} value=${index + 1}>${index + 1}</option>`)}
        </select>
      </label>
      <${Estimate} estimate=${estimate} left=${limit} count=${count} />
      <span class="row">
        <${IconButton} name="history" label=${t.presets} onClick=${() => setPresets(true)} />
        ${!isEmpty() && html`<${IconButton} name="remove" label=${t.clear} onClick=${empty} />`}
      </span>
      <button class="primary" aria-busy=${sending !== null}>${button}</button>
    </div>
    ${sent > 0 && sending === null && html`<p class="hint" role="status">${t.partly(sent, sent + left)}</p>`}
    ${arePresets && html`<${Presets} fields=${fields} onClose=${() => setPresets(false)} />`}
  </form>`;
}

/** @param {Value} value */
const filled = (value) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);

/**
 * Return what a request will cost, null if that is not known, and what the tightest budget has left.
 * @param {VideoRequest | null} request
 */
function useEstimate(request) {
  const [estimate, setEstimate] = useState(/** @type {EstimateAnswer | null} */ (null));
  const [left, setLeft] = useState(/** @type {Limit | null} */ (null));
  const asked = JSON.stringify(request);
  useEffect(() => {
    setEstimate(null);
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const [found, budgets] = await Promise.allSettled([request && post("v2/estimates", request, { query: { strict: "true" } }), get("v2/budgets")]);
      if (!isCurrent) return; // the request has changed: this is not its cost
      setEstimate(found.status === "fulfilled" ? found.value : null); // an invalid request has no estimate
      const limits = (budgets.status === "fulfilled" ? budgets.value.data : []).filter(isOfMoney);
      setLeft(limits.sort((a, b) => a.left_usd - b.left_usd)[0] ?? null);
    }, 500);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [asked]);
  return { estimate, left };
}

/** @param {{ estimate: EstimateAnswer | null, left: Limit | null, count: number }} props */
function Estimate({ estimate, left, count }) {
  if (!estimate && !left) return html`<span class="estimate"></span>`;
  const about = estimate && (estimate.basis === "reserve" ? t.unknownCost : t.cost(t.about(usd(estimate.usd)), count, usd(estimate.usd * count)));
  return html`<p class="estimate ${estimate?.refused ? "problem" : "hint"}" role="status" title=${estimate ? t.costHint[estimate.basis] : undefined}>
    ${(estimate?.refused && readable(estimate.refused)) || [about, left && t.left(usd(left.left_usd), left.period)].filter(Boolean).join(" · ")}
  </p>`;
}

/** @typedef {Budget & { left_usd: number }} Limit */

/**
 * @param {Budget} budget
 * @returns {budget is Limit}
 */
const isOfMoney = (budget) => budget.left_usd !== undefined;

/**
 * Send a request `count` times. Each has an idempotency key, which is kept until the API accepts it: an interrupted one is
 * sent again with the same key, and made once.
 * @param {VideoRequest} request
 * @param {number[] | null} seeds
 * @param {Label} label
 * @param {number} count
 * @param {(accepted: number) => void} onSent
 */
async function send(request, seeds, label, count, onSent) {
  const of = JSON.stringify([request, label, count]);
  if (draft.value.pending?.of !== of) {
    const requests = Array.from({ length: count }, (_, index) => ({ key: newKey(), request: seeds ? { ...request, seed: seeds[index] } : request }));
    change({ pending: { of, count, requests } });
  }
  for (;;) {
    const [first, ...others] = draft.value.pending?.requests ?? [];
    if (!first) break;
    onSent(count - others.length - 1);
    const { id } = await patiently(() => create(first.request, first.key, label));
    made.value = [id, ...made.value.filter((one) => one !== id)];
    change({ pending: { of, count, requests: others } });
  }
  change({ pending: null });
}

/**
 * Return what a call returns. Try it again after a while if there are too many requests.
 * @template T
 * @param {() => Promise<T>} run
 */
async function patiently(run) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === TRIES || statusOf(error) !== 429) throw error;
      await wait(1000 * 2 ** attempt);
    }
  }
}

/** The videos that were requested here. */
function Results() {
  const ids = made.value.filter((id) => !gone.value.has(id));
  usePoll(async () => {
    const isUnderWay = (/** @type {string} */ id) => {
      const known = video(id).peek();
      return !known || !hasEnded(known);
    };
    const asked = ids.filter(isUnderWay).slice(0, MOST);
    await Promise.all(
      asked.map((id) =>
        fetchVideo(id).catch((error) => {
          if (statusOf(error) !== 404) throw error;
          made.value = made.value.filter((one) => one !== id);
        }),
      ),
    );
    return asked.length > 0;
  }, [ids.join()]);
  const done = ids.filter((id) => video(id).value?.status === "completed").slice(0, 4);
  return html`<section class="results" aria-label=${t.results}>
    <h2>${t.results}</h2>
    ${ids.length === 0 && html`<p class="hint">${t.resultsEmpty}</p>`}
    <ul class="grid">${ids.map((id, index) => html`<${Card} key=${id} id=${id} position=${index + 1} total=${ids.length} />`)}</ul>
    ${done.length > 1 && html`<p><a class="button" href=${to("compare", done.join(","))}>${texts.gallery.compare}</a></p>`}
  </section>`;
}

/** The prompts of the user's latest videos, each once, to fill the form with one of them. */
function Repeats() {
  const [found, setFound] = useState(/** @type {Generation[]} */ ([]));
  useEffect(() => {
    get(PATH, { limit: REPEATED }).then(({ data }) => {
      const kept = new Map([...data].reverse().map((one) => [String(one.meta.request.prompt ?? ""), note(one, { isOfList: true })]));
      kept.delete("");
      setFound([...kept.values()].reverse().slice(0, OFFERED));
    }, () => {}); // the list is an addition: the form works without it
  }, []);
  if (!found.length) return null;
  return html`<section class="stack close" aria-label=${t.repeats}>
    <h2>${t.repeats}</h2>
    <ul class="past">
      ${found.map(
        (one) => html`<li key=${one.id}>
          <a class="button quiet with-picture" href=${to("make", { from: one.id })}>
            ${one.video?.poster_url ? html`<${Poster} generation=${one} />` : html`<span></span>`}
            <span class="prompt" dir="auto">${promptOf(one).slice(0, 160)}</span>
            <small><span class="model">${titleOf(one.meta.request.model)}</span> · <time>${ago(one.meta.created_at)}</time></small>
          </a>
        </li>`,
      )}
    </ul>
  </section>`;
}
