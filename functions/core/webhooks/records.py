"""Record the deliveries of a month, and how often each owner has changed the secret.

A delivery is claimed before it is sent, so that only one of two concurrent invocations sends it. If that one dies,
another invocation may claim the delivery after `LEASE`.
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
OVERLAP = timedelta(hours=24)  # how long messages are also signed with a replaced secret
MOST_CHANGES = 5  # of a secret within `OVERLAP`
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_msg_[0-9a-f]{32}$"
_TIMES = ("created_at", "begun_at", "due_at", "ended_at")


class State(StrEnum):
    """The status of a delivery."""

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
    begun_at: datetime  # its creation, or when its owner sent it again
    status: State = State.PENDING
    attempts: int = 0  # since `begun_at`
    due_at: datetime | None = None  # of the next attempt
    ended_at: datetime | None = None
    answered: int | None = None  # the status of the latest answer
    problem: str | None = None  # why the latest attempt failed


@dataclass(frozen=True)
class SecretVersions:
    """The versions of an owner's secret in use: the latest, and those that were replaced within `OVERLAP`."""

    latest: int
    changed_at: tuple[datetime, ...]  # within `OVERLAP`, the latest first

    @property
    def all(self) -> tuple[int, ...]:
        """Return the versions to sign with, the latest first."""
        return tuple(range(self.latest, self.latest - len(self.changed_at) - 1, -1))


class WebhookRecords:
    """Reads and changes deliveries and secret versions. Every change is one conditional write."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._table = Table(dynamodb, table_name, DELIVERY_KEY)
        self.now = now

    def find(self, delivery_id: str) -> Delivery | None:
        """Return the current delivery, or None if it does not exist or has expired."""
        item = self._table.get(delivery_id)
        return _read(item) if item and "url" in item else None

    def add(self, delivery: Delivery) -> Delivery:
        """Record a delivery unless its id exists. Return the record."""
        try:
            self._table.put(_written(delivery) | self._kept(), Condition(f"attribute_not_exists({DELIVERY_KEY})"))
        except ConditionFailed:
            return self.find(delivery.delivery_id) or delivery
        return delivery

    def claim(self, delivery: Delivery) -> Delivery | None:
        """Claim the next attempt. Return None if another invocation was faster."""
        claimed = replace(delivery, attempts=delivery.attempts + 1, due_at=self.now() + LEASE)
        changes = {"attempts": claimed.attempts, "due_at": iso(self.now() + LEASE)}
        is_as_seen = _is_as_seen(delivery)
        is_due = Condition(f"{is_as_seen.text} AND #due_at <= :now", {**is_as_seen.values, ":now": iso(self.now())})
        try:
            self._table.update(delivery.delivery_id, changes, only_if=is_due)
        except ConditionFailed:
            return None
        return claimed

    def delivered(self, delivery: Delivery, answered: int | None) -> None:
        """Record that the receiver has the message, whatever the outcome of other attempts."""
        changes = {"status": State.DELIVERED, "ended_at": iso(self.now()), "answered": answered}
        with suppress(ConditionFailed):  # expired
            self._table.update(delivery.delivery_id, changes, remove=("due_at", "problem"))

    def failed(self, delivery: Delivery, answered: int | None, problem: str, due_at: datetime | None) -> None:
        """Record that the claimed attempt failed, and when the next one is due. With None, the delivery is dead.

        Do nothing if the delivery has changed since.
        """
        changes: Item = {"answered": answered, "problem": problem}
        changes |= {"due_at": iso(due_at)} if due_at else {"status": State.DEAD, "ended_at": iso(self.now())}
        gone = (() if due_at else ("due_at",)) + (("answered",) if answered is None else ())
        with suppress(ConditionFailed):
            self._table.update(delivery.delivery_id, changes, remove=gone, only_if=_is_as_seen(delivery))

    def again(self, delivery: Delivery) -> Delivery:
        """Make a delivery due immediately, as if it were new, because its owner wants to send it again."""
        now = self.now()
        again = replace(delivery, status=State.PENDING, attempts=0, begun_at=now, due_at=now, ended_at=None)
        changes = {"status": again.status, "attempts": 0, "begun_at": iso(now), "due_at": iso(now)}
        self._table.update(delivery.delivery_id, changes | self._kept(), remove=("ended_at",))
        return again

    def of_owner(self, owner: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        """Return up to `limit` deliveries of an owner, newest first, and the cursor of the next page or None."""
        items, next_cursor = self._table.page_of(DELIVERIES_BY_OWNER, owner, Wanted().created, cursor, limit)
        return [_read(item) for item in items], next_cursor

    def secret_versions(self, owner: str) -> SecretVersions:
        """Return the versions of the owner's secret that are in use."""
        item = self._table.get(_of_secret(owner)) or {}
        changed = (datetime.fromisoformat(time) for time in item.get("changed_at", ()))
        since = self.now() - OVERLAP
        return SecretVersions(item.get("version", 0), tuple(time for time in changed if time > since))

    def change_secret(self, owner: str) -> SecretVersions:
        """Change the owner's secret. Raise `Conflict` if it was changed too often."""
        seen = self.secret_versions(owner)
        if len(seen.changed_at) >= MOST_CHANGES:
            raise Conflict(f"The secret was changed {MOST_CHANGES} times within a day. Wait, or use the latest one.")
        changed = SecretVersions(seen.latest + 1, (self.now(), *seen.changed_at))
        item = {
            DELIVERY_KEY: _of_secret(owner),
            "version": changed.latest,
            "changed_at": [iso(time) for time in changed.changed_at],
        }
        try:
            is_as_seen = Condition(f"attribute_not_exists({DELIVERY_KEY}) OR #version = :seen", {":seen": seen.latest})
            self._table.put(item, is_as_seen)
        except ConditionFailed:  # another call has just changed it
            return self.secret_versions(owner)
        return changed

    def _kept(self) -> Item:
        return {EXPIRES_AT: int((self.now() + KEPT_FOR).timestamp())}


def _is_as_seen(delivery: Delivery) -> Condition:
    """Return the condition that a delivery is pending and has made no attempt since it was read or claimed."""
    return Condition(
        "#status = :pending AND #attempts = :seen AND #begun_at = :begun",
        {":pending": State.PENDING, ":seen": delivery.attempts, ":begun": iso(delivery.begun_at)},
    )


def _of_secret(owner: str) -> str:
    """Return the key of the item with an owner's changes, which cannot be the id of a delivery."""
    return f"secret {owner}"


def _written(delivery: Delivery) -> Item:
    item = {name: value for name, value in asdict(delivery).items() if value is not None}
    return {name: iso(value) if name in _TIMES else value for name, value in item.items()}


def _read(item: Item) -> Delivery:
    fields: dict[str, Any] = {name: value for name, value in item.items() if name in Delivery.__annotations__}
    fields |= {name: datetime.fromisoformat(fields[name]) for name in _TIMES if name in fields}
    return Delivery(**{**fields, "status": State(fields["status"])})
