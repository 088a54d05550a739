"""Limit the credits of a day and a month and the jobs of an hour, for the deployment, each owner and each key.

Each scope has one item, which counts only its current day, month and hour. The transaction that records a request also
opens its hold (core.hold), on condition that each budget has room. Concurrent requests can therefore not spend more
than the limit. The transaction that records the announcement of its end closes the hold and gives back the unused part.

An API key shares its scope with the keys that it replaced. Together they are a line, which has its first key's id.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import BudgetExceeded, Contention
from core.generation import Clock, iso
from core.hold import OF_KEY, Hold
from core.money import dollars
from core.money.table import PK, SK, items_of
from core.records.table import read_together, retried, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger("promptreel")

SCOPE, ALL = "scope", "all"  # the pk, and the sk of the deployment
NONE = -1  # a limit in the table that removes the one of the stage's setting
Item = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """The limits of a scope: credits per day and month, and jobs per hour. None means unlimited."""

    day: int | None = None
    month: int | None = None
    hour: int | None = None  # jobs


@dataclass(frozen=True)
class Used:
    """The amounts that count against the limits of a scope in its current periods (UTC)."""

    day: str = ""  # 2026-11-25
    month: str = ""
    hour: str = ""  # 2026-11-25T10
    day_credits: int = 0
    month_credits: int = 0
    hour_jobs: int = 0

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Used":
        """Return the amounts of an item."""
        return cls(**{name: item[name] for name in cls.__annotations__ if name in item})

    def at(self, now: datetime) -> "Used":
        """Return the amounts at this time. A new period starts from zero, and time never moves back."""
        day, month, hour = (iso(now)[:length] for length in (10, 7, 13))
        if hour <= self.hour:
            return self
        rolled = replace(self, hour=hour, hour_jobs=0)
        if day != self.day:
            rolled = replace(rolled, day=day, day_credits=0)
        return replace(rolled, month=month, month_credits=0) if month != self.month else rolled


@dataclass(frozen=True)
class Budget:
    """A scope with its limits and used amounts. `refused_in` is the period of its latest rejection."""

    scope: str
    limits: Limits
    used: Used
    refused_in: str = ""

    @property
    def name(self) -> str:
        """Return the name of the scope for messages."""
        kind, _, which = self.scope.partition("/")
        return {"all": "this deployment", "owner": f"owner {which}", "key": f"key {which}"}[kind]

    @property
    def share(self) -> float:
        """Return the used share of the limit that is nearest to its end. It is 1 if a request was rejected.

        A limit of zero counts as unused until something was requested.
        """
        used, limits = self.used, self.limits
        if self.refused_in and self.refused_in in (used.day, used.month, used.hour):
            return 1.0
        pairs = ((used.day_credits, limits.day), (used.month_credits, limits.month))
        return max(
            (spent / limit if limit else float(spent > 0) for spent, limit in pairs if limit is not None), default=0.0
        )

    def passed(self, hold: Hold) -> tuple[str, str] | None:
        """Return why a request must no longer spend its held amount, and the period, or None if it may.

        The other requests may use up the budget, because they cost more than estimated or the limit is lower now.
        """
        used, limits, own = self.used, self.limits, hold.counts.get(self.scope, {})
        for what, spent, limit, period in (
            ("day", used.day_credits, limits.day, used.day),
            ("month", used.month_credits, limits.month, used.month),
        ):
            others = spent - own.get(period, 0)
            if limit is not None and (limit == 0 or (others >= limit and spent > limit)):
                return (
                    f"The budget of {dollars(limit)} a {what} of {self.name} no longer has room for this video: "
                    f"{dollars(spent)} are spent or reserved; it renews at {renewal(period)}."
                ), period
        return None

    def refusal(self, credits_: int) -> tuple[str, str] | None:
        """Return why this amount is too much, and the period, or None if the budget has room."""
        used, limits = self.used, self.limits
        for what, spent, limit, period in (
            ("day", used.day_credits, limits.day, used.day),
            ("month", used.month_credits, limits.month, used.month),
        ):
            if limit is not None and spent + credits_ > limit:
                return (
                    f"The budget of {dollars(limit)} a {what} of {self.name} has no room for this video, which may "
                    f"cost {dollars(credits_)}: {dollars(spent)} are spent or reserved; it renews at {renewal(period)}."
                ), period
        if limits.hour is not None and used.hour_jobs + 1 > limits.hour:
            return (
                f"The {limits.hour} jobs an hour of {self.name} are used up; they renew at {renewal(used.hour)}.",
                used.hour,
            )
        return None


class Budgets:
    """All budgets. `stage_limits` apply to the deployment unless an operator has set others."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, stage_limits: Limits, now: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = table_name
        self._stage_limits = stage_limits
        self.now = now

    def open(self, hold: Hold, most: int) -> tuple[Hold, list[Any]]:
        """Return a hold with this many credits, and the updates that count them and a job.

        Call it again if one of the conditions failed. Raise `BudgetExceeded` if a budget has no room.
        """
        more, found = max(0, most - hold.credits), self._read(hold.scopes)
        return hold.taking(more, _periods(found)), [self._hold(item, budget, more) for item, budget in found]

    def check(self, hold: Hold | None) -> None:
        """Raise `BudgetExceeded` if a request must no longer spend its held amount.

        Nothing is held for a generation that an operator rescues, so no budget rejects it.
        """
        if hold and hold.credits:
            for _, budget in self._read(hold.scopes):
                if passed := budget.passed(hold):
                    self._note_refusal(budget, passed[1])
                    raise BudgetExceeded(passed[0])

    def close(self, hold: Hold, charged: int) -> tuple[Hold, list[Any]]:
        """Return a hold with its charge in place of the held credits, and the updates that count the difference.

        Call it again if one of the conditions failed. A higher charge counts in the current periods. A lower one is
        given back to the periods that the hold names, if a budget still counts them.
        """
        if (more := charged - hold.credits) > 0:
            found = self._read(hold.scopes)
            return hold.taking(more, _periods(found)), [self._count(item, budget, more) for item, budget in found]
        closed, given = hold.giving_back(-more)
        found = self._read([scope for scope, periods in given.items() if periods])
        updates = (self._give_back(item, given[item[SK]]) for item, _ in found)
        return closed, [update for update in updates if update]

    def of(self, owner: str, key_line: str | None) -> list[Budget]:
        """Return the budgets that count a request of this owner and line of keys."""
        return [budget for _, budget in self._read(scopes_of(owner, key_line))]

    def of_all(self) -> Budget:
        """Return the budget of the deployment."""
        return self._read([ALL])[0][1]

    def every(self) -> Iterator[Budget]:
        """Yield the budget of each scope that has a limit or was used."""
        for item in items_of(self._dynamodb, self._name, SCOPE):
            yield self._budget(item[SK], item)

    def set(self, scope: str, limits: Mapping[str, int | None]) -> Budget:
        """Set the named limits of a scope (`day`, `month`, `hour`) and leave the others. None removes a limit."""
        self._set(scope, {f"{name}_limit": NONE if limit is None else limit for name, limit in limits.items()})
        return self._read([scope])[0][1]

    def _set(self, scope: str, values: Mapping[str, Any]) -> None:
        """Set attributes that no transaction changes, even while transactions change the scope's other attributes."""
        updated: Any = {
            "Key": write({PK: SCOPE, SK: scope}),
            "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in values),
            "ExpressionAttributeValues": write({f":{name}": value for name, value in values.items()}),
        }
        retried(lambda: self._dynamodb.update_item(TableName=self._name, **updated), self._dynamodb)

    def _read(self, scopes: Sequence[str]) -> list[tuple[Item, Budget]]:
        if not scopes:
            return []
        keys = [write({PK: SCOPE, SK: scope}) for scope in scopes]
        found = {item[SK]: item for item in read_together(self._dynamodb, self._name, {"Keys": keys})}
        items = [found.get(scope, {SK: scope}) for scope in scopes]
        return [(item, self._budget(item[SK], item)) for item in items]

    def _budget(self, scope: str, item: Item) -> Budget:
        stage = self._stage_limits if scope == ALL else Limits()
        limits = {
            name: None if item.get(f"{name}_limit") == NONE else item.get(f"{name}_limit", getattr(stage, name))
            for name in Limits.__annotations__
        }
        return Budget(scope, Limits(**limits), Used.of(item).at(self.now()), item.get("refused_in", ""))

    def _hold(self, item: Item, budget: Budget, credits_: int) -> dict[str, Any]:
        """Return the update of one scope in the transaction that records a request."""
        if refusal := budget.refusal(credits_):
            self._note_refusal(budget, refusal[1])
            raise BudgetExceeded(refusal[0])
        limits = budget.limits
        room = {
            "day_credits": limits.day is not None and limits.day - credits_,
            "month_credits": limits.month is not None and limits.month - credits_,
            "hour_jobs": limits.hour is not None and limits.hour - 1,
        }
        bounds = {name: most for name, most in room.items() if most is not False}
        return self._count(item, budget, credits_, 1, bounds)

    def _count(
        self, item: Item, budget: Budget, credits_: int, jobs: int = 0, bounds: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        """Return an update that adds an amount in the current periods, if none of them exceeds its bound."""
        before, used, bounds = Used.of(item), budget.used, bounds or {}
        if before == used:  # the same periods: concurrent updates do not conflict while the budget has room
            return self._update(
                budget.scope,
                "ADD day_credits :credits, month_credits :credits, hour_jobs :jobs",
                " AND ".join(["#hour = :hour", *(f"{name} <= :{name}" for name in bounds)]),
                {
                    ":credits": credits_,
                    ":jobs": jobs,
                    ":hour": used.hour,
                    **{f":{name}": most for name, most in bounds.items()},
                },
            )
        counted = replace(
            used,
            day_credits=used.day_credits + credits_,
            month_credits=used.month_credits + credits_,
            hour_jobs=used.hour_jobs + jobs,
        )
        names = tuple(Used.__annotations__)
        as_read = {f":old_{name}": getattr(before, name) for name in names}
        return self._update(
            budget.scope,
            "SET " + ", ".join(f"#{name} = :{name}" for name in names),
            " AND ".join(f"#{name} = :old_{name}" for name in names) if before.hour else "attribute_not_exists(#hour)",
            {**{f":{name}": getattr(counted, name) for name in names}, **(as_read if before.hour else {})},
        )

    def _give_back(self, item: Item, given: Mapping[str, int]) -> dict[str, Any] | None:
        """Return an update that takes credits from those periods that a scope still counts, or None for no period.

        The condition fails if the scope has just begun a new period, which must not get these credits.
        """
        used = Used.of(item)
        counting = {name: period for name, period in (("day", used.day), ("month", used.month)) if period in given}
        if not counting:
            return None
        return self._update(
            item[SK],
            "ADD " + ", ".join(f"{name}_credits :{name}_less" for name in counting),
            " AND ".join(f"#{name} = :{name}" for name in counting),
            {
                **{f":{name}_less": -given[period] for name, period in counting.items()},
                **{f":{name}": period for name, period in counting.items()},
            },
        )

    def _update(self, scope: str, expression: str, condition: str, values: Item) -> dict[str, Any]:
        used = {name for name in Used.__annotations__ if f"#{name}" in expression + condition}
        return {
            "Update": {
                "TableName": self._name,
                "Key": write({PK: SCOPE, SK: scope}),
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {f"#{name}": name for name in used},
                "ExpressionAttributeValues": write(values),
            }
        }

    def _note_refusal(self, budget: Budget, period: str) -> None:
        """Record a rejection for the alarm, which would otherwise miss a budget that is not completely used up.

        If the item is too busy, do nothing: the next rejection is recorded instead. The caller's answer is the same.
        """
        if budget.refused_in == period:
            return
        try:
            self._set(budget.scope, {"refused_in": period})
        except (Contention, BotoCoreError, ClientError) as error:
            logger.warning("a rejection by the budget of %s was not recorded: %s", budget.name, error)


def scope_of(owner: str | None = None, key_line: str | None = None) -> str:
    """Return the scope of an owner or a line of keys, or the deployment's without either."""
    return f"{OF_KEY}{key_line}" if key_line else f"owner/{owner}" if owner else ALL


def scopes_of(owner: str, key_line: str | None) -> list[str]:
    """Return all scopes that count a request of this owner and line of keys."""
    return [ALL, scope_of(owner), *([scope_of(key_line=key_line)] if key_line else [])]


def _periods(found: Sequence[tuple[Item, Budget]]) -> dict[str, tuple[str, str]]:
    """Return the current day and month of each scope, which a function whose clock is ahead may have begun early."""
    return {budget.scope: (budget.used.day, budget.used.month) for _, budget in found}


def renewal(period: str) -> str:
    """Return when a day, month or hour is over."""
    match len(period):
        case 7:
            begin = datetime.fromisoformat(f"{period}-01")
            end = (begin + timedelta(days=32)).replace(day=1)
        case 10:
            end = datetime.fromisoformat(period) + timedelta(days=1)
        case _:
            end = datetime.fromisoformat(f"{period}:00") + timedelta(hours=1)
    return f"{end:%Y-%m-%dT%H:%MZ}"
