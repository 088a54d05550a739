/** The stage of a job, in words and as a bar. */

import { now } from "./clock.js";
import { between, length } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { takesOf } from "./models.js";
import { texts } from "./texts.js";
import { isCancelled } from "./videos.js";

/** @import { Generation } from "./types.js" */

const t = texts.stage;
const USUAL_PART = 0.8; // of the bar, after the usual time

/**
 * Return whether the video of a generation was deleted because its time had come.
 * @param {Generation} generation
 */
export const isExpired = ({ status, video }) => status === "completed" && video === null;

/**
 * Return the name of the stage that a job is in.
 * @param {Generation} generation
 */
export function stageName(generation) {
  if (isExpired(generation)) return t.expired;
  return isCancelled(generation) ? t.cancelled : t[generation.meta.stage];
}

/**
 * Return the time in milliseconds since 1970, which advances every second while the job runs and the page is visible.
 * @param {boolean} isRunning
 */
export function useClock(isRunning) {
  const [time, setTime] = useState(now());
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) setTime(now());
    }, 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return time;
}

/**
 * Return a line about a job that runs, and how much of it is done, from 0 to 1, or null if that is not known.
 * @param {Generation} generation
 * @param {number} time
 * @returns {[line: string, part: number | null]}
 */
function progress(generation, time) {
  const { stage, ahead, waits_for: awaited, submitted_at: sentAt, created_at: createdAt } = generation.meta;
  if (stage === "queued" && generation.meta.waits_for_credits) return [t.waitsForCredits, null];
  if (stage === "queued" && awaited) return [t.waitsForVideo(awaited.length), null];
  if (stage === "queued") return [ahead === null ? t.waitsForSlot : t.ahead(ahead), null];
  if (stage === "archiving") return [t.storing, 1];
  const elapsed = Math.floor(between(sentAt ?? createdAt, time));
  const takes = takesOf(generation.meta.request.model);
  if (!takes) return [length(elapsed), null];
  const usual = Math.max(1, Math.round(takes.median_seconds));
  if (elapsed <= usual) return [t.ofAbout(length(elapsed), length(usual)), (USUAL_PART * elapsed) / usual];
  const late = 1 - Math.exp((usual - elapsed) / usual); // the bar goes on, ever more slowly, and is never full
  const part = USUAL_PART + (0.97 - USUAL_PART) * late;
  return [elapsed > takes.slowest_tenth_seconds ? t.muchLonger(length(elapsed)) : t.longer(length(elapsed)), part];
}

/**
 * Render a job that runs.
 * @param {{ generation: Generation }} props
 */
export function Stage({ generation }) {
  const time = useClock(generation.meta.stage === "generating");
  const [line, part] = progress(generation, time);
  return html`<span class="stage ${generation.meta.stage}">
    <strong>${generation.meta.stage === "queued" && html`<${Icon} name="queued" />`}${stageName(generation)}</strong>
    <span>${line}</span>
    <span class="bar ${part === null ? "unknown" : ""}"><span style=${{ width: `${(part ?? 0.3) * 100}%` }}></span></span>
  </span>`;
}
