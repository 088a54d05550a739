/** The page of spending, budgets and the times and failures of models. */

import { get, showProblem } from "./api.js";
import { Figures } from "./budgets.js";
import { now } from "./clock.js";
import { count, date, length, monthDay, usd } from "./format.js";
import { html, useState } from "./html.js";
import { Slots } from "./slots.js";
import { Plot as Axis } from "./plot.js";
import { loadModels, models, titleOf } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { texts } from "./texts.js";

/** @import { Budget, Grouping, Key, Sums as SumsAnswer, UsageSums } from "./types.js" */

/** @typedef {SumsAnswer & { name: string }} NamedSums */
/** @typedef {{ by: Grouping, sums: UsageSums[], daily: UsageSums[], perModel: UsageSums[], budgets: Budget[], keys: Key[] }} Known */

const t = texts.usage;
const DAYS = [7, 30, 90];
const TICKS = 5; // dates under the chart, at most
/** @type {Grouping[]} */
const BY = ["model", "key", "tag", "batch", "day"];

/** Render the page of spending, budgets and models. */
export function Usage() {
  const { query } = route.value; // an address may ask for anything
  const by = BY.find((one) => one === query.by) ?? "model";
  const days = DAYS.find((one) => one === Number(query.days)) ?? 30;
  const [known, setKnown] = useState(/** @type {Known | null} */ (null));
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    try {
      loadModels().catch(() => {});
      const from = day(now() - (days - 1) * 86_400_000);
      const earliest = [from, monthBefore()].sort()[0];
      const daily = get("v2/usage", { by: "day", from: earliest });
      const perModel = get("v2/usage", { by: "model", from });
      const sums = by === "day" ? null : by === "model" ? perModel : get("v2/usage", { by, from: by === "batch" ? undefined : from });
      const keys = by === "key" ? get("v2/keys") : null;
      const found = await Promise.all([daily, perModel, sums, get("v2/budgets"), keys]);
      const inDays = found[0].data.filter((one) => (one.day ?? "") >= from);
      setKnown({ by, sums: found[2]?.data ?? inDays, daily: found[0].data, perModel: found[1].data, budgets: found[3].data, keys: found[4]?.data ?? [] });
      setProblem("");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
    return false;
  }, [by, days]);
  const set = (/** @type {{ by?: string, days?: string }} */ changes) => replace("usage", { by, days: String(days), ...changes });
  const perModel = summed(known?.perModel ?? [], "model");
  return html`<section class="narrow usage">
    <h1>${t.title}</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${!known && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${known &&
    html`<${Figures} budgets=${known.budgets}><${Month} sums=${known.daily} /><//>
      <p class="hint">${known.budgets.length > 0 ? t.honestBudgets : t.noBudgets} ${t.honestSpent}</p>
      <section class="panel stack">
        <div class="row apart"><h2>${t.spend}</h2><${Segments} label=${t.days} name="days" all=${DAYS} chosen=${days} shown=${t.lastDays} onChoose=${(/** @type {number} */ one) => set({ days: String(one) })} /></div>
        <${Plot} days=${days} sums=${known.daily} />
      </section>
      <div class="columns">
        <section class="panel stack">
          <div class="row apart"><h2>${t.breakdown}</h2><${Segments} label=${t.by} name="by" all=${BY} chosen=${by} shown=${(/** @type {Grouping} */ one) => t.bys[one]} onChoose=${(/** @type {string} */ one) => set({ by: one })} /></div>
          ${known.by === by ? html`<${Sums} by=${by} sums=${summed(known.sums, by)} keys=${known.keys} />` : html`<p class="hint">${texts.loading}</p>`}
        </section>
        <${ModelTimes} sums=${perModel} />
      </div>`}
    <${Slots} />
  </section>`;
}

/**
 * Render a choice between a few values.
 * @param {{ label: string, name: string, all: (string | number)[], chosen: string | number, shown: (one: any) => string, onChoose: (one: any) => void }} props
 */
function Segments({ label, name, all, chosen, shown, onChoose }) {
  return html`<div class="segments small" role="group" aria-label=${label}>
    ${all.map((one) => html`<label key=${one}><input type="radio" name=${name} checked=${one === chosen} onChange=${() => onChoose(one)} /><span>${shown(one)}</span></label>`)}
  </div>`;
}

/** @param {number} time milliseconds since 1970 */
const day = (time) => new Date(time).toISOString().slice(0, 10);

/** Return the first day of the last month (UTC). */
const monthBefore = () => day(Date.UTC(new Date(now()).getUTCFullYear(), new Date(now()).getUTCMonth() - 1, 1));

/**
 * Add up the sums with the same name: a model has one for each day. Return the highest first, or the latest days.
 * @param {UsageSums[]} sums
 * @param {Grouping} by
 */
function summed(sums, by) {
  /** @type {Map<string, NamedSums>} */
  const found = new Map();
  for (const { [by]: given, completed, failed, usd: spent, errors } of sums) {
    const name = given ?? "";
    const sum = found.get(name) ?? { name, completed: 0, failed: 0, usd: 0, errors: {} };
    for (const [error, times] of Object.entries(errors)) sum.errors[error] = (sum.errors[error] ?? 0) + times;
    found.set(name, { ...sum, completed: sum.completed + completed, failed: sum.failed + failed, usd: sum.usd + spent });
  }
  return [...found.values()].sort((a, b) => (by === "day" ? (a.name < b.name ? 1 : -1) : b.usd - a.usd || b.completed - a.completed));
}

/**
 * Add up the sums of the days of a range.
 * @param {UsageSums[]} sums
 * @param {string} from
 * @param {string} [until] the day after the last one
 */
function totalOf(sums, from, until = "9") {
  const total = { completed: 0, failed: 0, usd: 0 };
  for (const { day: one = "", completed, failed, usd: spent } of sums) {
    if (one < from || one >= until) continue;
    total.completed += completed;
    total.failed += failed;
    total.usd += spent;
  }
  return total;
}

/**
 * Render what was spent this month.
 * @param {{ sums: UsageSums[] }} props of at least this month and the last one, by day
 */
function Month({ sums }) {
  const first = `${day(now()).slice(0, 7)}-01`;
  const { completed, failed, usd: spent } = totalOf(sums, first);
  return html`<li class="panel">
    <small>${t.spentMonth}</small>
    <strong class="spent">${usd(spent)}</strong>
    <small>${t.total(completed, count(completed), count(failed))} · ${t.lastMonth(usd(totalOf(sums, monthBefore(), first).usd))}</small>
  </li>`;
}

/**
 * A bar for each day.
 * @param {{ days: number, sums: UsageSums[] }} props
 */
function Plot({ days, sums }) {
  const spent = new Map(sums.map((one) => [one.day, one.usd]));
  const all = Array.from({ length: days }, (_, index) => day(now() - (days - 1 - index) * 86_400_000));
  const bars = all.map((one) => ({ name: one, value: spent.get(one) ?? 0, title: `${one}: ${usd(spent.get(one) ?? 0)}` }));
  const most = Math.max(...bars.map(({ value }) => value));
  const total = totalOf(sums, all[0] ?? "");
  const ticks = Array.from({ length: TICKS }, (_, index) => all[Math.round((index * (days - 1)) / (TICKS - 1))] ?? "");
  return html`<figure class="plot">
    <figcaption><strong>${usd(total.usd)}</strong> <span class="hint">${t.total(total.completed, count(total.completed), count(total.failed))}${most > 0 && ` · ${t.most(usd(most))}`}</span></figcaption>
    <${Axis} bars=${bars} label=${t.plot(usd(total.usd), days)} shown=${usd} />
    <span class="row apart hint ticks">${ticks.map((one) => html`<time key=${one} dateTime=${one}>${monthDay(`${one}T12:00`)}</time>`)}</span>
  </figure>`;
}

/**
 * Render the name of a line of a breakdown.
 * @param {{ by: Grouping, name: string, keys: Key[] }} props
 */
function Name({ by, name, keys }) {
  if (by === "model") return html`<a class="model" href=${to("", { model: name })}>${titleOf(name)}</a>`;
  if (by === "batch") return html`<a href=${to("batch", name)}><code>${name.slice(0, 8)}</code></a>`;
  if (by === "tag") return html`<a dir="auto" href=${to("", { tag: name })}>${name}</a>`;
  if (by === "day") return html`<time dateTime=${name}>${date(`${name}T12:00`)}</time>`;
  if (!name) return html`<span>${t.noKey}</span>`;
  const line = keys.filter((one) => one.line === name);
  const key = line.find((one) => one.is_yours) ?? line[0];
  return html`<span>${key?.name && html`<bdi>${key.name}</bdi> `}<code>pr_${key?.id ?? name}_…</code>${key?.is_yours && html` <span class="state completed">${texts.keys.yours}</span>`}</span>`;
}

/**
 * Render what was spent on each model, key, tag, batch or day, with a bar that compares it with the highest.
 * @param {{ by: Grouping, sums: NamedSums[], keys: Key[] }} props
 */
function Sums({ by, sums, keys }) {
  if (!sums.length) return html`<p class="hint">${t.nothing}</p>`;
  const most = Math.max(...sums.map((one) => one.usd));
  const isNarrowed = by === "key" && keys.some((one) => one.is_yours && one.scope !== "all");
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.bys[by]}><table>
      <thead><tr><th scope="col">${t.names[by]}</th><th scope="col" class="number">${t.usd}</th><th scope="col" class="number">${t.completed}</th><th scope="col" class="number">${t.failed}</th></tr></thead>
      <tbody>${sums.map((one) => html`<tr key=${one.name}>
        <td class="wide"><${Name} by=${by} name=${one.name} keys=${keys} />
          <span class="progress">${one.usd > 0 && html`<span class="part spent" style=${{ flexBasis: `${(one.usd / most) * 100}%` }}></span>`}</span></td>
        <td class="number"><strong>${usd(one.usd)}</strong></td><td class="number">${count(one.completed)}</td><td class="number">${count(one.failed)}</td>
      </tr>`)}</tbody>
    </table></div>
    ${isNarrowed && html`<p class="hint">${t.onlyYours}</p>`}
    ${by === "batch" && html`<p class="hint">${t.wholeBatches}</p>`}
    ${by === "tag" && html`<p class="hint">${t.tagsOverlap}</p>`}`;
}

/**
 * How long the models take that were used, how often they fail, and why.
 * @param {{ sums: NamedSums[] }} props
 */
function ModelTimes({ sums }) {
  const used = new Map(sums.map((one) => [one.name, one]));
  const timed = [...(models.value?.values() ?? [])].filter((one) => one.takes || used.has(one.id));
  return html`<section class="panel stack">
    <h2>${t.models}</h2>
    ${timed.length === 0 && html`<p class="hint">${t.nothing}</p>`}
    ${timed.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label=${t.models}><table>
    <thead><tr><th scope="col">${t.names.model}</th><th scope="col" class="number">${t.median}</th><th scope="col" class="number">${t.slow}</th><th scope="col" class="number">${t.failRate}</th></tr></thead>
    <tbody>${timed.map(({ id, title, takes }) => {
      const { completed = 0, failed = 0, errors = {} } = used.get(id) ?? {};
      const all = completed + failed;
      return html`<tr key=${id}>
        <td class="wide"><span class="model">${title}</span>${all > 0 && html`<span class="progress"><span class="part completed" style=${{ flexGrow: completed }}></span>${failed > 0 && html`<span class="part error" style=${{ flexGrow: failed }}></span>`}</span>`}${failed > 0 && html`<${Why} errors=${errors} />`}</td>
        <td class="number">${takes ? length(takes.median_seconds) : "–"}</td>
        <td class="number">${takes ? length(takes.slowest_tenth_seconds) : "–"}</td>
        <td class="number">${failed ? html`<a href=${to("", { model: id, status: "error" })}>${t.rate(count(failed), count(all))}</a>` : all ? t.rate(0, count(all)) : "–"}</td>
      </tr>`;
    })}</tbody>
    </table></div>`}
  </section>`;
}

/**
 * The reasons of failures, the most frequent first.
 * @param {{ errors: Record<string, number> }} props
 */
function Why({ errors }) {
  const often = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return html`<ul class="why-failed">${often.map(([name, times]) => html`<li key=${name}>${t.because(texts.failures[name] ?? name, count(times))}</li>`)}</ul>`;
}
