/** The number of slots at the provider that are in use and of jobs that wait for one, now and in the last days. */

import { get, showProblem } from "./api.js";
import { now } from "./clock.js";
import { count, mean, shortTime } from "./format.js";
import { html, useState } from "./html.js";
import { Plot } from "./plot.js";
import { usePoll } from "./poll.js";
import { texts } from "./texts.js";

/** @import { Slots as SlotsAnswer, SlotsHour } from "./types.js" */

const t = texts.slots;
const SERIES = /** @type {const} */ (["held", "waiting"]);
const HOURS = 7 * 24;
const HOUR = 3_600_000; // milliseconds

/** Render how many slots are in use and how many jobs wait. */
export function Slots() {
  const [slots, setSlots] = useState(/** @type {SlotsAnswer | null} */ (null));
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    try {
      setSlots(await get("v2/slots"));
      setProblem("");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
    return false;
  });
  return html`<section class="panel stack"><h2>${t.title}</h2>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${!slots && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${slots && html`<p>${t.now(count(slots.held), count(slots.limit), slots.waiting, count(slots.waiting))}</p>`}
    ${slots && slots.hours.length > 0 && html`<${History} limit=${slots.limit} hours=${slots.hours} />`}</section>`;
}

/**
 * Both series, each with its own scale: a thousand waiting jobs would flatten twenty slots.
 * @param {{ limit: number, hours: SlotsHour[] }} props
 */
function History({ limit, hours }) {
  const seen = new Map(hours.map((one) => [Date.parse(one.hour), one]));
  const latest = Math.floor(now() / HOUR) * HOUR;
  const earliest = latest - (HOURS - 1) * HOUR;
  const times = Array.from({ length: HOURS }, (_, index) => earliest + index * HOUR);
  const most = (/** @type {"held" | "waiting"} */ of) => Math.max(...hours.map((one) => one[of]));
  return html`<div class="series">
      ${SERIES.map((of) => {
        const bars = times.map((time) => {
          const value = seen.get(time)?.[of];
          return { name: time, value: value ?? 0, title: `${shortTime(time)}: ${value === undefined ? t.notSeen : mean(value)}` };
        });
        return html`<figure class="plot" key=${of}>
          <figcaption class="row apart"><h3>${t[of]}</h3><span class="hint">${t.most(mean(most(of)))}</span></figcaption>
          <${Plot} bars=${bars} shown=${mean} most=${of === "held" ? limit : 0} label=${t.plot(t[of], mean(most(of)))} />
          <span class="row apart hint ticks"><time>${shortTime(earliest)}</time><time>${shortTime(latest)}</time></span>
        </figure>`;
      })}
    </div>
    <details><summary>${t.numbers}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${t.numbers}><table>
        <thead><tr><th scope="col">${t.hour}</th><th scope="col" class="number">${t.held}</th><th scope="col" class="number">${t.waiting}</th></tr></thead>
        <tbody>${[...hours].reverse().map(
          (one) => html`<tr key=${one.hour}><td><time dateTime=${one.hour}>${shortTime(one.hour)}</time></td><td class="number">${mean(one.held)}</td><td class="number">${mean(one.waiting)}</td></tr>`,
        )}</tbody>
      </table></div>
    </details>`;
}
