/** The budgets that limit the user's spending, each with its rest and a bar. */

import { count, date, usd } from "./format.js";
import { html } from "./html.js";
import { texts } from "./texts.js";

/** @import { Budget as BudgetAnswer } from "./types.js" */

const t = texts.usage;
const ORDER = ["month", "day", "hour"];

/**
 * Render a list of figures: those that are given, and what each budget has left.
 * @param {{ budgets: BudgetAnswer[], children?: object }} props
 */
export function Figures({ budgets, children }) {
  const ordered = [...budgets].sort((a, b) => ORDER.indexOf(a.period) - ORDER.indexOf(b.period));
  return html`<ul class="budgets">${children}${ordered.map((one) => html`<${Budget} key=${`${one.scope} ${one.period}`} budget=${one} />`)}</ul>`;
}

/** @param {{ budget: BudgetAnswer }} props */
function Budget({ budget }) {
  const { scope, period, renews_at: renews } = budget;
  const limit = budget.limit_usd ?? budget.limit_jobs ?? 0;
  const used = budget.used_usd ?? budget.used_jobs ?? 0;
  const shown = budget.limit_usd === undefined ? count : usd;
  const part = Math.min(1, limit > 0 ? used / limit : 1);
  const label = t.budget(scope, t.periods[period]);
  return html`<li class="panel">
    <small>${t.left(t.periods[period])}</small>
    <strong class=${part >= 1 ? "problem" : ""}>${shown(Math.max(0, limit - used))}</strong>
    <span class="progress" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${Math.min(used, limit)}>
      <span class="part ${part > 0.9 ? "error" : part > 0.7 ? "generating" : "completed"}" style=${{ flexBasis: `${part * 100}%` }}></span>
    </span>
    <small>${t.of(shown(used), shown(limit))} · ${t.whose(scope)}${period !== "hour" && html` · ${t.renews} <time dateTime=${renews}>${date(renews)}</time>`}</small>
  </li>`;
}
