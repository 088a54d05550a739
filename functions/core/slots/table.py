"""Read and write the table of slots and their queue. A held slot is an item, which names its holder.

    pk "slot"     sk its number, from 0       a held slot
    pk "waiting"  sk owner/since/generation   a queued generation, sorted by time for each owner
    pk "ends/<generation>"  sk generation     a generation that waits for a run of another one, whose video is its input
    pk "lease"    sk "lease"                  the caller that grants slots, and the owner served last (admission.py)
    pk "times"    sk model                    how long its generations took (core.learned)
    pk "kinds"    sk model and kind           how long generations with equal parameters took, and what they cost
    pk "hour"     sk when it began            numbers of held slots and queued jobs (history.py)

The number of slots in use is the number of items, so no counter can drift. Only `grant` creates a slot, in one
transaction with the generation, so a generation has one slot and a slot has one generation. All reads for decisions are
consistent.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from core.generation import Generation, Status, iso
from core.records import table as records
from core.records.table import read, write
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PK, SK = "pk", "sk"  # not reserved words of DynamoDB
SLOT, WAITING, LEASE, HOUR = "slot", "waiting", "lease", "hour"
ENDS = "ends/"
MOST_AHEAD = 100  # jobs counted for the position in the queue
PAGE = 25  # queued jobs read at once, which are usually all of them


@dataclass(frozen=True)
class Waiting:
    """A generation in the queue."""

    generation_id: str
    owner: str
    since: str  # ISO 8601, UTC

    @property
    def sort_key(self) -> str:
        """Return the sort key, which groups the queue by owner and sorts each group by time."""
        return f"{_owner(self.owner)}/{self.since}/{self.generation_id}"

    @classmethod
    def of(cls, generation: Generation) -> "Waiting":
        """Return the generation's entry in the queue. Repeated calls return the same entry."""
        since = generation.reopened_at or generation.created_at
        return cls(generation.generation_id, generation.owner, iso(since))


@dataclass(frozen=True)
class Slot:
    """A held slot."""

    number: int
    holder: str  # a generation's id
    owner: str
    since: datetime


class Refused(Exception):
    """A transaction failed: one of its conditions did not hold, or it conflicted with another transaction."""

    def __init__(self, *, is_settled: bool) -> None:
        super().__init__()
        self.is_settled = is_settled  # the generation already has a slot or no longer needs one


class SlotsTable:
    """The table of slots, whose grants also update the table of generations."""

    def __init__(self, dynamodb: "DynamoDBClient", name: str, generations: str) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._generations = generations

    def held(self) -> list[Slot]:
        """Return the slots in use, by number."""
        return [
            Slot(int(item[SK]), item["holder"], item["owner"], datetime.fromisoformat(item["since"]))
            for item in self._query(SLOT)
        ]

    def waiting(self, after: str = "") -> tuple[list[Waiting], bool]:
        """Return the next few queued jobs after a sort key, owner by owner, and whether there are more."""
        answer = self._dynamodb.query(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk AND {SK} > :after",
            ExpressionAttributeValues={":pk": {"S": WAITING}, ":after": {"S": after or " "}},
            ConsistentRead=True,
            Limit=PAGE,
        )
        found = [read(item) for item in answer["Items"]]
        waiting = [Waiting(item["holder"], item["owner"], item["since"]) for item in found]
        return waiting, "LastEvaluatedKey" in answer

    def queue(self) -> tuple[int, datetime | None]:
        """Return how many jobs are queued, and since when the longest has waited."""
        since = [item["since"] for item in self._query(WAITING)]
        return len(since), datetime.fromisoformat(min(since)) if since else None

    def count(self, part: str) -> int:
        """Return the approximate number of items of this `pk`, for display only."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk",
            ExpressionAttributeValues={":pk": {"S": part}},
            Select="COUNT",
        )
        return sum(page["Count"] for page in pages)

    def ahead(self, generation: Generation) -> int | None:
        """Return how many of the owner's jobs are ahead of this one, at most `MOST_AHEAD`, or None if it is not queued.

        Their admission also depends on the other owners: see `core.slots.admission`.
        """
        own = Waiting.of(generation).sort_key
        answer = self._dynamodb.query(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk AND {SK} BETWEEN :first AND :own",
            ExpressionAttributeValues=write({":pk": WAITING, ":first": f"{_owner(generation.owner)}/", ":own": own}),
            ProjectionExpression=SK,
            Limit=MOST_AHEAD + 1,
        )
        if len(answer["Items"]) > MOST_AHEAD:
            return MOST_AHEAD
        found = [read(item)[SK] for item in answer["Items"]]
        return len(found) - 1 if found[-1:] == [own] else None

    def wait(self, waiting: Waiting) -> None:
        """Put a generation in the queue, unless it is already there."""
        fields = {"holder": waiting.generation_id, "owner": waiting.owner, "since": waiting.since}
        item = write({PK: WAITING, SK: waiting.sort_key, **fields})
        self._retried(lambda: self._dynamodb.put_item(TableName=self._name, Item=item))

    def leave(self, waiting: Waiting) -> None:
        """Take a generation out of the queue, if it is there."""
        self._delete(WAITING, waiting.sort_key, waiting.generation_id)

    def await_end(self, source: Run, generation_id: str) -> None:
        """Record that a generation waits for the end of another one's run, instead of an earlier run's."""
        item = write({PK: ENDS + source.generation_id, SK: generation_id, "holder": source.execution})
        self._retried(lambda: self._dynamodb.put_item(TableName=self._name, Item=item))

    def awaiting(self, source_id: str) -> list[tuple[str, str]]:
        """Return the generations that wait for the end of this one, each with the execution that it waits for."""
        return [(item[SK], item["holder"]) for item in self._query(ENDS + source_id)]

    def stop_awaiting(self, source_id: str, generation_id: str, execution: str) -> None:
        """Stop waiting for the end of this run; a wait for a later run stays."""
        self._delete(ENDS + source_id, generation_id, execution)

    def grant(self, waiting: Waiting, number: int, now: datetime) -> None:
        """Give a queued job the slot, or let it keep the one that it already has, all or nothing. Raise `Refused`."""
        admitted = records.update_of(
            waiting.generation_id,
            {"slot": number, "admitted_at": iso(now)},
            only_if=records.Condition("#status = :queued AND attribute_not_exists(#slot)", {":queued": Status.QUEUED}),
        )
        admitted.pop("ReturnValuesOnConditionCheckFailure")
        self._transact(
            {"Put": self._new(Slot(number, waiting.generation_id, waiting.owner, now))},
            {"Delete": self._of(WAITING, waiting.sort_key, waiting.generation_id)},
            {"Update": {"TableName": self._generations, **admitted}},
        )

    def move(self, slot: Slot, number: int) -> None:
        """Move the holder to another slot, because the limit was lowered. Raise `Refused`."""
        old = self._of(SLOT, _number(slot.number), slot.holder)
        self._transact({"Put": self._new(replace(slot, number=number))}, {"Delete": old})

    def release(self, slot: Slot) -> None:
        """Free the slot if its holder still has it."""
        self._delete(SLOT, _number(slot.number), slot.holder)

    def take_lease(self, who: str, now: datetime, until: datetime, served: str | None = None) -> str | None:
        """Take or renew the lease to grant slots, and return the owner who was served last, or "" if there is none.

        Return None if another caller holds the lease, and make that one run once more. When a caller renews its lease,
        it passes the owner that was `served` last, because with a constant stream of jobs a lease may never end.
        """
        taken: dict[str, Any] = {}
        and_served = ", served = :served" if served else ""
        known = {":who": who, ":until": iso(until), ":now": iso(now), ":served": served}

        def take() -> None:
            answer = self._dynamodb.update_item(
                TableName=self._name,
                Key=_key(LEASE, LEASE),
                UpdateExpression=f"SET who = :who, #until = :until {and_served} REMOVE again",
                ConditionExpression="attribute_not_exists(who) OR who = :who OR #until < :now",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues=write({name: value for name, value in known.items() if value}),
                ReturnValues="ALL_NEW",
            )
            taken.update(read(answer["Attributes"]))

        try:
            self._retried(take)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            try:
                self._dynamodb.update_item(
                    TableName=self._name,
                    Key=_key(LEASE, LEASE),
                    UpdateExpression="SET again = :yes",
                    ConditionExpression="attribute_exists(who)",
                    ExpressionAttributeValues=write({":yes": who}),
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                return self.take_lease(who, now, until, served)  # the other lease has just ended
            return None
        return str(taken.get("served", ""))

    def end_lease(self, who: str, served: str) -> bool:
        """End the lease of `who`, with the owner who was `served` last, and return whether that was possible.

        It is not possible if another caller has asked for the lease. Then `who` must run once more.
        """
        try:
            self._retried(
                lambda: self._dynamodb.update_item(
                    TableName=self._name,
                    Key=_key(LEASE, LEASE),
                    UpdateExpression="SET served = :served REMOVE who, #until",
                    ConditionExpression="who = :who AND attribute_not_exists(again)",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues=write({":who": who, ":served": served}),
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _query(self, part: str) -> Iterator[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk",
            ExpressionAttributeValues={":pk": {"S": part}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(read, page["Items"])

    def _new(self, slot: Slot) -> dict[str, Any]:
        fields = {"holder": slot.holder, "owner": slot.owner, "since": iso(slot.since)}
        item = write({PK: SLOT, SK: _number(slot.number), **fields})
        return {
            "TableName": self._name,
            "Item": item,
            "ConditionExpression": f"attribute_not_exists({PK}) OR holder = :holder",
            "ExpressionAttributeValues": write({":holder": slot.holder}),
        }

    def _of(self, part: str, item: str, holder: str) -> dict[str, Any]:
        """Return a delete of an item, on condition that this generation holds it."""
        return {
            "TableName": self._name,
            "Key": _key(part, item),
            "ConditionExpression": "holder = :holder",
            "ExpressionAttributeValues": write({":holder": holder}),
        }

    def _delete(self, part: str, item: str, holder: str) -> None:
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):  # deleted, or held by another one
            self._retried(lambda: self._dynamodb.delete_item(**self._of(part, item, holder)))

    def _transact(self, *items: dict[str, Any]) -> None:
        try:
            self._dynamodb.transact_write_items(TransactItems=items)  # type: ignore[arg-type]  # plain dicts
        except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
            codes = [str(reason.get("Code")) for reason in cancelled.response["CancellationReasons"]]
            raise Refused(is_settled=codes[2:] == ["ConditionalCheckFailed"]) from None

    def _retried(self, call: Any) -> None:
        """Write, and retry conflicts with another transaction, which the SDK does not."""
        records.retried(call, self._dynamodb)


def after_owner(owner: str) -> str:
    """Return a sort key after all queued jobs of this owner."""
    return f"{_owner(owner)}0"  # which follows "/" in ASCII


def _owner(owner: str) -> str:
    return quote(owner, safe="")


def _number(number: int) -> str:
    return f"{number:06d}"


def _key(part: str, item: str) -> dict[str, Any]:
    return {PK: {"S": part}, SK: {"S": item}}
