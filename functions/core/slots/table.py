"""Read and write the table of slots and their queue. A held slot is an item, which names its holder.

    pk "slot"     sk its number, from 0       a held slot
    pk "waiting"  sk owner/since/generation   a queued generation, sorted by time for each owner
    pk "held back"  sk model/0 or 1/owner/…   a queued generation that waits for credits (1 if it was itself rejected)
    pk "shortage" sk model                    the rejections for lack of credits of a model (shortages.py)
    pk "ends/<generation>"  sk generation     a generation that waits for a run of another one, whose video is its input
    pk "lease"    sk "lease"                  the caller that grants slots, the owner served last, and how many slots
                                              were in use then (admission.py)
    pk "times"    sk model                    how long its generations took (core.learned)
    pk "kinds"    sk model and kind           how long generations with equal parameters took, and what they cost
    pk "hour"     sk when it began            numbers of held slots and queued jobs (history.py)

The number of slots in use is the number of items, so no counter can drift. Only `grant` creates a slot, in one
transaction with the generation, so a generation has one slot and a slot has one generation. `give_back` is the reverse.
All reads for decisions are consistent.

After an invocation with an outdated view, a generation may have an entry in both parts of the queue. The second entry
is deleted when it is next, because its generation has been granted a slot by then.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from core.errors import Contention
from core.generation import Generation, Status, iso
from core.records import table as records
from core.records.claim import CLAIM
from core.records.table import read, write
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PK, SK = "pk", "sk"  # not reserved words of DynamoDB
SLOT, WAITING, HELD_BACK, SHORTAGE, LEASE, HOUR = "slot", "waiting", "held back", "shortage", "lease", "hour"
ENDS = "ends/"
MOST_AHEAD = 100  # jobs counted for the position in the queue
PAGE = 25  # queued jobs read at once, which are usually all of them
MOVED_AT_ONCE = 50  # jobs, by one transaction, which writes 100 items at most


@dataclass(frozen=True)
class Waiting:
    """A generation in the queue."""

    generation_id: str
    owner: str
    since: str  # ISO 8601, UTC, as all times here
    model: str = ""
    cost: int = 0  # the estimate, in credits
    held_since: str = ""  # this and the following as in the generation, or empty
    rejected_at: str = ""
    rejected_again: int = 0

    @property
    def sort_key(self) -> str:
        """Return the sort key, which groups the queue by owner and sorts each group by time."""
        return f"{_part(self.owner)}/{self.since}/{self.generation_id}"

    @property
    def held_key(self) -> str:
        """Return the sort key while it is held back: by model, whether it was rejected itself, and owner."""
        rest = f"{self.rejected_at or '-'}/{self.since}/{self.generation_id}"
        return f"{_part(self.model)}/{1 if self.rejected_at else 0}/{_part(self.owner)}/{rest}"

    @classmethod
    def of(cls, generation: Generation) -> "Waiting":
        """Return the generation's entry in the queue. Repeated calls return the same entry."""
        since = generation.reopened_at or generation.created_at
        return cls(
            generation.generation_id,
            generation.owner,
            iso(since),
            model=generation.model,
            cost=generation.cost.estimated if generation.cost else 0,
            held_since=iso(generation.held_since) if generation.held_since else "",
            rejected_at=iso(generation.rejected_at) if generation.rejected_at else "",
            rejected_again=generation.rejected_again,
        )

    def in_part(self, part: str) -> dict[str, Any]:
        """Return its key in a part of the queue."""
        return _key(part, self.held_key if part == HELD_BACK else self.sort_key)


@dataclass(frozen=True)
class Slot:
    """A held slot."""

    number: int
    holder: str  # a generation's id
    owner: str
    since: datetime


@dataclass(frozen=True)
class Done:
    """What the caller that holds the lease has done: the owner served last, and how many slots are in use now."""

    served: str
    in_use: int

    @property
    def values(self) -> dict[str, Any]:
        """Return the values of an update."""
        return {":served": self.served, ":in_use": self.in_use}


class Refused(Exception):
    """A transaction failed: one of its conditions did not hold, or it conflicted with another transaction."""

    def __init__(self, *, is_settled: bool) -> None:
        super().__init__()
        self.is_settled = is_settled  # the condition on the generation: it has a slot or no longer needs one


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
        return [_waiting(read(item)) for item in answer["Items"]], "LastEvaluatedKey" in answer

    def held_back(self, model: str) -> list[Waiting]:
        """Return the jobs of a model that are held back."""
        return [_waiting(item) for item in self._query(HELD_BACK, f"{_part(model)}/")]

    def held_back_before(self, time: datetime) -> Iterator[Waiting]:
        """Return the jobs that are held back since this time or longer."""
        return map(_waiting, self._query(HELD_BACK, before=iso(time)))

    def models_held_back(self) -> list[str]:
        """Return the models with jobs that are held back."""
        models: list[str] = []
        while job := self._first_held_back(f"{_part(models[-1])}0" if models else " "):
            models.append(job.model)
        return models

    def next_held_back(self, model: str, served: str) -> Waiting | None:
        """Return a model's next job to try: the first job of the owner after the one who was `served` last.

        Jobs that were never rejected are first, because they cannot be the reason.
        """
        for beginning in (f"{_part(model)}/0/", f"{_part(model)}/1/"):
            for after in [beginning + after_owner(served), beginning] if served else [beginning]:
                job = self._first_held_back(after)
                if job and job.held_key.startswith(beginning):
                    return job
        return None

    def _first_held_back(self, after: str) -> Waiting | None:
        answer = self._dynamodb.query(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk AND {SK} > :after",
            ExpressionAttributeValues=write({":pk": HELD_BACK, ":after": after}),
            ConsistentRead=True,
            Limit=1,
        )
        return next((_waiting(read(item)) for item in answer["Items"]), None)

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
            ExpressionAttributeValues=write({":pk": WAITING, ":first": f"{_part(generation.owner)}/", ":own": own}),
            ProjectionExpression=SK,
            Limit=MOST_AHEAD + 1,
        )
        if len(answer["Items"]) > MOST_AHEAD:
            return MOST_AHEAD
        found = [read(item)[SK] for item in answer["Items"]]
        return len(found) - 1 if found[-1:] == [own] else None

    def waits_for_credits(self, generation: Generation) -> bool:
        """Return whether a queued generation is held back, for display only."""
        answer = self._dynamodb.query(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk AND {SK} = :own",
            ExpressionAttributeValues=write({":pk": HELD_BACK, ":own": Waiting.of(generation).held_key}),
            ProjectionExpression=SK,
        )
        return bool(answer["Items"])

    def wait(self, waiting: Waiting) -> None:
        """Put a generation in the queue, unless it is already there."""
        item = _item(waiting, WAITING)
        self._retried(lambda: self._dynamodb.put_item(TableName=self._name, Item=item))

    def leave(self, waiting: Waiting) -> None:
        """Take a generation out of the queue, if it is there."""
        for part in (WAITING, HELD_BACK):
            self._delete(waiting.in_part(part), waiting.generation_id)

    def hold_back(self, jobs: Sequence[Waiting], now: datetime) -> None:
        """Move jobs from the queue to the held-back jobs."""
        self._requeue([replace(job, held_since=job.held_since or iso(now)) for job in jobs], WAITING, HELD_BACK)

    def follow(self, jobs: Sequence[Waiting]) -> None:
        """Move held-back jobs to the queue. Jobs that have ended are removed when they are next."""
        self._requeue([replace(job, held_since="") for job in jobs], HELD_BACK, WAITING)

    def _requeue(self, jobs: Sequence[Waiting], source: str, target: str) -> None:
        for start in range(0, len(jobs), MOVED_AT_ONCE):
            some = jobs[start : start + MOVED_AT_ONCE]
            # A transaction may name an item only once, and a job may be in the list twice.
            items = {str(job.in_part(target)): _item(job, target) for job in some}
            keys = {str(job.in_part(source)): job.in_part(source) for job in some}
            put = [{"Put": {"TableName": self._name, "Item": item}} for item in items.values()]
            delete = [{"Delete": {"TableName": self._name, "Key": key}} for key in keys.values()]
            with suppress(Contention):  # they stay where they are until the next grant
                for _ in records.attempts():
                    with suppress(Refused):
                        self._transact(*put, *delete)
                        break

    def await_end(self, source: Run, generation_id: str) -> None:
        """Record that a generation waits for the end of another one's run, instead of an earlier run's."""
        item = write({PK: ENDS + source.generation_id, SK: generation_id, "holder": source.execution})
        self._retried(lambda: self._dynamodb.put_item(TableName=self._name, Item=item))

    def awaiting(self, source_id: str) -> list[tuple[str, str]]:
        """Return the generations that wait for the end of this one, each with the execution that it waits for."""
        return [(item[SK], item["holder"]) for item in self._query(ENDS + source_id)]

    def stop_awaiting(self, source_id: str, generation_id: str, execution: str) -> None:
        """Stop waiting for the end of this run; a wait for a later run stays."""
        self._delete(_key(ENDS + source_id, generation_id), execution)

    def grant(self, waiting: Waiting, number: int, now: datetime, trying: dict[str, Any] | None = None) -> None:
        """Give a queued job the slot, or let it keep the one that it already has, all or nothing. Raise `Refused`.

        `trying` is the additional update if the slot is for a try.
        """
        granted = self._granting(waiting, number, now, HELD_BACK if trying else WAITING)
        self._transact(*granted, *([{"Update": trying}] if trying else ()))

    def grant_all(self, granted: Sequence[tuple[Waiting, int]], now: datetime) -> None:
        """Give slots to queued jobs as `grant` does, to all of them or to none. Raise `Refused`."""
        self._transact(*(item for job, number in granted for item in self._granting(job, number, now, WAITING)))

    def _granting(self, waiting: Waiting, number: int, now: datetime, part: str) -> list[dict[str, Any]]:
        """Return the writes that grant the slot to a job in this part of the queue."""
        admitted = self._update_of(
            waiting.generation_id,
            {"slot": number, "admitted_at": iso(now), "held_since": waiting.held_since or None},
            only_if=records.Condition("#status = :queued AND attribute_not_exists(#slot)", {":queued": Status.QUEUED}),
            remove=() if waiting.held_since else ("held_since",),
        )
        return [
            admitted,
            {"Put": self._new(Slot(number, waiting.generation_id, waiting.owner, now))},
            {"Delete": self._of(waiting.in_part(part), waiting.generation_id)},
        ]

    def give_back(
        self, generation: Generation, now: datetime, attempt: str | None = None, rejected_again: int = 0
    ) -> bool:
        """Free the slot of a job that cannot be sent now, all or nothing. Return whether that was done.

        Also clear its claim if the provider rejected this `attempt`. Nothing is done if another invocation was faster,
        if the job has ended, or if there are too many conflicts.
        """
        rejected = {"rejected_at": iso(now), "rejected_again": rejected_again}
        is_unsent = "#attempt = :attempt" if attempt else "attribute_not_exists(#submission)"
        values = {":queued": Status.QUEUED, ":run": generation.rescues}
        changed = self._update_of(
            generation.generation_id,
            {
                "held_since": iso(generation.held_since or now),
                "updated_at": iso(now),
                **(rejected if attempt else {}),
            },
            only_if=records.Condition(
                f"{is_unsent} AND #status = :queued AND #rescues = :run",
                {**values, **({":attempt": attempt} if attempt else {})},
            ),
            remove=("slot", *CLAIM) if attempt else ("slot",),
        )
        with suppress(Contention):
            for _ in records.attempts():
                slots = [slot for slot in self.held() if slot.holder == generation.generation_id]
                try:
                    self._transact(changed, *({"Delete": self._of_slot(slot)} for slot in slots))
                except Refused as refused:
                    if refused.is_settled:
                        return False
                else:
                    return True
        return False

    def move(self, slot: Slot, number: int) -> None:
        """Move the holder to another slot, because the limit was lowered. Raise `Refused`."""
        self._transact({"Put": self._new(replace(slot, number=number))}, {"Delete": self._of_slot(slot)})

    def release(self, slot: Slot) -> None:
        """Free the slot if its holder still has it."""
        self.release_number(slot.number, slot.holder)

    def release_number(self, number: int, holder: str) -> bool:
        """Free the slot with this number if this generation has it. Return whether it had it."""
        return self._delete(_key(SLOT, _number(number)), holder)

    def in_use(self) -> int:
        """Return how many slots were in use when some were granted last. Slots that were freed since then count."""
        answer = self._dynamodb.get_item(
            TableName=self._name, Key=_key(LEASE, LEASE), ProjectionExpression="in_use", ConsistentRead=False
        )
        return int(read(answer.get("Item", {})).get("in_use", 0))

    def take_lease(self, who: str, now: datetime, until: datetime, done: "Done | None" = None) -> str | None:
        """Take or renew the lease to grant slots, and return the owner who was served last, or "" if there is none.

        Return None if another caller holds the lease, and set a flag that makes that one run once more. When a caller
        renews its lease, it passes what it has `done`, because with a constant stream of jobs a lease may never end.
        That removes the flag, so the caller must read the queue afterwards. The flag for a caller that died stays for
        the next one.
        """
        taken: dict[str, Any] = {}
        renewed = ", served = :served, in_use = :in_use REMOVE again" if done else ""
        known = {":who": who, ":until": iso(until), ":now": iso(now), **(done.values if done else {})}

        def take() -> None:
            answer = self._dynamodb.update_item(
                TableName=self._name,
                Key=_key(LEASE, LEASE),
                UpdateExpression=f"SET who = :who, #until = :until{renewed}",
                ConditionExpression="attribute_not_exists(who) OR who = :who OR #until < :now",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues=write(known),
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
                return self.take_lease(who, now, until, done)  # the other lease has just ended
            return None
        return str(taken.get("served", ""))

    def end_lease(self, who: str, done: "Done") -> bool:
        """End the lease of `who`, record what it has `done`, and return whether that was possible.

        It is not possible if another caller has asked for the lease. Then `who` must run once more.
        """
        try:
            self._retried(
                lambda: self._dynamodb.update_item(
                    TableName=self._name,
                    Key=_key(LEASE, LEASE),
                    UpdateExpression="SET served = :served, in_use = :in_use REMOVE who, #until",
                    ConditionExpression="who = :who AND attribute_not_exists(again)",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues=write({":who": who, **done.values}),
                )
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _query(self, part: str, beginning: str = "", before: str = "") -> Iterator[dict[str, Any]]:
        begins = f" AND begins_with({SK}, :beginning)" if beginning else ""
        filtered: Any = {"FilterExpression": "held_since <= :before"} if before else {}
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk{begins}",
            ExpressionAttributeValues=write({":pk": part, ":beginning": beginning or None, ":before": before or None}),
            ConsistentRead=True,
            **filtered,
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

    def _of(self, key: dict[str, Any], holder: str) -> dict[str, Any]:
        """Return a delete of an item, on condition that this generation holds it."""
        return {
            "TableName": self._name,
            "Key": key,
            "ConditionExpression": "holder = :holder",
            "ExpressionAttributeValues": write({":holder": holder}),
        }

    def _of_slot(self, slot: Slot) -> dict[str, Any]:
        return self._of(_key(SLOT, _number(slot.number)), slot.holder)

    def _update_of(self, generation_id: str, changes: records.Item, **how: Any) -> dict[str, Any]:
        """Return an update of a generation for a transaction."""
        updated = records.update_of(generation_id, changes, **how)
        updated.pop("ReturnValuesOnConditionCheckFailure")
        return {"Update": {"TableName": self._generations, **updated}}

    def _delete(self, key: dict[str, Any], holder: str) -> bool:
        """Delete an item if this generation holds it. Return whether it did."""
        try:
            self._retried(lambda: self._dynamodb.delete_item(**self._of(key, holder)))
        except self._dynamodb.exceptions.ConditionalCheckFailedException:  # deleted, or held by another one
            return False
        return True

    def _transact(self, *items: dict[str, Any]) -> None:
        try:
            self._dynamodb.transact_write_items(TransactItems=items)  # type: ignore[arg-type]  # plain dicts
        except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
            codes = [str(reason.get("Code")) for reason in cancelled.response["CancellationReasons"]]
            raise Refused(is_settled=codes[0] == "ConditionalCheckFailed") from None

    def _retried(self, call: Any) -> None:
        """Write, and retry conflicts with another transaction, which the SDK does not."""
        records.retried(call, self._dynamodb)


def after_owner(owner: str) -> str:
    """Return a sort key after all queued jobs of this owner."""
    return f"{_part(owner)}0"  # which follows "/" in ASCII


def _waiting(item: dict[str, Any]) -> Waiting:
    names = ("model", "cost", "held_since", "rejected_at", "rejected_again")
    return Waiting(item["holder"], item["owner"], item["since"], **{name: item[name] for name in names if name in item})


def _item(waiting: Waiting, part: str) -> dict[str, Any]:
    fields = {name: value or None for name, value in asdict(waiting).items() if name != "generation_id"}
    return {**waiting.in_part(part), **write({"holder": waiting.generation_id, **fields})}


def _part(name: str) -> str:
    return quote(name, safe="")


def _number(number: int) -> str:
    return f"{number:06d}"


def _key(part: str, item: str) -> dict[str, Any]:
    return {PK: {"S": part}, SK: {"S": item}}
