"""Decide which queued jobs are held back because the provider has no credits for them.

A 402 or 403 says that the account cannot pay for one job. It says nothing about other models and cheaper jobs, and
perhaps it is only about that job. So an item of the table of slots records, for the model, the lowest cost that was
rejected:

    pk "shortage"  sk model

Queued jobs of the model that cost at least as much are held back: first those of the same owner, and those of all
owners once another owner is rejected too. They wait in a partition of their own, without a slot. One of them tries
every minute: first those that were never rejected, and the owners in turn. When a job that costs as much is accepted,
the cost is removed and the others follow.

A job that is rejected again although such jobs were accepted does not follow any more, but waits for its own tries. If
that happens once more, it holds back no other job.
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

NOT_BEFORE = timedelta(hours=1)  # since it was held back: no job ends earlier for lack of credits
AGAIN = 3  # rejections, each after others were accepted; one can be due to a top-up that paid for one job
_ACCEPTED = "accepted_"  # the attributes with the time of the latest accepted job, by its cost


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
            raise ProviderOutOfCredits(f"{reason} The job was held back for {timedelta(seconds=self.deadline)}.")
        if again >= AGAIN and now - held_since >= NOT_BEFORE:
            raise ProviderOutOfCredits(f"{reason} The provider accepts other jobs that cost as much.")


@dataclass(frozen=True)
class Shortage:
    """A summary of the credits for jobs of a model. Times are ISO 8601."""

    model: str
    try_at: str  # when one of the jobs that are held back may be sent
    cost: int | None = None  # the lowest that was rejected; None after it was accepted
    since: str = ""  # when the provider began to reject
    only_owner: str = ""  # the owner whose jobs are held back; empty if those of all owners are
    trying: str = ""  # the job that was last granted a slot as a try
    served: str = ""  # its owner
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
    """The shortages of all models. Each change is one write, so losing one costs at most another rejection."""

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
        """Record that the provider accepted a job. Return whether those that were held back may follow."""
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
        """Record that the jobs of a model that may follow have been moved to the queue."""
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
        """Delete a shortage that holds back no job, unless a job was tried or rejected in the meantime."""
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
