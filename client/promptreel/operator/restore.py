"""Put lost records back from a restored copy of a table and from the videos bucket, without sending anything twice.

The copy is as old as its restore point. A job that was queued then may have been sent since, and its claim is lost.
Therefore the copy never replaces the live table. Its items are put there one by one, only where none exists. A job
whose submission the copy does not know is put there as `sending`, and nothing ever sends such a job. Its call is then
looked for in the provider's log, whose entries name the generation.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from core import rescue
from core.errors import GenerationEnded, NotRescuable, ProviderUnavailable
from core.generation import Status, Submission, iso
from core.money.table import PK
from core.provider.account import LoggedCall
from core.provider.client import LOG_WINDOW
from core.records.claim import found
from core.records.items import JSON_FIELDS, TOMBSTONE, as_generation, is_tombstone
from core.records.ledger import IS_NEW, SOON, TOMBSTONE_FOR, WATCH, WATCHED, Ledger
from core.records.table import BATCH_KEY, DELIVERY_KEY, EXPIRES_AT, KEY, ConditionFailed, Item, write
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment
from promptreel.operator.provider_key import provider
from promptreel.operator.tables import items

LOST = "(lost)"  # the owner in the tombstone of a generation without a record
RESTORED = "restored"  # the `attempt` of a job whose last attempt is lost
# By the name of the table in the command: its output, and its key. The table of slots is not restored: the sweep fills
# it again.
TABLES = {
    "generations": ("TableName", KEY),
    "batches": ("BatchesTableName", BATCH_KEY),
    "webhooks": ("WebhooksTableName", DELIVERY_KEY),
    "money": ("MoneyTableName", PK),
}
_RECORD = re.compile("videos/([0-9a-f]{32})/generation.json", re.ASCII)
_SENT = re.compile(r"([0-9a-f]{32})\..+", re.ASCII)  # a client_request_id of ours
_ID = re.compile("[0-9a-f]{32}", re.ASCII)
NAMES_LEFT_OUT = 100  # names of executions of a failed job, more than its rescues since the restore point
_OF_THE_RUN = ("slot", "admitted_at", "task_token", "held_since", "rejected_at", "rejected_again", "upload")


@dataclass
class Restored:
    """What was put back."""

    items: int = 0
    from_videos: int = 0  # records that were read from the videos bucket
    unsure: list[str] = field(default_factory=list)  # jobs that may have been sent since the restore point
    found: list[str] = field(default_factory=list)  # jobs that the provider's log lists; they continue
    unknown: list[str] = field(default_factory=list)  # provider ids of calls whose generations have no record


class Restore:
    """Restores the records of a deployment."""

    def __init__(self, deployed: Deployment, now: Callable[[], datetime]) -> None:
        self._deployed, self._now = deployed, now
        self._dynamodb, self._s3 = deployed.client("dynamodb"), deployed.client("s3")
        self._ledger = Ledger(self._dynamodb, deployed.output("TableName"), now)
        self.done = Restored()

    def from_copy(self, copy: str, table: str, since: datetime) -> None:
        """Put the items of a restored table into the live one, where they are missing. `since` is the restore point."""
        output, key = TABLES[table]
        live = self._deployed.output(output)
        if copy == live:
            raise PromptreelError(f"{copy} is the live table: restore into a new table, and name that one.")
        for item in items(self._dynamodb, copy):
            if table == "generations" and not _ID.fullmatch(item[KEY]):
                continue  # a marker of a POST (core.intake.repeats), which is of no use later
            put = self._safe(item, since) if table == "generations" else item
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                is_new = f"attribute_not_exists({key})"
                self._dynamodb.put_item(TableName=live, Item=write(put), ConditionExpression=is_new)
                self.done.items += 1

    def from_videos(self) -> None:
        """Put back the records of completed generations that no table has, from the files next to their videos."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix="videos/")
        for page in pages:
            for one in page.get("Contents", []):
                which = _RECORD.fullmatch(one["Key"])
                if which and self._ledger.submission(which[1]) is None and (item := self._archived(which[1])):
                    with suppress(ConditionFailed):
                        self._ledger.table.put(item, IS_NEW)
                        self.done.from_videos += 1

    def look_up(self, since: datetime) -> None:
        """Find in the provider's log the jobs that may have been sent since the restore point. They continue.

        Also find calls of ours whose generations have no record. A call may be listed only after its job has ended, so
        this has to be repeated for a day. Raise `PromptreelError` if the log cannot be read.
        """
        calls: dict[str, LoggedCall] = {}
        try:
            for call in provider(self._deployed).log(since - LOG_WINDOW, self._now()):
                name = _SENT.fullmatch(call.client_request_id or "")
                if name and not call.has_failed:
                    calls[name[1]] = call
        except ProviderUnavailable as error:
            raise PromptreelError(f"{error} Run the command again.") from error
        for item in items(self._dynamodb, self._deployed.output("TableName")):
            sent = calls.pop(item[KEY], None)
            # One that had failed before the restore point may have been rescued or retried since.
            has_failed = item.get("status") == Status.ERROR and "announced_at" in item
            is_unsure = item.get("attempt") == RESTORED
            if is_tombstone(item) or "provider_id" in item or not (is_unsure or has_failed):
                continue
            if sent and self._continue(item[KEY], sent.provider_id):
                self.done.found.append(item[KEY])
            elif is_unsure:
                self.done.unsure.append(item[KEY])
        for generation_id, sent in calls.items():
            self._mark_lost(generation_id)
            self.done.unknown.append(sent.provider_id)

    def _mark_lost(self, generation_id: str) -> None:
        """Put a tombstone for a generation without a record, so that a repeated request or row does not send it again.

        It does not name the provider's id, so that reconciliation reports the charge until the job is imported.
        """
        now = self._now()
        ends = int((now + TOMBSTONE_FOR).timestamp())
        item = {KEY: generation_id, "owner": LOST, TOMBSTONE: iso(now), EXPIRES_AT: ends}
        with suppress(ConditionFailed):
            self._ledger.table.put(item, IS_NEW)

    @property
    def _bucket(self) -> str:
        return self._deployed.output("VideosBucketName")

    def _safe(self, item: Item, since: datetime) -> Item:
        """Return an item of the copy in a form that is safe in the live table."""
        has_ended = not is_tombstone(item) and "announced_at" in item
        if is_tombstone(item) or (has_ended and item["status"] == Status.COMPLETED):
            return item
        if archived := self._archived(item[KEY]):  # it has completed since, perhaps in a later run
            return {name: item[name] for name in ("webhook", "links") if name in item} | archived
        if has_ended:
            # Executions of rescues since the restore point have used the next names.
            return item | {"rescues": int(item.get("rescues", 0)) + NAMES_LEFT_OUT}
        watched = dict(zip(WATCH, (WATCHED, iso(self._now() + SOON)), strict=True))
        safe = {name: value for name, value in item.items() if name not in _OF_THE_RUN} | watched
        if item.get("submission") == Submission.SUBMITTED or item["status"] in (Status.COMPLETED, Status.ERROR):
            return safe
        lost = {"submission": Submission.SENDING, "attempt": RESTORED, "sending_since": iso(since)}
        return safe | lost

    def _archived(self, generation_id: str) -> Item | None:
        """Return the record next to a video as an announced item. Return None if the video or its record is missing."""
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=f"videos/{generation_id}/generation.json")[
                "Body"
            ].read()
            record: dict[str, Any] = json.loads(body)
            video = record["video"]
            self._s3.head_object(Bucket=video["bucket"], Key=video["key"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                raise
            return None
        except (ValueError, TypeError, KeyError):
            return None
        present = {name: value for name, value in record.items() if value is not None}
        item = {name: json.dumps(value) if name in JSON_FIELDS else value for name, value in present.items()}
        item |= {"announced_at": item["ended_at"], "done_on": str(item.get("generated_at", item["ended_at"]))[:10]}
        as_generation(item)
        return item

    def _continue(self, generation_id: str, provider_id: str) -> bool:
        """Record that the provider has a job, and let it continue. Return False if it has just changed."""
        generation = self._ledger.get(generation_id)
        workflow = Workflow(
            self._deployed.client("stepfunctions"), self._deployed.output("VideoGenerationStateMachineArn")
        )
        try:
            if generation.status.ended and generation.submission is None:
                if not self._ledger.reopen(generation, provider_id):
                    return False
                workflow.start(self._ledger.get(generation_id).run)
            elif generation.status.ended:
                rescue.resolve(generation_id, self._ledger, workflow, provider_id)
            else:
                found(self._ledger, generation.run, provider_id)
        except (NotRescuable, GenerationEnded):
            return False
        return True
