/** Where a job stands, in words and as a bar. */

import { now } from "./clock.js";
import { between, length } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { takesOf } from "./models.js";
import { texts } from "./texts.js";
import { isCancelled } from "./videos.js";

const t = texts.stage;

export function stageName(generation) {
  return isCancelled(generation) ? t.cancelled : t[generation.meta.stage];
}

/** The time, which goes on every second while it is looked at. */
export function useClock(isRunning) {
  const [time, setTime] = useState(now());
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => document.hidden || setTime(now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return time;
}

/** What is told of a job that is under way: one line, and how far it is, from 0 to 1, null where nobody knows. */
function progress(generation, time) {
  const { stage, ahead, waits_for: awaited, submitted_at: sentAt, created_at: createdAt } = generation.meta;
  if (stage === "queued" && awaited) return [t.waitsForVideo(awaited.length), null];
  if (stage === "queued") return [ahead === null ? t.waitsForPlace : t.ahead(ahead), null];
  if (stage === "archiving") return [t.storing, 1];
  const elapsed = Math.floor(between(sentAt ?? createdAt, time));
  const takes = takesOf(generation.meta.request.model);
  if (!takes) return [length(elapsed), null];
  if (elapsed > takes.slowest_tenth_seconds) return [t.longer(length(elapsed)), 0.97];
  return [t.ofAbout(length(elapsed), length(takes.median_seconds)), Math.min(0.97, elapsed / Math.max(1, takes.median_seconds))];
}

/** A job under way. */
export function Stage({ generation }) {
  const time = useClock(generation.meta.stage === "generating");
  const [line, part] = progress(generation, time);
  return html`<span class="stage ${generation.meta.stage}">
    <strong>${stageName(generation)}</strong>
    <span>${line}</span>
    <span class="bar ${part === null ? "unknown" : ""}"><span style=${{ width: `${(part ?? 0.3) * 100}%` }}></span></span>
  </span>`;
}
