"""Share the senders of webhooks, so that receivers that hang delay only their own messages.

Each owner and each host is a lane with a third of the senders as slots, and all slow receivers together are a lane with
half of them. A slot is an item that names its holder. It is taken with one conditional
write, and is free again after `LEASE` if the holder dies. A receiver that failed `FAILURES` times in a row gets one
message after each pause, and the others wait until it accepts one. Slow and failing receivers are remembered for each
owner and host, because owners may share a host, such as that of a chat service.
"""

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from core.generation import Clock, iso
from core.records.table import DELIVERY_KEY, EXPIRES_AT, Condition, ConditionFailed, Item, Table
from core.webhooks.records import LEASE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SENDERS = 10  # deliveries at once; fewer if the account's concurrency is small (infra/config.py)
SLOW = timedelta(seconds=3)  # a receiver is slow if a POST takes longer
FAILURES = 5  # in a row, after which a receiver is paused
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15))  # the last one repeats
KEPT_FOR = timedelta(days=2)  # longer than a message is retried

_IS_FREE = f"attribute_not_exists({DELIVERY_KEY}) OR attribute_not_exists(#until) OR #until < :now"


@dataclass(frozen=True)
class Receiver:
    """The receivers of an owner on one host, and the results of their latest messages."""

    owner: str
    host: str
    is_slow: bool = False
    failures: int = 0  # since the latest success
    paused_until: datetime | None = None

    @property
    def key(self) -> str:
        """The key of its item, which cannot be the id of a delivery."""
        return f"receiver {self.owner} {self.host}"

    def lanes(self, senders: int) -> tuple[tuple[str, int], ...]:
        """Return the lanes in which a message needs a slot, each with the number of its slots."""
        share = max(1, senders // 3)
        slow = (("slow", max(1, senders // 2)),) if self.is_slow else ()
        return (f"owner {self.owner}", share), (f"host {self.host}", share), *slow


@dataclass(frozen=True)
class Permit:
    """The permission to send one message: a slot in each of its lanes."""

    receiver: Receiver
    holder: str  # a unique token
    slots: tuple[str, ...] = ()  # the keys of their items


class Senders:
    """Gives permits, and remembers which receivers fail. Every change is one conditional write."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock, senders: int = SENDERS) -> None:
        self._table = Table(dynamodb, table_name, DELIVERY_KEY)
        self._now = now
        self._senders = senders

    def take(self, owner: str, host: str) -> Permit | None:
        """Return the permit for a message, or None if it has to wait."""
        receiver = self._receiver(owner, host)
        if receiver.paused_until and receiver.paused_until > self._now():
            return None
        permit = Permit(receiver, holder=uuid4().hex)
        for lane, slots in receiver.lanes(self._senders):
            slot = self._slot(lane, slots, permit.holder)
            if slot is None:
                self.free(permit)
                return None
            permit = replace(permit, slots=(*permit.slots, slot))
        if receiver.failures < FAILURES:
            return permit
        probed = self._probe(receiver)
        if probed is None:
            self.free(permit)
            return None
        return replace(permit, receiver=probed)

    def free(self, permit: Permit) -> None:
        """Free the slots of a permit."""
        for slot in permit.slots:
            with suppress(ConditionFailed):  # its lease was over, and another message has it
                is_mine = Condition("#holder = :mine", {":mine": permit.holder})
                self._table.update(slot, {}, only_if=is_mine, remove=("until",))

    def answered(self, receiver: Receiver, *, failed: bool, took: timedelta) -> None:
        """Record the result of a message, and pause a receiver that failed too often in a row."""
        while True:
            failures = receiver.failures + 1 if failed else 0
            over = failures - FAILURES
            until = self._now() + PAUSES[min(over, len(PAUSES) - 1)] if over >= 0 else None
            known = replace(receiver, is_slow=took > SLOW, failures=failures, paused_until=until)
            if known == receiver:
                return
            try:
                self._change(receiver, known)
            except ConditionFailed as changed:  # another message has just failed or succeeded
                receiver = _read(receiver, changed.item)
            else:
                return

    def _receiver(self, owner: str, host: str) -> Receiver:
        unknown = Receiver(owner, host)
        return _read(unknown, self._table.get(unknown.key) or {})

    def _slot(self, lane: str, slots: int, holder: str) -> str | None:
        """Take one of the slots of a lane. Return its key, or None if all are taken."""
        now = self._now()
        for number in random.sample(range(slots), slots):
            key = f"sender {lane} {number}"
            slot = {DELIVERY_KEY: key, "holder": holder, "until": iso(now + LEASE), **self._kept()}
            with suppress(ConditionFailed):
                self._table.put(slot, Condition(_IS_FREE, {":now": iso(now)}))
                return key
        return None

    def _probe(self, receiver: Receiver) -> Receiver | None:
        """Pause a failing receiver for the time of one POST, so that one message at a time tries whether it works.

        Return None if another message was faster.
        """
        paused = replace(receiver, paused_until=self._now() + LEASE)
        try:
            self._change(receiver, paused)
        except ConditionFailed:
            return None
        return paused

    def _change(self, seen: Receiver, known: Receiver) -> None:
        """Change the record of a receiver. Raise `ConditionFailed` if it has changed since it was read."""
        values: Item = {":seen": seen.failures}
        is_as_seen = "#failures = :seen" if seen.failures else "(attribute_not_exists(#failures) OR #failures = :seen)"
        if seen.paused_until:
            values[":until"] = iso(seen.paused_until)
            is_as_seen += " AND #paused_until = :until"
        else:
            is_as_seen += " AND attribute_not_exists(#paused_until)"
        self._table.update(
            seen.key,
            {
                "is_slow": known.is_slow,
                "failures": known.failures,
                "paused_until": known.paused_until and iso(known.paused_until),
                **self._kept(),
            },
            only_if=Condition(is_as_seen, values),
            remove=() if known.paused_until else ("paused_until",),
        )

    def _kept(self) -> Item:
        return {EXPIRES_AT: int((self._now() + KEPT_FOR).timestamp())}


def _read(receiver: Receiver, item: Item) -> Receiver:
    paused = item.get("paused_until")
    return replace(
        receiver,
        is_slow=item.get("is_slow", False),
        failures=item.get("failures", 0),
        paused_until=datetime.fromisoformat(paused) if paused else None,
    )
