"""Sum the cost of generations as they end: by day, model, tag, API key and batch for each owner, and by owner for all.

A generation is counted in the transaction that closes its hold, and therefore exactly once. If it is rescued and ends
again, the new numbers replace the first ones: its hold remembers the sums that contain these. Failed generations are
also counted by the name of their error, in the same items.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from core.generation import Generation, Status, iso
from core.hold import Counted
from core.money import usd
from core.money.table import PK, SK, items_of
from core.records.table import write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USAGE, KEY = "usage", "key"
MOST_DAYS = 366  # in one answer
MOST_TAGS = 20  # of a generation that count
SUMS = ("completed", "failed", "credits")
ERROR = "error "  # followed by the name of the error: number of failures


@dataclass(frozen=True)
class Sum:
    """The sums of a day for one model, tag, line of API keys, batch or owner, which `which` names."""

    day: str  # 2026-11-25; empty for a batch
    which: str
    completed: int = 0
    failed: int = 0
    credits: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)  # number of failures by error

    def __add__(self, other: "Sum") -> "Sum":
        """Return the total of both under the name of the first."""
        errors = {
            name: self.errors.get(name, 0) + other.errors.get(name, 0) for name in sorted({*self.errors, *other.errors})
        }
        sums = {name: getattr(self, name) + getattr(other, name) for name in SUMS}
        return replace(self, errors=errors, **sums)

    def as_dict(self, by: str) -> dict[str, Any]:
        """Return the sum in the form of the API."""
        return {
            **({"day": self.day} if self.day else {}),
            **({} if by == "day" else {by: self.which or (None if by == KEY else "")}),
            "completed": self.completed,
            "failed": self.failed,
            "usd": usd(self.credits),
            "errors": dict(self.errors),
        }


def counted(generation: Generation) -> Counted:
    """Return the numbers of a generation that has ended. If it was counted before, it stays in its day."""
    is_completed = generation.status is Status.COMPLETED
    before = generation.hold and generation.hold.counted
    return Counted(
        day=before.day if before else iso(generation.ended_at or generation.updated_at)[:10],
        completed=int(is_completed),
        failed=int(not is_completed),
        credits=generation.charged,
        error=generation.error.name if generation.error and not is_completed else None,
        tags=list(dict.fromkeys(generation.tags or ()))[:MOST_TAGS],
        key=generation.hold.key_line if generation.hold else "",
    )


class Usage:
    """The sums in the table of money."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        self._dynamodb = dynamodb
        self._name = table_name

    def updates(self, generation: Generation, before: Counted | None, now: Counted) -> list[dict[str, Any]]:
        """Return the updates that count a generation as `now`, in place of `before`."""
        changes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for item in _items(generation, now):
            changes[item].update(_numbers(now))
        if before:
            for item in _items(generation, before):
                changes[item].subtract(_numbers(before))
        changed = {item: {name: by for name, by in numbers.items() if by} for item, numbers in changes.items()}
        return [self._update(pk, sk, by) for (pk, sk), by in changed.items() if by]

    def of(self, owner: str, by: str, first: date, last: date) -> Iterator[Sum]:
        """Yield an owner's sums from the first day to the last, by `model`, `tag` or `key`."""
        for item in self._between(f"{USAGE}/{_text(owner)}", f"{first}/", f"{last}/~"):
            day, kind, which = item[SK].split("/", 2)
            found = _sum(item, day, which)
            if kind == by and (found.completed or found.failed or found.credits):  # a removed tag leaves an empty sum
                yield found

    def of_batches(self, owner: str) -> Iterator[Sum]:
        """Yield the sums of an owner's batches, in the order of their ids."""
        for item in self._between(f"{USAGE}/{_text(owner)}", "batch/", "batch/~"):
            yield _sum(item, "", item[SK].partition("/")[2])

    def of_owners(self, first: date, last: date) -> Iterator[Sum]:
        """Yield the sums of all owners from the first day to the last."""
        for item in self._between(USAGE, f"{first}/", f"{last}/~"):
            day, _, which = item[SK].partition("/")
            yield _sum(item, day, which)

    def forget(self, owner: str, successor: str) -> None:
        """Delete an owner's sums, and add its share of each day of the deployment to the `successor`'s.

        Each day is moved in one transaction, so a call that is repeated after a crash moves nothing twice.
        """
        for item in items_of(self._dynamodb, self._name, f"{USAGE}/{_text(owner)}"):
            self._dynamodb.delete_item(TableName=self._name, Key=write({PK: item[PK], SK: item[SK]}))
        for item in items_of(self._dynamodb, self._name, USAGE):
            day, _, which = item[SK].partition("/")
            if which == _text(owner):
                self._move(item, f"{day}/{_text(successor)}")

    def _move(self, item: Mapping[str, Any], sk: str) -> None:
        numbers = {name: value for name, value in item.items() if name not in (PK, SK)}
        unchanged = {
            "ConditionExpression": " AND ".join(f"#n{number} = :n{number}" for number in range(len(numbers))),
            "ExpressionAttributeNames": {f"#n{number}": name for number, name in enumerate(numbers)},
            "ExpressionAttributeValues": write({f":n{number}": value for number, value in enumerate(numbers.values())}),
        }
        delete: Any = {
            "TableName": self._name,
            "Key": write({PK: USAGE, SK: item[SK]}),
            **(unchanged if numbers else {}),
        }
        added = [self._update(USAGE, sk, numbers)] if numbers else []
        self._dynamodb.transact_write_items(TransactItems=[{"Delete": delete}, *added])  # type: ignore[list-item]

    def _between(self, pk: str, first: str, last: str) -> Iterator[dict[str, Any]]:
        if first > last:
            return iter(())  # DynamoDB rejects such a range
        return items_of(self._dynamodb, self._name, pk, (first, last))

    def _update(self, pk: str, sk: str, by: Mapping[str, int]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._name,
                "Key": write({PK: pk, SK: sk}),
                "UpdateExpression": "ADD " + ", ".join(f"#n{number} :n{number}" for number in range(len(by))),
                "ExpressionAttributeNames": {f"#n{number}": name for number, name in enumerate(by)},
                "ExpressionAttributeValues": write({f":n{number}": value for number, value in enumerate(by.values())}),
            }
        }


def _numbers(counted: Counted) -> dict[str, int]:
    """Return the amounts to add for a generation that counts in this way."""
    return {name: getattr(counted, name) for name in SUMS} | ({f"{ERROR}{counted.error}": 1} if counted.error else {})


def _items(generation: Generation, counted: Counted) -> set[tuple[str, str]]:
    """Return the keys of the sums that count a generation. Very long tags can share one."""
    own, day = f"{USAGE}/{_text(generation.owner)}", counted.day
    return {
        (USAGE, f"{day}/{_text(generation.owner)}"),
        (own, f"{day}/model/{_text(generation.model)}"),
        *((own, f"{day}/tag/{_text(tag)}") for tag in counted.tags),
        *([] if counted.key is None else [(own, f"{day}/{KEY}/{_text(counted.key)}")]),
        *([(own, f"batch/{generation.batch_id}")] if generation.batch_id else []),
    }


def _text(text: str) -> str:
    """Return a text as a part of a key, which holds 1,024 bytes. A `~` is quoted, because it ends a range."""
    return quote(text[:200], safe=" /=:.-_@+,").replace("~", "%7E")[:600]


def _sum(item: Mapping[str, Any], day: str, which: str) -> Sum:
    errors = {
        name.removeprefix(ERROR): count for name, count in sorted(item.items()) if name.startswith(ERROR) and count
    }
    return Sum(day, unquote(which), errors=errors, **{name: item.get(name, 0) for name in SUMS})
