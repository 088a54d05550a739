"""Money over HTTP: what a request would cost, what was spent, and what budgets have left."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.api.generations import body_of
from core.api.http import Answer, Request, as_json
from core.errors import InvalidRequest
from core.models import Models
from core.models.validation import validate
from core.money import usd
from core.money.accounts import Accounts
from core.money.budgets import Budget, renewal
from core.money.usage import MOST_DAYS, Sum

BY = ("day", "model", "tag", "batch")
DAYS = 30  # of usage, where no day is asked for
MOST_SUMS = 5000  # of one answer


@dataclass(frozen=True)
class MoneyApi:
    """What a user may know of money: of its own alone, and of the budgets that it shares."""

    accounts: Accounts
    models: Callable[[], Models]

    def estimate(self, request: Request) -> Answer:
        """What a request would cost, and whether there is room for it now; nothing is kept."""
        owner = request.owner
        models = self.models()
        estimate = self.accounts.estimates.of(validate(body_of(request), models), models)
        budgets = self.accounts.budgets.of(owner, request.key_id)
        refusals = (budget.refusal(estimate.most) for budget in budgets)
        refused = next((refusal for refusal in refusals if refusal), None)
        return as_json({**estimate.as_dict(), "refused": refused and refused[0]})

    def budgets(self, request: Request) -> Answer:
        """The budgets that count what the caller asks for, and what they have left."""
        found = self.accounts.budgets.of(request.owner, request.key_id)
        return as_json({"data": [line for budget in found for line in as_lines(budget)]})

    def usage(self, request: Request) -> Answer:
        """What the caller's own generations cost that ended in these days, summed."""
        owner, by = request.owner, request.query.get("by", "day")
        if by not in BY:
            raise InvalidRequest(f"`by` must be one of {', '.join(BY)}.", "by")
        today = self.accounts.budgets.now().date()
        last = _day(request, "to", today)
        first = _day(request, "from", _before(last, DAYS - 1))
        first = max(first, _before(last, MOST_DAYS - 1))  # the answer says so
        usage = self.accounts.usage
        found = (
            usage.of_batches(owner)
            if by == "batch"
            else usage.of(owner, "tag" if by == "tag" else "model", first, last)
        )
        rows = list(summed(found, by))
        if len(rows) > MOST_SUMS:
            instead = "by day, and each batch tells its own cost" if by == "batch" else "for fewer days"
            raise InvalidRequest(
                f"These are more than {MOST_SUMS} sums: ask {instead}.", "by" if by == "batch" else "from"
            )
        total = sum(rows, Sum("", ""))
        return as_json(
            {
                "by": by,
                "from": None if by == "batch" else str(first),
                "to": None if by == "batch" else str(last),
                "data": [row.as_dict(by) for row in rows],
                # Of a generation each tag has the whole, so tags are not added up.
                "total": None if by == "tag" else total.as_dict("day"),
            }
        )


def summed(found: Iterable[Sum], by: str) -> list[Sum]:
    """The sums as they are asked for: of a day all models are one."""
    if by != "day":
        return list(found)
    days: dict[str, Sum] = {}
    for one in found:
        days[one.day] = days.get(one.day, Sum(one.day, one.day)) + one
    return list(days.values())


def as_lines(budget: Budget) -> list[dict[str, Any]]:
    """A budget as it is shown: a line for each of its limits."""
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
    """So many days before, or the first day that there is."""
    return date.fromordinal(max(1, day.toordinal() - days))


def _day(request: Request, name: str, default: date) -> date:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"`{name}` must be a day such as 2026-01-31.", name) from None
