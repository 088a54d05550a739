"""Money over HTTP: estimates, usage and budgets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.errors import InvalidRequest
from core.intake.accept import without_files
from core.models import Models
from core.models.validation import check
from core.money import usd
from core.money.accounts import Accounts
from core.money.budgets import Budget, renewal
from core.money.usage import KEY, MOST_DAYS, Sum

BY = ("day", "model", "tag", KEY, "batch")
DAYS = 30  # of usage by default
MOST_SUMS = 5000  # in one answer


@dataclass(frozen=True)
class MoneyApi:
    """Shows what an owner's videos cost, and the budgets that apply to the owner."""

    accounts: Accounts
    models: Callable[[], Models]

    def estimate(self, owner: str, key_line: str | None, request: object, *, strict: bool) -> dict[str, Any]:
        """Return the estimated cost of a request, and whether a budget would reject it now. Nothing is stored."""
        models = self.models()
        asked, _ = without_files(request, models)
        checked = check(asked.request, models, strict=strict)
        estimate = self.accounts.estimates.of(checked.request, models, owner)
        budgets = self.accounts.budgets.of(owner, key_line)
        refusals = (budget.refusal(estimate.most) for budget in budgets)
        refused = next((refusal for refusal in refusals if refusal), None)
        return {**estimate.as_dict(), "refused": refused and refused[0]}

    def budgets(self, owner: str, key_line: str | None) -> dict[str, Any]:
        """Return the budgets that apply to the caller's requests, and how much of each is left."""
        found = self.accounts.budgets.of(owner, key_line)
        return {"data": [line for budget in found for line in as_lines(budget)]}

    def usage(self, owner: str, asked: Mapping[str, str], key_line: str | None) -> dict[str, Any]:
        """Return the cost of the owner's generations that ended in a date range, grouped as `asked`.

        With a `key_line`, the sums by key are only those of this line of keys.
        """
        by = asked.get("by", BY[0])
        if by not in BY:
            raise InvalidRequest(f"`by` must be one of {', '.join(BY)}.", "by")
        today = self.accounts.budgets.now().date()
        last = _day("to", asked.get("to"), today)
        first = _day("from", asked.get("from"), _before(last, DAYS - 1))
        first = max(first, _before(last, MOST_DAYS - 1))  # the answer contains the dates that it covers
        usage = self.accounts.usage
        found = (
            usage.of_batches(owner)
            if by == "batch"
            else usage.of(owner, by if by in ("tag", KEY) else "model", first, last)
        )
        if by == KEY and key_line is not None:
            found = (one for one in found if one.which == key_line)
        rows = list(summed(found, by))
        if len(rows) > MOST_SUMS:
            instead = "Use `by=day`, or fetch each batch" if by == "batch" else "Choose fewer days"
            raise InvalidRequest(
                f"The result has more than {MOST_SUMS} lines. {instead}.", "by" if by == "batch" else "from"
            )
        total = sum(rows, Sum("", ""))
        return {
            "by": by,
            "from": None if by == "batch" else str(first),
            "to": None if by == "batch" else str(last),
            "data": [row.as_dict(by) for row in rows],
            # Each tag has the whole cost of a generation, so tags are not added up.
            "total": None if by == "tag" else total.as_dict("day"),
        }


def summed(found: Iterable[Sum], by: str) -> list[Sum]:
    """Return the sums grouped by `by`. A day has one sum for all models."""
    if by != "day":
        return list(found)
    days: dict[str, Sum] = {}
    for one in found:
        days[one.day] = days.get(one.day, Sum(one.day, one.day)) + one
    return list(days.values())


def as_lines(budget: Budget) -> list[dict[str, Any]]:
    """Return a line for each limit of a budget."""
    used, limits = budget.used, budget.limits
    lines = []
    for period, limit, spent, which in (
        ("day", limits.day, used.day_credits, used.day),
        ("month", limits.month, used.month_credits, used.month),
    ):
        if limit is not None:
            amounts = {"limit_usd": usd(limit), "used_usd": usd(spent), "left_usd": usd(max(0, limit - spent))}
            lines.append({"scope": budget.scope, "period": period, **amounts, "renews_at": renewal(which)})
    if limits.hour is not None:
        jobs = {
            "limit_jobs": limits.hour,
            "used_jobs": used.hour_jobs,
            "left_jobs": max(0, limits.hour - used.hour_jobs),
        }
        lines.append({"scope": budget.scope, "period": "hour", **jobs, "renews_at": renewal(used.hour)})
    return lines


def _before(day: date, days: int) -> date:
    """Return the date `days` days earlier, or the first date of the calendar."""
    return date.fromordinal(max(1, day.toordinal() - days))


def _day(name: str, text: str | None, default: date) -> date:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"`{name}` must be a date such as 2026-01-31.", name) from None
