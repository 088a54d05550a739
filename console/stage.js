/** The stage of a job, in words and as a bar. */

import { now } from "./clock.js";
import { between, length } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { takesOf } from "./models.js";
import { texts } from "./texts.js";
import { isCancelled } from "./videos.js";

/** @import { Generation } from "./types.js" */

const t = texts.stage;

/**
 * Return the name of the stage that a job is in.
 * @param {Generation} generation
 */
export function stageName(generation) {
  return isCancelled(generation) ? t.cancelled : t[generation.meta.stage];
}

/**
 * Return the time in milliseconds since 1970, which advances every second while the job runs and the page is visible.
 * @param {boolean} isRunning
 */
function useClock(isRunning) {
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
  if (elapsed > takes.slowest_tenth_seconds) return [t.longer(length(elapsed)), 0.97];
  return [t.ofAbout(length(elapsed), length(takes.median_seconds)), Math.min(0.97, elapsed / Math.max(1, takes.median_seconds))];
}

/**
 * Render a job that runs.
 * @param {{ generation: Generation }} props
 */
export function Stage({ generation }) {
  const time = useClock(generation.meta.stage === "generating");
  const [line, part] = progress(generation, time);
  return html`<span class="stage ${generation.meta.stage}">
    <strong>${stageName(generation)}</strong>
    <span>${line}</span>
    <span class="bar ${part === null ? "unknown" : ""}"><span style=${{ width: `${(part ?? 0.3) * 100}%` }}></span></span>
  </span>`;
}
