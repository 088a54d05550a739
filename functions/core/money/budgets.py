"""Limit the credits of a day and a month and the jobs of an hour, for the deployment, each owner and each key.

Each scope has one item, which counts only its current day, month and hour. The transaction that records a request also
holds its possible cost, on condition that the budget has room. Concurrent requests can therefore not spend more than
the limit. When a request has ended, the transaction that records its end gives back the unused part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import BudgetExceeded
from core.generation import Clock, Cost, iso
from core.money import dollars
from core.money.table import PK, SK, items_of
from core.records.table import read, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

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

    def passed(self, cost: Cost) -> tuple[str, str] | None:
        """Return why a request must no longer spend its held amount, and the period, or None if it may.

        The other requests may use up the budget, because they cost more than estimated or the limit is lower now.
        """
        used, limits, counting = self.used, self.limits, _counting(self.used, cost.day)
        for what, spent, limit, period in (
            ("day", used.day_credits, limits.day, used.day),
            ("month", used.month_credits, limits.month, used.month),
        ):
            others = spent - (cost.held if (what, period) in counting else 0)
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

    def holding(self, cost: Cost, owner: str) -> Callable[[], Sequence[Any]]:
        """Return a function that returns the updates that hold the possible cost of a request.

        Call it again for each attempt of the transaction. It raises `BudgetExceeded`.
        """
        scopes = _scopes(owner, cost.key_id)
        return lambda: [self._hold(item, budget, cost.held) for item, budget in self._read(scopes)]

    def check(self, cost: Cost | None, owner: str) -> None:
        """Raise `BudgetExceeded` if a request must no longer spend its held amount.

        Nothing is held for a generation that an operator rescues, so no budget rejects it.
        """
        held = cost if cost and cost.held else None
        for _, budget in self._read(_scopes(owner, held.key_id)) if held else ():
            if held and (passed := budget.passed(held)):
                self._note_refusal(budget, passed[1])
                raise BudgetExceeded(passed[0])

    def settling(self, cost: Cost, owner: str, charged: int) -> Callable[[], Sequence[Any]]:
        """Return a function that returns the updates from the held amount to the charged one.

        A lower charge is given back in the periods that still count the request. A higher charge counts in the current
        periods, which may be later ones.
        """
        difference = charged - cost.held
        scopes = _scopes(owner, cost.key_id) if difference else []
        if difference > 0:
            return lambda: [self._count(item, budget, difference) for item, budget in self._read(scopes)]
        return lambda: [
            self._update(
                item[SK],
                f"ADD {', '.join(f'{name}_credits :difference' for name, _ in counting)}",
                " AND ".join(f"#{name} = :{name}" for name, _ in counting),
                {":difference": difference, **{f":{name}": period for name, period in counting}},
            )
            for item, budget in self._read(scopes)
            if (counting := _counting(budget.used, cost.day))
        ]

    def of(self, owner: str, key_id: str | None) -> list[Budget]:
        """Return the budgets that count a request of this owner and key."""
        return [budget for _, budget in self._read(_scopes(owner, key_id))]

    def of_all(self) -> Budget:
        """Return the budget of the deployment."""
        return self._read([ALL])[0][1]

    def every(self) -> Iterator[Budget]:
        """Yield the budget of each scope that has a limit or was used."""
        for item in items_of(self._dynamodb, self._name, SCOPE):
            yield self._budget(item[SK], item)

    def set(self, scope: str, limits: Mapping[str, int | None]) -> Budget:
        """Set the named limits of a scope (`day`, `month`, `hour`) and leave the others. None removes a limit."""
        values = {f":{name}": NONE if limit is None else limit for name, limit in limits.items()}
        self._dynamodb.update_item(
            TableName=self._name,
            Key=write({PK: SCOPE, SK: scope}),
            UpdateExpression="SET " + ", ".join(f"{name}_limit = :{name}" for name in limits),
            ExpressionAttributeValues=write(values),
        )
        return self._read([scope])[0][1]

    def hand_over(self, key_id: str, replacement_id: str) -> None:
        """Give the replacement of a key the limits of the old key and the amounts that it has used."""
        [(item, _)] = self._read([scope_of(key_id=key_id)])
        names = [*(f"{name}_limit" for name in Limits.__annotations__), *Used.__annotations__]
        if known := {name: item[name] for name in names if name in item}:
            self._dynamodb.update_item(
                TableName=self._name,
                Key=write({PK: SCOPE, SK: scope_of(key_id=replacement_id)}),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in known),
                ExpressionAttributeNames={f"#{name}": name for name in known},
                ExpressionAttributeValues=write({f":{name}": value for name, value in known.items()}),
            )

    def _read(self, scopes: Sequence[str]) -> list[tuple[Item, Budget]]:
        if not scopes:
            return []
        keys = [write({PK: SCOPE, SK: scope}) for scope in scopes]
        asked: Any = {self._name: {"Keys": keys, "ConsistentRead": True}}
        found: dict[str, Item] = {}
        while asked:
            answer = self._dynamodb.batch_get_item(RequestItems=asked)
            found |= {item[SK]: item for item in map(read, answer["Responses"].get(self._name, []))}
            asked = answer.get("UnprocessedKeys")
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
        """Record a rejection for the alarm, since the budget may not be used up completely."""
        if budget.refused_in != period:
            self._dynamodb.update_item(
                TableName=self._name,
                Key=write({PK: SCOPE, SK: budget.scope}),
                UpdateExpression="SET refused_in = :period",
                ExpressionAttributeValues=write({":period": period}),
            )


def scope_of(owner: str | None = None, key_id: str | None = None) -> str:
    """Return the scope of an owner or a key, or the deployment's without either."""
    return f"key/{key_id}" if key_id else f"owner/{owner}" if owner else ALL


def _scopes(owner: str, key_id: str | None) -> list[str]:
    return [ALL, scope_of(owner), *([scope_of(key_id=key_id)] if key_id else [])]


def _counting(used: Used, day: str) -> list[tuple[str, str]]:
    """Return the current periods of a scope that count an amount held on this day, by name."""
    if not day:
        return []
    periods = {"day": used.day, "month": used.month}
    return [(name, period) for name, period in periods.items() if period and day.startswith(period)]


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
