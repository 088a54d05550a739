/** The page of spending, budgets and the times and failures of models. */

import { get, showProblem } from "./api.js";
import { now } from "./clock.js";
import { count, date, length, usd } from "./format.js";
import { html, useState } from "./html.js";
import { Slots } from "./slots.js";
import { Plot as Axis } from "./plot.js";
import { loadModels, models, titleOf } from "./models.js";
import { usePoll } from "./poll.js";
import { replace, route, to } from "./route.js";
import { texts } from "./texts.js";

/** @import { Budget as BudgetAnswer, Grouping, Sums as SumsAnswer, Usage as UsageAnswer, UsageSums } from "./types.js" */

/** @typedef {SumsAnswer & { name: string }} NamedSums */

const t = texts.usage;
const DAYS = [7, 30, 90];
const SPENT = 8; // models in the chart
/** @type {Grouping[]} */
const BY = ["day", "model", "tag", "batch"];

/** Render the page of spending, budgets and models. */
export function Usage() {
  const { query } = route.value; // an address may ask for anything
  const by = BY.find((one) => one === query.by) ?? "day";
  const days = DAYS.find((one) => one === Number(query.days)) ?? 30;
  const [usage, setUsage] = useState(/** @type {UsageAnswer | null} */ (null));
  const [daily, setDaily] = useState(/** @type {UsageAnswer | null} */ (null));
  const [perModel, setPerModel] = useState(/** @type {NamedSums[]} */ ([]));
  const [budgets, setBudgets] = useState(/** @type {BudgetAnswer[]} */ ([]));
  const [problem, setProblem] = useState("");
  usePoll(async () => {
    try {
      loadModels().catch(() => {});
      const from = day(now() - (days - 1) * 86_400_000);
      const [asked, byDay, byModel, limits] = await Promise.all([
        get("v2/usage", { by, from: by === "batch" ? undefined : from }),
        get("v2/usage", { by: "day", from }),
        get("v2/usage", { by: "model", from }),
        get("v2/budgets"),
      ]);
      setUsage(asked);
      setDaily(byDay);
      setPerModel(summed(byModel.data, "model"));
      setBudgets(limits.data);
      setProblem("");
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
    return false;
  }, [by, days]);
  const set = (/** @type {{ by?: string, days?: string }} */ changes) => replace("usage", { by, days: String(days), ...changes });
  return html`<section class="narrow usage">
    <h1>${t.title}</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${budgets.length > 0 && html`<h2>${t.budgets}</h2><ul class="budgets">${budgets.map((one) => html`<${Budget} key=${`${one.scope} ${one.period}`} budget=${one} />`)}</ul>`}
    <h2>${t.spend}</h2>
    <div class="filters">
      <select aria-label=${t.days} value=${days} onChange=${(event) => set({ days: event.target.value })}>
        ${DAYS.map((one) => html`<option key=${one} value=${one}>${t.lastDays(one)}</option>`)}
      </select>
      <select aria-label=${t.by} value=${by} onChange=${(event) => set({ by: event.target.value })}>
        ${BY.map((one) => html`<option key=${one} value=${one}>${t.bys[one]}</option>`)}
      </select>
    </div>
    ${!usage && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${daily?.total && html`<${Plot} days=${days} sums=${daily.data} total=${daily.total} />`}
    ${usage && usage.by === by && html`<${Sums} by=${by} sums=${summed(usage.data, by)} />`}
    <h2>${t.models}</h2>
    <${Spend} sums=${perModel} />
    <${ModelTimes} sums=${perModel} />
    <${Slots} />
  </section>`;
}

/** @param {number} time milliseconds since 1970 */
const day = (time) => new Date(time).toISOString().slice(0, 10);

/**
 * Add up the sums with the same name: a model has one for each day. Return the highest first, or the latest days.
 * @param {UsageSums[]} sums
 * @param {Grouping} by
 */
function summed(sums, by) {
  /** @type {Map<string, NamedSums>} */
  const found = new Map();
  for (const { [by]: name = "", completed, failed, usd: spent, errors } of sums) {
    const sum = found.get(name) ?? { name, completed: 0, failed: 0, usd: 0, errors: {} };
    for (const [error, times] of Object.entries(errors)) sum.errors[error] = (sum.errors[error] ?? 0) + times;
    found.set(name, { ...sum, completed: sum.completed + completed, failed: sum.failed + failed, usd: sum.usd + spent });
  }
  return [...found.values()].sort((a, b) => (by === "day" ? (a.name < b.name ? 1 : -1) : b.usd - a.usd || b.completed - a.completed));
}

/** @param {{ budget: BudgetAnswer }} props */
function Budget({ budget }) {
  const limit = budget.limit_usd ?? budget.limit_jobs ?? 0;
  const used = budget.used_usd ?? budget.used_jobs ?? 0;
  const shown = budget.limit_usd === undefined ? count : usd;
  const part = Math.min(1, limit > 0 ? used / limit : 1);
  const label = t.budget(budget.scope, t.periods[budget.period]);
  return html`<li>
    <span class="row apart"><span>${label}</span><span>${t.of(shown(used), shown(limit))}</span></span>
    <span class="progress" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${Math.min(used, limit)}>
      <span class="part ${part > 0.9 ? "error" : part > 0.7 ? "generating" : "completed"}" style=${{ flexBasis: `${part * 100}%` }}></span>
    </span>
  </li>`;
}

/**
 * A bar for each day; the table below has the same in numbers.
 * @param {{ days: number, sums: UsageSums[], total: SumsAnswer }} props
 */
function Plot({ days, sums, total }) {
  const spent = new Map(sums.map((one) => [one.day, one.usd]));
  const all = Array.from({ length: days }, (_, index) => day(now() - (days - 1 - index) * 86_400_000));
  const bars = all.map((one) => ({ name: one, value: spent.get(one) ?? 0, title: `${one}: ${usd(spent.get(one) ?? 0)}` }));
  const most = Math.max(...bars.map(({ value }) => value));
  return html`<figure class="plot">
    <figcaption><strong>${usd(total.usd)}</strong> <span class="hint">${t.total(total.completed, count(total.completed), count(total.failed))}${most > 0 && ` · ${t.most(usd(most))}`}</span></figcaption>
    <${Axis} bars=${bars} label=${t.plot(usd(total.usd), days)} shown=${usd} />
    <span class="row apart hint"><time dateTime=${all[0]}>${date(`${all[0]}T12:00`)}</time><time dateTime=${all.at(-1)}>${date(`${all.at(-1)}T12:00`)}</time></span>
  </figure>`;
}

/** @type {Record<Grouping, (name: string) => object | string>} */
const NAMES = {
  model: (name) => html`<a href=${to("", { model: name })}>${titleOf(name)}</a>`,
  batch: (name) => html`<a href=${to("batch", name)}>${name.slice(0, 8)}</a>`,
  tag: (name) => html`<a href=${to("", { tag: name })}>${name}</a>`,
  day: (name) => name,
};

/** @param {{ by: Grouping, sums: NamedSums[] }} props */
function Sums({ by, sums }) {
  if (!sums.length) return html`<p class="hint">${t.nothing}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.bys[by]}><table>
    <thead><tr><th scope="col">${t.names[by]}</th><th scope="col" class="number">${t.completed}</th><th scope="col" class="number">${t.failed}</th><th scope="col" class="number">${t.usd}</th></tr></thead>
    <tbody>${sums.map((one) => html`<tr key=${one.name}>
      <td>${NAMES[by](one.name)}</td><td class="number">${count(one.completed)}</td><td class="number">${count(one.failed)}</td><td class="number">${usd(one.usd)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

/**
 * What each model cost, the most expensive first, as bars.
 * @param {{ sums: NamedSums[] }} props
 */
function Spend({ sums }) {
  const spent = sums.filter(({ usd: price }) => price > 0).slice(0, SPENT);
  const most = Math.max(...spent.map(({ usd: price }) => price));
  return html`<ul class="stack close">
    ${spent.map(
      (one) => html`<li key=${one.name}>
        <span class="row apart"><a class="model" href=${to("", { model: one.name })}>${titleOf(one.name)}</a><span>${usd(one.usd)}</span></span>
        <span class="progress"><span class="part spent" style=${{ flexBasis: `${(one.usd / most) * 100}%` }}></span></span>
      </li>`,
    )}
  </ul>`;
}

/**
 * How long the models take that were used, how often they fail, and why.
 * @param {{ sums: NamedSums[] }} props
 */
function ModelTimes({ sums }) {
  const used = new Map(sums.map((one) => [one.name, one]));
  const timed = [...(models.value?.values() ?? [])].filter((one) => one.takes || used.has(one.id));
  if (!timed.length) return html`<p class="hint">${t.nothing}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.models}><table>
    <thead><tr><th scope="col">${t.names.model}</th><th scope="col" class="number">${t.median}</th><th scope="col" class="number">${t.slow}</th><th scope="col" class="number">${t.failRate}</th><th scope="col">${t.why}</th></tr></thead>
    <tbody>${timed.map(({ id, title, takes }) => {
      const { completed = 0, failed = 0, errors = {} } = used.get(id) ?? {};
      const all = completed + failed;
      return html`<tr key=${id}>
        <td>${title}</td>
        <td class="number">${takes ? length(takes.median_seconds) : "–"}</td>
        <td class="number">${takes ? length(takes.slowest_tenth_seconds) : "–"}</td>
        <td class="number">${failed ? html`<a href=${to("", { model: id, status: "error" })}>${t.rate(count(failed), count(all))}</a>` : all ? t.rate(0, count(all)) : "–"}</td>
        <td>${failed > 0 && html`<${Why} errors=${errors} />`}</td>
      </tr>`;
    })}</tbody>
  </table></div>`;
}

/**
 * The reasons of failures, the most frequent first.
 * @param {{ errors: Record<string, number> }} props
 */
function Why({ errors }) {
  const often = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return html`<ul class="why-failed">${often.map(([name, times]) => html`<li key=${name}>${t.because(texts.failures[name] ?? name, count(times))}</li>`)}</ul>`;
}
