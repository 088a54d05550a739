"""Erase an owner: everything that names the owner, or that the owner sent or received.

Each pass deletes what nothing can write any more, and returns what it has to wait for. A record is deleted after the
objects and items that only it leads to, so a pass that dies is continued by the next one, and a pass that finds nothing
changes nothing. Every table is read as a whole, because indexes lag behind and do not contain everything.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.archive.objects import Objects
from core.batches.table import BatchRecords
from core.delete import Deletion
from core.errors import Conflict
from core.generation import Generation, Status
from core.inputs.files import UPLOAD_SECONDS, UPLOADS
from core.learned.records import Learned
from core.money.budgets import SCOPE, scope_of
from core.money.table import PK, SK
from core.money.usage import Usage
from core.owners import own_folder, owner_of_file
from core.records.items import TOMBSTONE, as_generation, is_tombstone
from core.records.ledger import LONGEST_FUNCTION, Ledger
from core.records.table import BATCH_KEY, DELIVERY_KEY, KEY, Item, write
from core.slots.table import HELD_BACK, WAITING
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.generation import ID_DIGITS
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKeys
from promptreel.operator.tables import items

ERASED = "(erased)"  # takes the place of the owner's name where an item has to stay
# The authorizer's answers are cached for five minutes, and a call that was allowed may take half a minute.
KEYS_STOP = timedelta(minutes=6)
ANNOUNCED = timedelta(minutes=1)  # between two sweeps, which announce an end at the latest
# A form to send a file works for this long, and reading the file takes a quarter of an hour at most.
FILE_STOPS = timedelta(seconds=UPLOAD_SECONDS) + timedelta(minutes=16)
MOST_AT_ONCE = 1000  # objects of one DeleteObjects


@dataclass(frozen=True)
class Found:
    """What an owner has."""

    keys: int = 0
    generations: int = 0
    running: int = 0  # of the generations
    batches: int = 0

    @property
    def nothing(self) -> bool:
        """Return whether the owner has none of these."""
        return not (self.keys or self.generations or self.batches)


@dataclass
class Waits:
    """The reasons why another pass is necessary, each with the time when it is over."""

    reasons: dict[str, datetime] = field(default_factory=dict)

    def add(self, reason: str, until: datetime) -> None:
        """Note a reason. Of several times, the latest one counts."""
        self.reasons[reason] = max(until, self.reasons.get(reason, until))

    @property
    def until(self) -> datetime:
        """Return when all reasons are over."""
        return max(self.reasons.values())


class Erasure:
    """Erases one owner of a deployment."""

    def __init__(self, deployed: Deployment, owner: str, now: Callable[[], datetime]) -> None:
        if owner == ERASED:
            raise PromptreelError(f"{ERASED} is the name for owners who were erased. Name the owner to erase.")
        self._owner = owner
        self._now = now
        self._dynamodb = deployed.client("dynamodb")
        self._stepfunctions = deployed.client("stepfunctions")
        self._s3 = deployed.client("s3")
        self._keys = ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn"))
        self._generations = deployed.output("TableName")
        self._batches = deployed.output("BatchesTableName")
        self._slots = deployed.output("SlotsTableName")
        self._money = deployed.output("MoneyTableName")
        self._webhooks = deployed.output("WebhooksTableName")
        self._videos, self._prompts = deployed.output("VideosBucketName"), deployed.output("PromptsBucketName")
        self._file_owners = tuple(one for one in deployed.output("FileOwners").split(",") if "=" in one)
        self._executions = deployed.output("PromptBatchStateMachineArn").replace(":stateMachine:", ":execution:")
        self._ledger = Ledger(self._dynamodb, self._generations, now)
        self._records = BatchRecords(self._dynamodb, self._batches, now)
        workflow = Workflow(self._stepfunctions, deployed.output("VideoGenerationStateMachineArn"))
        self._deletion = Deletion(self._ledger, workflow, Objects(self._s3, self._videos))

    def found(self) -> Found:
        """Count what the owner has now."""
        kept = [item for item in self._own(self._generations) if not is_tombstone(item)]
        return Found(
            keys=sum(key.owner == self._owner for key in self._keys.list()),
            generations=len(kept),
            running=sum(not Status(item["status"]).ended for item in kept),
            batches=len(self._batches_and_runs()[0]),
        )

    def go_on(self) -> Waits:
        """Make one pass, and return what the next one has to wait for. Without a reason, the owner is erased."""
        waits = Waits()
        keys = self._keys.end(self._owner)
        for key in keys:
            stops = datetime.fromisoformat(key.expires_at or "") + KEYS_STOP
            if stops > self._now():
                waits.add("revoked API keys still work", stops)
        batches, runs = self._batches_and_runs()
        for batch in batches:
            self._cancel(batch, waits)
        if any(map(self._is_running, runs)):
            waits.add("batches end", self._now() + ANNOUNCED)
        for item in self._own(self._generations):
            self._erase_generation(item, waits)
        if waits.reasons:
            return waits
        self._erase_batches({batch[BATCH_KEY] for batch in batches})
        self._erase_rest({key.line for key in keys}, {key.key_id for key in keys})
        self._keys.forget(self._owner)
        return waits

    def _batches_and_runs(self) -> tuple[list[Item], list[str]]:
        """Return the owner's batches, and the ids of their runs."""
        own = list(self._own(self._batches))
        runs = [item[BATCH_KEY] for item in own if "of_batch" in item]
        return [item for item in own if "of_batch" not in item], runs

    def _cancel(self, batch: Item, waits: Waits) -> None:
        """Let a batch start no more rows, and wait for a file of it."""
        batch_id = batch[BATCH_KEY]
        if "cancelled_at" not in batch or batch.get("cancelled_run", 0) < batch.get("run", 0):
            self._records.cancel(batch_id, batch.get("run", 0), self._now())
        if "sent" in batch:
            stops = datetime.fromisoformat(batch["updated_at"]) + FILE_STOPS
            if stops > self._now():
                waits.add("a file of prompts may still be sent or read", stops)

    def _is_running(self, run_id: str) -> bool:
        try:
            found = self._stepfunctions.describe_execution(executionArn=f"{self._executions}:{run_id}")
        except self._stepfunctions.exceptions.ExecutionDoesNotExist:
            return False
        return bool(found["status"] == "RUNNING")

    def _erase_generation(self, item: Item, waits: Waits) -> None:
        """Erase a generation and its objects, except its tombstone without the owner, or cancel it if it runs.

        A function may still write objects for a while after the end, as it may after a deletion.
        """
        now, which = self._now(), item[KEY]
        if is_tombstone(item):
            last = datetime.fromisoformat(item[TOMBSTONE])
        else:
            generation = as_generation(item)
            if not generation.announced_at or generation.ended_at is None:
                with suppress(Conflict):
                    self._deletion.delete(generation, only_running=False)
                waits.add("jobs end", now + ANNOUNCED)
                return
            last = generation.ended_at
        if now - last < LONGEST_FUNCTION:
            waits.add("functions may still write files of jobs that have just ended", last + LONGEST_FUNCTION)
            return
        if not is_tombstone(item) and not self._bury(as_generation(item)):
            waits.add("jobs end", now + ANNOUNCED)
            return
        self._purge(self._videos, f"videos/{which}/")
        self._ledger.disown(which, self._owner, ERASED)

    def _bury(self, generation: Generation) -> bool:
        """Replace a record by its tombstone. Return False if it has just changed, or is being sent."""
        Learned(self._dynamodb, self._slots).forget(generation)
        try:
            self._ledger.delete(generation)
        except Conflict:
            return False
        return True

    def _erase_batches(self, ids: set[str]) -> None:
        """Erase batches, each after the objects and items that only its id, the beginning of their keys, leads to."""
        for batch_id in ids:
            for folder in ("batches", "results"):
                self._purge(self._videos, f"{folder}/{batch_id}/")
        for item in items(self._dynamodb, self._batches) if ids else ():
            if item[BATCH_KEY][:ID_DIGITS] in ids and item[BATCH_KEY] not in ids:
                self._delete(self._batches, {BATCH_KEY: item[BATCH_KEY]})
        for batch_id in ids:
            self._delete(self._batches, {BATCH_KEY: batch_id})

    def _erase_rest(self, lines: set[str], key_ids: set[str]) -> None:
        """Erase everything of the owner that no generation and no batch leads to."""
        self._purge(self._prompts, "", lambda key: owner_of_file(self._file_owners, key) == self._owner)
        self._purge(self._videos, own_folder(self._owner, UPLOADS))
        payers = {f"rejected/{scope}" for scope in (scope_of(self._owner), *(scope_of(key_line=one) for one in lines))}
        for item in items(self._dynamodb, self._batches):
            if item.get("owner") == self._owner or item[BATCH_KEY].rpartition("/")[0] in payers:
                self._delete(self._batches, {BATCH_KEY: item[BATCH_KEY]})
        # The names of hosts and the numbers of slots contain no spaces, but names of owners may.
        names = {f"secret {self._owner}"}
        beginnings = {f"receiver {self._owner}", f"sender owner {self._owner}"}
        for item in items(self._dynamodb, self._webhooks):
            key = item[DELIVERY_KEY]
            if item.get("owner") == self._owner or key in names or key.rpartition(" ")[0] in beginnings:
                self._delete(self._webhooks, {DELIVERY_KEY: key})
        for item in items(self._dynamodb, self._slots):
            self._disown_slot(item)
        own_items = {(SCOPE, scope_of(self._owner)), *((SCOPE, scope_of(key_line=line)) for line in lines)}
        own_items |= {("key", key_id) for key_id in key_ids}
        for item in items(self._dynamodb, self._money):
            if (item[PK], item[SK]) in own_items:
                self._delete(self._money, {PK: item[PK], SK: item[SK]})
        Usage(self._dynamodb, self._money).forget(self._owner, ERASED)

    def _disown_slot(self, item: Item) -> None:
        """Delete an entry of the queue, or replace the owner in an item that has to stay, such as a slot in use."""
        named = [name for name in ("owner", "only_owner", "served") if item.get(name) == self._owner]
        if not named:
            return
        key = {PK: item[PK], SK: item[SK]}
        if item[PK] in (WAITING, HELD_BACK):
            self._delete(self._slots, key)
        for name in named if item[PK] not in (WAITING, HELD_BACK) else ():
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.update_item(
                    TableName=self._slots,
                    Key=write(key),
                    UpdateExpression="SET #name = :erased",
                    ConditionExpression="#name = :owner",
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues=write({":erased": ERASED, ":owner": self._owner}),
                )

    def _own(self, table: str) -> Iterator[Item]:
        """Return the items of a table that have the owner's name."""
        return items(
            self._dynamodb,
            table,
            FilterExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=write({":owner": self._owner}),
        )

    def _delete(self, table: str, key: Item) -> None:
        self._dynamodb.delete_item(TableName=table, Key=write(key))

    def _purge(self, bucket: str, prefix: str, is_own: Callable[[str], bool] = lambda _: True) -> None:
        """Delete all versions of the objects under a prefix."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            which = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found if is_own(one["Key"])]
            for start in range(0, len(which), MOST_AT_ONCE):
                some = {"Objects": which[start : start + MOST_AT_ONCE], "Quiet": True}
                errors = self._s3.delete_objects(Bucket=bucket, Delete=some).get("Errors", [])
                if errors:
                    raise PromptreelError(f"S3 did not delete {errors[0]['Key']} ({errors[0]['Code']}): try again.")
