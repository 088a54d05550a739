/** Asking for videos: a model, the form that its schema is, and what is made of it. */

import { get, post } from "./api.js";
import { Card, chosen } from "./card.js";
import { change, clear, draft, isEmpty, made, setValue } from "./draft.js";
import { length, usd } from "./format.js";
import { Field, isJson } from "./form.js";
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { loadModels, models, modelWithSchema, search, takesOf, titleOf } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { fieldsOf, problemsOf, requestOf, seedsFor, typedOf } from "./schema.js";
import { texts } from "./texts.js";
import { say, sayError } from "./toasts.js";
import { create, fetchVideo, gone, hasEnded, newKey, video } from "./videos.js";

const t = texts.make;
const MOST = 8; // variations
const LISTED = 40; // models, before one has to search
const TRIES = 4; // of a call that may go through a little later
const PROMPT = { name: "prompt", path: "prompt", label: texts.video.prompt, hint: "", kind: "long", required: true, isFirst: true };
// What the provider does not see: the query of the call.
const LABEL = [
  { name: "tag", path: "tag", label: t.tags, hint: t.tagsHint, kind: "text", required: false },
  { name: "webhook", path: "webhook", label: t.webhook, hint: t.webhookHint, kind: "text", required: false },
];
const OTHERS = { name: "others", path: "others", label: t.json, hint: t.noSchema, kind: "json", required: false, isFirst: true };

export function Make() {
  const { from, vary, input, model: asked } = route.value.query;
  const [details, setDetails] = useState(null);
  const [problem, setProblem] = useState("");
  const model = draft.value.model;
  useEffect(() => void loadModels().catch(sayError), []);
  useEffect(() => void prefill({ from, vary, input, asked }).catch(sayError), [from, input, asked]);
  useEffect(() => {
    let isCurrent = true;
    setDetails(null);
    setProblem("");
    if (model) {
      modelWithSchema(model).then(
        (found) => isCurrent && setDetails(found),
        (error) => isCurrent && setProblem(error.message),
      );
    }
    return () => {
      isCurrent = false;
    };
  }, [model]);
  const pending = useInput(details);
  return html`<div class="make">
    <section class="ask" aria-label=${t.title}>
      <h1>${t.title}</h1>
      ${pending && html`<p class="hint" role="status">${t.using}</p>`}
      <${ModelChoice} model=${model} takesVideo=${pending !== null} />
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      ${details && html`<${Form} key=${details.id} details=${details} />`}
    </section>
    <${Results} />
  </div>`;
}

/** What a link to this page asks for: the request of an earlier video, a video as input, or a model. */
async function prefill({ from, vary, input, asked }) {
  if (from) {
    const { meta } = await fetchVideo(from);
    const { schema } = await modelWithSchema(meta.request.model).catch(() => ({})); // which may not be offered any more
    const { model, values } = typedOf(meta.request, schema !== null);
    if (vary) delete (values.others ?? values).seed;
    change({ model, values, label: { tag: (meta.tags ?? []).join(", "), webhook: meta.webhook?.url }, count: Number(vary) || 1, pending: null });
  } else if (asked || input) {
    change({ model: asked ?? null, input, pending: null });
  }
  if (from || asked || input) replace("make");
}

/** The video that waits to be an input, until a model is chosen that takes it; its id, or null. */
function useInput(details) {
  const { input } = draft.value;
  useEffect(() => {
    if (!input || !details?.schema) return;
    const field = fieldsOf(details.schema, details.inputs).find(
      ({ kind, media, item }) => (media ?? (kind === "list" ? item.media : undefined))?.includes("video"),
    );
    if (!field) return;
    const reference = `generation:${input}`;
    setValue(field.name, field.kind === "list" ? [reference] : reference);
    change({ input: undefined });
  }, [input, details]);
  return input ?? null;
}

function ModelChoice({ model, takesVideo }) {
  const [words, setWords] = useState("");
  const [isOpen, setOpen] = useState(false);
  const box = useRef(null);
  // What had the focus goes with what it was in: who uses the keyboard goes on from here.
  const focusOn = (what) => requestAnimationFrame(() => box.current?.querySelector(what)?.focus());
  if (model && !isOpen) {
    const takes = takesOf(model);
    return html`<div class="model-choice" ref=${box}>
      <span class="label">${t.model}</span>
      <span class="given"><span class="preview"><strong>${titleOf(model)}</strong> <code>${model}</code>
        ${takes && html` <small>${t.takes(length(takes.median_seconds))}</small>`}</span>
        <button type="button" onClick=${() => (setOpen(true), focusOn("input"))}>${t.change}</button></span>
    </div>`;
  }
  const found = models.value ? search(models.value.values(), words, takesVideo && !words ? ["video-to-video"] : null) : [];
  const take = (id) => {
    change({ model: id, pending: null });
    setOpen(false);
    setWords("");
    focusOn("button");
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (found.length) take(found[0].id);
    } else if (event.key === "Escape" && model) {
      setOpen(false);
      focusOn("button");
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      box.current.querySelector("li button")?.focus();
    }
  };
  const move = (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    (event.target.closest("li")[step]?.querySelector("button") ?? box.current.querySelector("input")).focus();
  };
  return html`<div class="model-choice" ref=${box}>
    <label class="label" for="model-search">${t.model}</label>
    <input id="model-search" type="search" autocomplete="off" placeholder=${t.searchModels} value=${words}
      onInput=${(event) => setWords(event.target.value)} onKeyDown=${onKeyDown} />
    <p class="hint" role="status">${models.value ? (found.length ? t.modelHint(found.length) : t.noModels) : texts.loading}</p>
    <ul class="models" onKeyDown=${move}>
      ${found.slice(0, LISTED).map(
        (one) => html`<li key=${one.id}>
          <button type="button" aria-current=${one.id === model ? "true" : undefined} onClick=${() => take(one.id)}>
            <strong>${one.title}</strong>
            <small>${[one.vendor, t.kinds[one.kind], one.takes && t.takes(length(one.takes.median_seconds))].filter(Boolean).join(" · ")}</small>
          </button>
        </li>`,
      )}
    </ul>
    ${found.length > LISTED && html`<p class="hint">${t.moreModels(found.length - LISTED)}</p>`}
  </div>`;
}

function Form({ details }) {
  const { values, label, count, pending } = draft.value;
  const fields = useMemo(() => (details.schema ? fieldsOf(details.schema, details.inputs) : [PROMPT, OTHERS]), [details]);
  const [problems, setProblems] = useState({});
  const [sending, setSending] = useState(null); // how many were accepted
  const form = useRef(null);
  const set = (name) => (value) => {
    setValue(name, value);
    if (problems[name] || problems[""]) setProblems({ ...problems, [name]: undefined, "": undefined });
  };
  const seed = fields.find(({ name }) => name === "seed");
  const shown = (one) => html`<${Field} key=${one.name} field=${one} value=${values[one.name]} onChange=${set(one.name)} problem=${problems[one.name]} />`;
  const others = fields.filter(({ isFirst }) => !isFirst);

  const asRequest = () => {
    const request = requestOf(details.id, fields.filter(({ kind, name }) => kind !== "json" || isJson(values[name] ?? "")), values);
    return details.schema ? request : { ...request.others, model: details.id, prompt: request.prompt };
  };
  const submit = async (event) => {
    event.preventDefault();
    if (sending !== null) return;
    const bad = fields.find((field) => field.kind === "json" && values[field.name] && !isJson(values[field.name]));
    if (bad) return setProblems({ [bad.name]: t.notJson });
    const request = asRequest();
    setProblems({});
    setSending(0);
    try {
      await send(request, seedsFor(seed, request, count), label, count, setSending);
      say(t.accepted(count));
    } catch (error) {
      if (error.status === 400) setProblems(problemsOf(error.message, [...fields, ...LABEL]));
      else if (error.status !== 401) setProblems({ "": error.message });
      requestAnimationFrame(() => form.current?.querySelector(".problem:not(:empty)")?.scrollIntoView({ block: "center" }));
    } finally {
      setSending(null);
    }
    return undefined;
  };
  const isWhole = fields.every(({ name, required }) => !required || filled(values[name]));
  const left = pending?.requests.length ?? 0;
  const sent = left ? pending.count - left : 0;
  const button = sending !== null ? t.sending(sending, count) : sent > 0 ? t.rest(left) : t.button(count);
  const empty = () => {
    clear();
    say(t.cleared);
  };
  return html`<form ref=${form} class="stack" onSubmit=${submit} noValidate>
    ${problems[""] && html`<div class="failure" role="alert"><strong>${t.general}</strong><p class="problem">${problems[""]}</p></div>`}
    ${fields.filter(({ isFirst }) => isFirst).map(shown)}
    <details open=${[...others, ...LABEL].some(({ name }) => problems[name] || filled(values[name]) || filled(label[name]))}>
      <summary>${t.settings} <small>${others.length + LABEL.length}</small></summary>
      <div class="stack">
        ${others.map(shown)}
        ${LABEL.map(
          (one) => html`<${Field} key=${one.name} field=${one} value=${label[one.name]} problem=${problems[one.name]}
            onChange=${(value) => change({ label: { ...label, [one.name]: value } })} />`,
        )}
      </div>
    </details>
    <div class="send">
      <label class="inline variations">${t.variations}
        <select value=${count} onChange=${(event) => change({ count: Number(event.target.value), pending: null })}>
          ${Array.from({ length: MOST }, (_, index) => html`<option key=${index} value=${index + 1}>${index + 1}</option>`)}
        </select>
      </label>
      <${Estimate} request=${isWhole ? asRequest() : null} count=${count} />
      <button class="primary" disabled=${sending !== null} aria-busy=${sending !== null}>${button}</button>
      ${!isEmpty() && html`<button type="button" class="quiet" onClick=${empty}>${t.clear}</button>`}
    </div>
    ${sent > 0 && sending === null && html`<p class="hint" role="status">${t.partly(sent, pending.count)}</p>`}
  </form>`;
}

const filled = (value) => value !== undefined && value !== "";

/** What it will cost, and what the tightest budget has left; nothing where the API cannot tell yet. */
function Estimate({ request, count }) {
  const [told, setTold] = useState(null);
  const [left, setLeft] = useState(null);
  const asked = JSON.stringify(request);
  useEffect(() => {
    setTold(null);
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const [estimate, budgets] = await Promise.allSettled([request && post("v2/estimates", request), get("v2/budgets")]);
      if (!isCurrent) return; // another request is asked about by now: its cost is another one
      setTold(estimate.value ?? null); // what is not allowed has no estimate
      const limits = (budgets.value?.data ?? []).filter((one) => one.left_usd !== undefined);
      setLeft(limits.sort((a, b) => a.left_usd - b.left_usd)[0] ?? null);
    }, 500);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [asked]);
  if (!told && !left) return null;
  const about = told && (told.basis === "reserve" ? t.unknownCost : t.cost(t.about(usd(told.usd)), count, usd(told.usd * count)));
  return html`<p class="estimate ${told?.refused ? "problem" : "hint"}" role="status" title=${told ? t.costHint[told.basis] : undefined}>
    ${told?.refused ?? [about, left && t.left(usd(left.left_usd), left.period)].filter(Boolean).join(" · ")}
  </p>`;
}

/**
 * Send a request so many times. Each has an idempotency key that is kept until it is accepted: what is interrupted is sent
 * again with the same one, and made once.
 */
async function send(request, seeds, label, count, onSent) {
  const of = JSON.stringify([request, label, count]);
  if (draft.value.pending?.of !== of) {
    const requests = Array.from({ length: count }, (_, index) => ({ key: newKey(), request: seeds ? { ...request, seed: seeds[index] } : request }));
    change({ pending: { of, count, requests } });
  }
  while (draft.value.pending?.requests.length) {
    const { requests } = draft.value.pending;
    onSent(count - requests.length);
    const { id } = await patiently(() => create(requests[0].request, requests[0].key, label));
    made.value = [id, ...made.value.filter((one) => one !== id)];
    change({ pending: { of, count, requests: requests.slice(1) } });
  }
  change({ pending: null });
}

/** Again after a while, if there are just too many requests. */
async function patiently(run) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === TRIES || error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** attempt));
    }
  }
}

/** What was made from here, while it is made and after. */
function Results() {
  const ids = made.value.filter((id) => !gone.value.has(id));
  usePoll(async () => {
    const asked = ids.filter((id) => !video(id).peek() || !hasEnded(video(id).peek())).slice(0, MOST);
    await Promise.all(
      asked.map((id) =>
        fetchVideo(id).catch((error) => {
          if (error.status !== 404) throw error;
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
    <ul class="grid still">${ids.map((id, index) => html`<${Card} key=${id} id=${id} position=${index + 1} total=${ids.length} />`)}</ul>
    ${done.length > 1 && html`<p><a class="button" href=${to("compare", (chosen.value.length > 1 ? chosen.value : done).join(","))}>${texts.gallery.compare}</a></p>`}
  </section>`;
}
