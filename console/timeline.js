/** What happened to a job, as one line of time: its waits, its calls of the provider and its failures, with their lengths. */

import { between, dateTime, length, timeOfDay } from "./format.js";
import { html } from "./html.js";
import { takesOf } from "./models.js";
import { useClock } from "./stage.js";
import { texts } from "./texts.js";
import { hasEnded, inputsOf, isCancelled } from "./videos.js";

/** @import { Generation, Step, TimelineEntry } from "./types.js" */

const t = texts.timeline;
const SHORT = 0.05; // seconds: a shorter span is left out, unless it is a call

/** @typedef {keyof typeof t.spans} Doing */
/** @typedef {{ what: string, look: string, at: string, seconds: number, isOpen?: boolean }} Row a span of time; an event has 0 seconds */

/**
 * How each thing that a job does is drawn: waits are grey, calls amber, the provider's work in the accent, ours green.
 * @type {Record<Doing, string>}
 */
const LOOKS = {
  slot: "queued",
  inputs: "queued",
  credits: "queued",
  prepare: "completed",
  call: "generating",
  unknown: "generating",
  generate: "spent",
  save: "completed",
  announce: "completed",
  ended: "none",
};

/**
 * What a job does after a step.
 * @type {Partial<Record<Step, Doing>>}
 */
const AFTER = {
  held_back: "credits",
  rejected: "credits",
  admitted: "prepare",
  sent: "call",
  submitted: "generate",
  generated: "save",
  ended: "announce",
};

/**
 * Return the steps of a job. Before its details are loaded, those are not known that lists leave out.
 * @param {Generation} generation
 * @returns {TimelineEntry[]}
 */
function stepsOf({ meta }) {
  if (meta.timeline) return meta.timeline;
  const known = /** @type {[Step, string | null][]} */ ([["accepted", meta.created_at], ["submitted", meta.submitted_at], ["generated", meta.generated_at], ["ended", meta.ended_at]]);
  return known.flatMap(([step, at]) => (at ? { step, at } : []));
}

/**
 * Return what a job did between a step and the next one.
 * @param {Step} step
 * @param {Step | undefined} next
 * @param {boolean} hasInputs
 * @returns {Doing}
 */
function doing(step, next, hasInputs) {
  if (next === "reopened") return "ended";
  if (step === "sent" && next === "ended") return "unknown";
  if (step === "admitted" && (next === "rejected" || next === "held_back" || next === "submitted")) return "call";
  return AFTER[step] ?? (hasInputs ? "inputs" : "slot");
}

/**
 * Return the spans and events of a job, in order. The last span of a job that runs is open.
 * @param {Generation} generation
 * @param {number} time milliseconds since 1970
 * @returns {Row[]}
 */
export function rowsOf(generation, time) {
  const steps = stepsOf(generation);
  const hasInputs = inputsOf(generation).length > 0;
  return steps.flatMap(({ step, at }, index) => {
    const next = steps[index + 1];
    const isOpen = !next && !hasEnded(generation);
    const what = doing(step, next?.step, hasInputs);
    const isSame = step === "held_back" && next?.step === "rejected" && between(at, next.at) < SHORT; // once is enough
    const event = isSame ? null : eventOf(generation, step);
    const seconds = next || isOpen ? between(at, next?.at ?? time) : 0;
    /** @type {Row[]} */
    const rows = event ? [{ what: event, look: step === "reopened" ? "" : "error", at, seconds: 0 }] : [];
    if (isOpen || seconds > SHORT || (seconds > 0 && what === "call")) rows.push({ what: t.spans[what], look: LOOKS[what], at, seconds, isOpen });
    return rows;
  });
}

/**
 * Return the text of a step that is worth a line of its own: something went wrong, or began again.
 * @param {Generation} generation
 * @param {Step} step
 */
function eventOf({ error, ...generation }, step) {
  if (step === "held_back" || step === "rejected" || step === "reopened") return t.events[step];
  if (step !== "ended" || !error) return null;
  return isCancelled({ error, ...generation }) ? t.events.cancelled : t.events.failed(texts.failures[error.name] ?? error.name);
}

/**
 * Return how a job went, in a sentence or two.
 * @param {Generation} generation
 * @param {Row[]} rows
 * @param {number} total seconds
 */
function summary(generation, rows, total) {
  const whole = length(total);
  const how = !hasEnded(generation) ? t.running : isCancelled(generation) ? t.stopped : generation.status === "error" ? t.failed : t.took;
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const { what, seconds } of rows) sums.set(what, (sums.get(what) ?? 0) + seconds);
  const [longest] = [...sums].filter(([, seconds]) => seconds > total / 2 && seconds < total);
  return [how(whole), longest && t.longest(longest[0], length(longest[1]))].filter(Boolean).join(" ");
}

/** @param {number} seconds */
const shown = (seconds) => length(Math.max(0.1, seconds));

/** @param {{ generation: Generation }} props */
export function Timeline({ generation }) {
  const isRunning = !hasEnded(generation);
  const time = useClock(isRunning);
  const { created_at: from, ended_at: ended, timeline } = generation.meta;
  const rows = rowsOf(generation, time);
  const to = ended ?? new Date(time).toISOString();
  const inWords = summary(generation, rows, between(from, to));
  const takes = takesOf(generation.meta.request.model);
  const isRepeated = timeline?.some(({ step }) => step === "held_back" || step === "rejected" || step === "reopened");
  return html`<section class="stack close" aria-label=${t.title}>
    <h2>${t.title}</h2>
    <p>${inWords}</p>
    <div class="line" role="img" aria-label=${inWords}>
      ${rows.map(
        ({ what, look, seconds, isOpen }, index) => html`<span key=${index} class="part ${look} ${isOpen ? "is-open" : ""}" style=${{ flexGrow: Math.max(seconds, 0) }} title=${seconds ? `${what}: ${shown(seconds)}` : what}></span>`,
      )}
    </div>
    <p class="row apart hint"><time dateTime=${from}>${dateTime(from)}</time><time dateTime=${to}>${from.slice(0, 10) === to.slice(0, 10) ? timeOfDay(to) : dateTime(to)}</time></p>
    <ol class="timeline">
      ${rows.map(
        ({ what, look, at, seconds, isOpen }, index) => html`<li key=${index} class=${look === "error" ? "problem" : ""}>
          <span class="part ${look}"></span><span>${what}</span> <time dateTime=${at}>${timeOfDay(at)}</time> <span class="number">${isOpen ? t.so(shown(seconds)) : seconds ? shown(seconds) : ""}</span>
        </li>`,
      )}
    </ol>
    ${isRepeated && html`<p class="hint">${t.latest}</p>`}
    ${takes && html`<p class="hint">${t.usually(length(takes.median_seconds), length(takes.slowest_tenth_seconds))}</p>`}
  </section>`;
}
