"""What became of each delivery, for a month; and how often each owner has changed the secret.

A delivery is claimed before it is sent, so that of two invocations at once one sends. If it dies, the next
invocation may claim it again once `LEASE` is over.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.errors import Conflict
from core.generation import Clock, iso
from core.records.table import DELIVERIES_BY_OWNER, DELIVERY_KEY, EXPIRES_AT, Condition, ConditionFailed, Item, Table
from core.records.wanted import Wanted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_FOR = timedelta(days=30)
LEASE = timedelta(seconds=60)  # longer than one POST takes
OVERLAP = timedelta(hours=24)  # for which a secret is signed with, too, after it was changed
MOST_CHANGES = 5  # of a secret, in that time
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_msg_[0-9a-f]{32}$"
_TIMES = ("created_at", "due_at", "ended_at")


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up


@dataclass(frozen=True)
class Delivery:
    """A message for one webhook. Times are UTC."""

    delivery_id: str  # the header webhook-id
    owner: str
    generation_id: str
    type: str
    url: str
    body: str
    created_at: datetime
    status: State = State.PENDING
    attempts: int = 0  # since it was made, or its owner sent it again
    due_at: datetime | None = None  # when it is tried next
    ended_at: datetime | None = None
    answered: int | None = None  # the status of the latest answer
    problem: str | None = None  # why the latest attempt failed


@dataclass(frozen=True)
class SecretVersions:
    """Which secrets of an owner count: the latest, and those that it took the place of a short while ago."""

    latest: int
    changed_at: tuple[datetime, ...]  # within `OVERLAP`, the latest first

    @property
    def all(self) -> tuple[int, ...]:
        """The versions to sign with, the latest first."""
        return tuple(range(self.latest, self.latest - len(self.changed_at) - 1, -1))


class WebhookRecords:
    """Reads and changes them; every change is one conditional write."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._table = Table(dynamodb, table_name, DELIVERY_KEY)
        self.now = now

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery as it is now; None if there is none, or not any more."""
        item = self._table.get(delivery_id)
        return _read(item) if item and "url" in item else None

    def add(self, delivery: Delivery) -> Delivery:
        """Record it, unless it is there already; the record."""
        try:
            self._table.put(_written(delivery) | self._kept(), Condition(f"attribute_not_exists({DELIVERY_KEY})"))
        except ConditionFailed:
            return self.find(delivery.delivery_id) or delivery
        return delivery

    def claim(self, delivery: Delivery) -> Delivery | None:
        """Take the next attempt on; None where somebody else was faster."""
        claimed = replace(delivery, attempts=delivery.attempts + 1, due_at=self.now() + LEASE)
        changes = {"attempts": claimed.attempts, "due_at": iso(self.now() + LEASE)}
        values = {":pending": State.PENDING, ":seen": delivery.attempts, ":now": iso(self.now())}
        is_due = Condition("#status = :pending AND #attempts = :seen AND #due_at <= :now", values)
        try:
            self._table.update(delivery.delivery_id, changes, only_if=is_due)
        except ConditionFailed:
            return None
        return claimed

    def delivered(self, delivery: Delivery, answered: int | None) -> None:
        """The receiver has it, whatever other attempts found."""
        changes = {"status": State.DELIVERED, "ended_at": iso(self.now()), "answered": answered}
        with suppress(ConditionFailed):  # it has expired
            self._table.update(delivery.delivery_id, changes, remove=("due_at", "problem"))

    def failed(self, delivery: Delivery, answered: int | None, problem: str, due_at: datetime | None) -> None:
        """The claimed attempt failed: the next one is due then, or never if that is None. Of no effect if the delivery
        has gone on otherwise."""
        changes: Item = {"answered": answered, "problem": problem}
        changes |= {"due_at": iso(due_at)} if due_at else {"status": State.DEAD, "ended_at": iso(self.now())}
        gone = (() if due_at else ("due_at",)) + (("answered",) if answered is None else ())
        with suppress(ConditionFailed):
            self._table.update(
                delivery.delivery_id,
                changes,
                remove=gone,
                only_if=Condition(
                    "#status = :pending AND #attempts = :own", {":pending": State.PENDING, ":own": delivery.attempts}
                ),
            )

    def again(self, delivery: Delivery) -> Delivery:
        """Its owner wants it sent again, whatever became of it: due at once, as if it were new."""
        again = replace(delivery, status=State.PENDING, attempts=0, due_at=self.now(), ended_at=None)
        changes = {"status": again.status, "attempts": 0, "due_at": iso(self.now())}
        self._table.update(delivery.delivery_id, changes | self._kept(), remove=("ended_at",))
        return again

    def of_owner(self, owner: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        """Up to `limit` deliveries of an owner, newest first, and the cursor to go on with, None at the end."""
        items, next_cursor = self._table.page_of(DELIVERIES_BY_OWNER, owner, Wanted().created, cursor, limit)
        return [_read(item) for item in items], next_cursor

    def secret_versions(self, owner: str) -> SecretVersions:
        """Which secrets of the owner count now."""
        item = self._table.get(_of_secret(owner)) or {}
        changed = (datetime.fromisoformat(time) for time in item.get("changed_at", ()))
        since = self.now() - OVERLAP
        return SecretVersions(item.get("version", 0), tuple(time for time in changed if time > since))

    def change_secret(self, owner: str) -> SecretVersions:
        """The owner's secret is another now; `Conflict` if it was changed too often."""
        seen = self.secret_versions(owner)
        if len(seen.changed_at) >= MOST_CHANGES:
            raise Conflict(f"The secret was changed {MOST_CHANGES} times within a day: wait, or use the latest.")
        changed = SecretVersions(seen.latest + 1, (self.now(), *seen.changed_at))
        item = {
            DELIVERY_KEY: _of_secret(owner),
            "version": changed.latest,
            "changed_at": [iso(time) for time in changed.changed_at],
        }
        try:
            is_as_seen = Condition(f"attribute_not_exists({DELIVERY_KEY}) OR #version = :seen", {":seen": seen.latest})
            self._table.put(item, is_as_seen)
        except ConditionFailed:  # somebody else has changed it just now
            return self.secret_versions(owner)
        return changed

    def _kept(self) -> Item:
        return {EXPIRES_AT: int((self.now() + KEPT_FOR).timestamp())}


def _of_secret(owner: str) -> str:
    """The key of an owner's changes, which is no delivery's."""
    return f"secret {owner}"


def _written(delivery: Delivery) -> Item:
    item = {name: value for name, value in asdict(delivery).items() if value is not None}
    return {name: iso(value) if name in _TIMES else value for name, value in item.items()}


def _read(item: Item) -> Delivery:
    fields: dict[str, Any] = {name: value for name, value in item.items() if name in Delivery.__annotations__}
    fields |= {name: datetime.fromisoformat(fields[name]) for name in _TIMES if name in fields}
    return Delivery(**{**fields, "status": State(fields["status"])})
