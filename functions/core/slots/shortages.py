"""Decide which queued jobs are held back because the provider has no credits for them.

A 402 or 403 says that the account cannot pay for one job. It says nothing about other models and cheaper jobs, and the
reason may be the job itself. So an item of the table of slots records the lowest rejected cost of each model:

    pk "shortage"  sk model

Queued jobs of the model that cost at least as much are held back: first those of the same owner, and those of all
owners once another owner is rejected too. They wait in a separate partition, without a slot. Every minute one
of them is sent as a try: first those that were never rejected, and the owners in turn. When the provider accepts a job
that costs as much, the cost is removed and the others return to the queue (they "follow").

If a job is rejected again although such jobs were accepted, it no longer follows but waits for its own tries. If that
happens once more, its rejection holds back no other job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import ProviderOutOfCredits
from core.generation import Clock, iso
from core.records.table import Item, read, retried, write
from core.slots.table import PK, SHORTAGE, SK, Waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOT_BEFORE = timedelta(hours=1)  # after a job was held back; it does not end for lack of credits before that
AGAIN = 3  # rejections, each after others were accepted; a small top-up that paid for one job can cause one
_ACCEPTED = "accepted_"  # and a cost: the attribute with the time when a job of that cost was last accepted


@dataclass(frozen=True)
class Patience:
    """How long jobs wait for credits, in seconds."""

    try_every: int = 55  # less than the sweep's minute, so that each sweep finds a try due
    deadline: int = 24 * 3600  # since the job was held back

    def is_over(self, held_since: datetime, now: datetime) -> bool:
        """Return whether a job that is held back since this time has to end."""
        return now - held_since >= timedelta(seconds=self.deadline)

    def check(self, held_since: datetime, now: datetime, reason: str, again: int) -> None:
        """Raise `ProviderOutOfCredits` if a job that was just rejected has to end.

        It was rejected `again` times although others that cost as much were accepted.
        """
        if self.is_over(held_since, now):
            raise ProviderOutOfCredits(f"{reason} The job waited for credits until its deadline.")
        if again >= AGAIN and now - held_since >= NOT_BEFORE:
            raise ProviderOutOfCredits(f"{reason} The provider accepts other jobs that cost as much.")


@dataclass(frozen=True)
class Shortage:
    """The rejections for lack of credits of a model. Times are ISO 8601."""

    model: str
    try_at: str  # when one of the held-back jobs may be sent as a try
    cost: int | None = None  # the lowest that was rejected; None after a job of that cost was accepted
    since: str = ""  # when the provider began to reject
    only_owner: str = ""  # the owner whose jobs are held back; empty if those of all owners are
    trying: str = ""  # the latest job that was granted a slot as a try
    served: str = ""  # the owner of that job
    must_follow: bool = False  # whether jobs that were held back have not been moved since the cost was removed
    accepted: Mapping[int, str] = field(default_factory=dict)  # the time of the latest accepted job, by its cost

    def holds_back(self, job: Waiting) -> bool:
        """Return whether a job is sent only as a try."""
        is_too_dear = self.cost is not None and job.cost >= self.cost
        return (is_too_dear and self.only_owner in ("", job.owner)) or job.rejected_again > 0

    def has_accepted_others(self, job: Waiting) -> bool:
        """Return whether jobs that cost at least as much were accepted since this one was rejected."""
        times = (at for cost, at in self.accepted.items() if cost >= job.cost)
        return bool(job.rejected_at) and any(at > job.rejected_at for at in times)


class Shortages:
    """The shortages of all models. Each change is one write. If one is lost, at most one more job is rejected."""

    def __init__(self, dynamodb: "DynamoDBClient", slots_table_name: str, now: Clock, patience: Patience) -> None:
        self._dynamodb = dynamodb
        self._name = slots_table_name
        self._now = now
        self.patience = patience

    def of(self, model: str) -> Shortage | None:
        """Return the shortage of a model, or None."""
        answer = self._dynamodb.get_item(**self._item(model), ConsistentRead=True)
        return _shortage(read(answer["Item"])) if "Item" in answer else None

    def every(self) -> dict[str, Shortage]:
        """Return all shortages by model."""
        answer = self._dynamodb.query(  # all models fit into one page
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk",
            ExpressionAttributeValues=write({":pk": SHORTAGE}),
            ConsistentRead=True,
        )
        return {item[SK]: _shortage(item) for item in map(read, answer["Items"])}

    def rejected(self, job: Waiting) -> None:
        """Record that the provider rejected a job, so that others that cost as much are held back."""
        first = "SET cost = :cost, since = :now, only_owner = :owner, try_at = if_not_exists(try_at, :next)"
        known = {":cost": job.cost, ":now": iso(self._now()), ":owner": job.owner, ":next": self._next()}
        if self._update(job.model, first, known, only_if="attribute_not_exists(cost)"):
            return
        other = {":owner": job.owner, ":next": self._next()}
        is_another = "attribute_exists(only_owner) AND only_owner <> :owner"
        self._update(job.model, "SET try_at = :next REMOVE only_owner", other, only_if=is_another)
        self._update(job.model, "SET cost = :cost", {":cost": job.cost}, only_if="cost > :cost")

    def rejected_again(self, job: Waiting) -> None:
        """Record that a job was rejected again although others are accepted, so that it gets its tries."""
        self._update(job.model, "SET try_at = if_not_exists(try_at, :next)", {":next": self._next()})

    def accepted(self, job: Waiting, known: Shortage) -> bool:
        """Record that the provider accepted a job. Return whether held-back jobs may now follow."""
        noted = {":now": iso(self._now())}
        note, exists = f"SET {_ACCEPTED}{job.cost} = :now", f"attribute_exists({PK})"
        if known.cost is None or job.cost < known.cost:
            self._update(job.model, note, noted, only_if=exists)
            return False
        return self._update(
            job.model,
            f"{note}, must_follow = :yes REMOVE cost, since, only_owner",
            {**noted, ":yes": True, ":cost": job.cost},
            only_if=f"{exists} AND (attribute_not_exists(cost) OR cost <= :cost)",
        )

    def have_followed(self, model: str) -> None:
        """Record that all jobs of a model that may follow were moved to the queue."""
        self._update(model, "REMOVE must_follow", {}, only_if=f"attribute_exists({PK})")

    def trying(self, shortage: Shortage, job: Waiting) -> dict[str, Any]:
        """Return the update that makes a job the model's one try of this minute, for the transaction that grants its
        slot."""
        known = {":id": job.generation_id, ":owner": job.owner, ":next": self._next(), ":seen": shortage.try_at}
        return {
            **self._item(shortage.model),
            "UpdateExpression": "SET trying = :id, served = :owner, try_at = :next",
            "ConditionExpression": "try_at = :seen",
            "ExpressionAttributeValues": write(known),
        }

    def forget(self, shortage: Shortage) -> None:
        """Delete a shortage without held-back jobs, unless a job was tried or rejected in the meantime."""
        try:
            retried(
                lambda: self._dynamodb.delete_item(
                    **self._item(shortage.model),
                    ConditionExpression="try_at = :seen",
                    ExpressionAttributeValues=write({":seen": shortage.try_at}),
                ),
                self._dynamodb,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _next(self) -> str:
        return iso(self._now() + timedelta(seconds=self.patience.try_every))

    def _item(self, model: str) -> Any:
        return {"TableName": self._name, "Key": write({PK: SHORTAGE, SK: model})}

    def _update(self, model: str, expression: str, known: Item, only_if: str | None = None) -> bool:
        update: Any = {**self._item(model), "UpdateExpression": expression}
        if known:
            update["ExpressionAttributeValues"] = write(known)
        if only_if:
            update["ConditionExpression"] = only_if
        try:
            retried(lambda: self._dynamodb.update_item(**update), self._dynamodb)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _shortage(item: Item) -> Shortage:
    names = ("cost", "since", "only_owner", "trying", "served", "must_follow")
    accepted = {int(name.removeprefix(_ACCEPTED)): at for name, at in item.items() if name.startswith(_ACCEPTED)}
    return Shortage(item[SK], item["try_at"], **{name: item[name] for name in names if name in item}, accepted=accepted)
