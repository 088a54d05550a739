"""Answer requests about batches over HTTP. A sent file is put in its owner's folder and read like a dropped file."""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.batches.check import batch_id_of, sent_key
from core.batches.dropped_file import MAX_FILE_BYTES
from core.batches.record import NOT_STARTED, BatchRecord, BatchStatus, no_batch
from core.batches.report import as_row, not_started
from core.batches.start import BatchStart
from core.beginning import only
from core.delete import Deletion
from core.errors import Conflict, InvalidRequest, NotFound
from core.generation import BEGINNING, GENERATION_ID, Status, iso
from core.publish.views import as_error
from core.records.ledger import Ledger
from core.records.lists import Lists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_REPORT = 500  # rows of a report in one answer
MAX_REPORT_BYTES = 3 << 20  # of a report in one answer: Lambda's limit is 6 MiB
MOST_MEANT = 10  # batches that an error names if an id is cut too short
UPLOAD_SECONDS = 3600  # until the link of an upload expires
CANCEL_SECONDS, LAG_SECONDS = 20.0, 1.0  # of one cancellation, and until the index has a write


@dataclass(frozen=True)
class BatchApi:
    """Answers requests about batches. Owners see only their own batches."""

    ledger: Ledger
    default_model: str
    batches: BatchStart
    deletion: Deletion
    s3: "S3Client"
    prompts_bucket: str
    sleep: Callable[[float], None] = time.sleep

    @property
    def lists(self) -> Lists:
        """Return the lists of the ledger."""
        return Lists(self.ledger)

    def create(
        self, owner: str, key_id: str | None, name: str, body: bytes, max_concurrency: int | None
    ) -> dict[str, Any]:
        """Put a checked file in the prompts bucket. It is read from there, so that a crash here starts nothing."""
        key = sent_key(owner, name)
        metadata = _metadata(key_id, max_concurrency)
        self.s3.put_object(Bucket=self.prompts_bucket, Key=key, Body=body, Metadata=metadata)
        return self._shown(self._reading(owner, name, key, sha256(body).hexdigest()), counted=True)

    def upload(self, owner: str, key_id: str | None, name: str, max_concurrency: int | None) -> dict[str, Any]:
        """Return a form to upload a larger file with. The file is read when it arrives."""
        fields = {f"x-amz-meta-{field}": text for field, text in _metadata(key_id, max_concurrency).items()}
        post = self.s3.generate_presigned_post(
            Bucket=self.prompts_bucket,
            Key=sent_key(owner, name),
            Fields=fields,
            Conditions=[["content-length-range", 1, MAX_FILE_BYTES], *({n: v} for n, v in fields.items())],
            ExpiresIn=UPLOAD_SECONDS,
        )
        form = {**post, "max_bytes": MAX_FILE_BYTES, "expires_in": UPLOAD_SECONDS}
        return {"id": batch_id_of(self.prompts_bucket, owner, name), "name": name, "upload": form}

    def page(self, owner: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return a page of the owner's batches, newest first. Their rows are not counted."""
        found, next_cursor = self.batches.records.of_owner(owner, cursor, limit)
        return {"data": [self._shown(record, counted=False) for record in found], "next_cursor": next_cursor}

    def get(self, owner: str, batch_id: str) -> dict[str, Any]:
        """Return a batch with its progress."""
        return self._shown(self.own(owner, batch_id), counted=True)

    def report(self, owner: str, batch_id: str, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return the report's rows after a row, from the ledger, and the number of the last one, None at the end."""
        record = self.own(owner, batch_id)
        total = record.rows or 0
        rows: list[dict[str, Any]] = []
        size, number = 0, after

        def missing(which: int) -> dict[str, Any]:
            row = not_started(which, None, cancelled=record.is_cancelled, because=record.held_back)
            if record.ended_complete and not record.is_cancelled:
                return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
            return {**row, "error": row["error"] if record.has_ended else None}

        for generation in self.lists.batch(record.batch_id, record.revision, after=after):
            reached = generation.row_number or 0
            while number + 1 < reached and len(rows) < limit:
                number += 1
                rows.append(missing(number))
            if len(rows) == limit or size > MAX_REPORT_BYTES:
                break
            if reached > number:
                number = reached
                rows.append(as_row(number, generation))
                size += len(str(rows[-1]).encode("utf-8", "replace"))
        else:
            while number < total and len(rows) < limit:
                number += 1
                rows.append(missing(number))
        return rows, number if number < total else None

    def cancel(self, owner: str, batch_id: str) -> dict[str, Any]:
        """Start no more rows, and cancel those that are running.

        The provider may still finish, and charge for, the rows that it has.
        """
        record = self._by_whole_id(owner, batch_id)
        if not record.is_cancelled:
            if self._status(record, self._counts(record)) is BatchStatus.COMPLETED:
                raise Conflict(f"Batch {batch_id} has ended: nothing is left to cancel.")
            # From now on no row is accepted. A row that is being accepted checks for this after it is recorded.
            record = self.batches.records.change(
                batch_id, cancelled_at=self.batches.records.now(), cancelled_revision=record.revision
            )
        until = time.monotonic() + CANCEL_SECONDS
        was_quiet = False
        while time.monotonic() < until:
            running = list(self.lists.running_in_batch(batch_id))
            for generation_id in running:
                with suppress(Conflict, NotFound):
                    self.deletion.delete(self.ledger.get(generation_id), only_running=True)
                if time.monotonic() > until:
                    break
            # Twice, because the index may not have a row yet that was recorded just before.
            if not running and was_quiet:
                break
            was_quiet = not running
            self.sleep(LAG_SECONDS)
        return self.get(owner, batch_id)

    def retry(self, owner: str, key_id: str | None, batch_id: str) -> dict[str, Any]:
        """Run the rows again that failed, were cancelled or were not started. A running batch is left running."""
        record = self._by_whole_id(owner, batch_id)
        counts = self._counts(record)
        status = self._status(record, counts)
        if record.rows is None:
            raise Conflict(f"Batch {batch_id} has no rows yet.")
        if status is not BatchStatus.RUNNING or record.is_cancelled:  # a cancelled batch may still have running rows
            if counts[Status.ERROR] + counts[NOT_STARTED] == 0:
                raise Conflict(f"Batch {batch_id} has no failed rows: nothing is left to retry.")
            if not self.batches.staging.has_rows(record):
                raise Conflict(f"The rows of batch {batch_id} have expired: send its file again, then retry.")
            now = self.batches.records.now()
            record = self.batches.records.change(
                batch_id,
                retried_at=now,
                cancelled_at=None,
                cancelled_revision=None,
                ended_at=None,
                is_complete=None,
                held_back=None,
                key_id=key_id,
                run=record.run + 1,
            )
        self.batches.restart(record)
        return self.get(owner, batch_id)

    def own(self, owner: str, batch_id: str) -> BatchRecord:
        """Return the owner's batch, by its id or the beginning of its id. Raise `NotFound` if the owner has none."""
        if re.fullmatch(BEGINNING, batch_id, re.ASCII):
            meant = islice(self.batches.records.meant(owner, batch_id), MOST_MEANT)
            return only({one.batch_id: one for one in meant}, batch_id, no_batch(batch_id), "batches", "batch_id")
        record = self.batches.records.find(batch_id) if re.fullmatch(GENERATION_ID, batch_id, re.ASCII) else None
        if record is None or record.owner != owner:
            raise NotFound(no_batch(batch_id))
        return record

    def _by_whole_id(self, owner: str, batch_id: str) -> BatchRecord:
        if re.fullmatch(BEGINNING, batch_id, re.ASCII):
            raise InvalidRequest("The beginning of an id is not enough to cancel or retry: give the whole id.")
        return self.own(owner, batch_id)

    def _reading(self, owner: str, name: str, key: str, content: str) -> BatchRecord:
        """Record that a batch is being read, unless this content was read before. Return the record."""
        records = self.batches.records
        batch_id = batch_id_of(self.prompts_bucket, owner, name)
        while True:
            found = records.find(batch_id)
            if found and found.has_read(content):
                return found
            fresh = records.new(batch_id, owner, name, f"s3://{self.prompts_bucket}/{key}", self.default_model)
            reading = (found or fresh).as_reading(records.now())
            if records.put(reading, found):
                return reading

    def _counts(self, record: BatchRecord) -> Counter[str]:
        counts = self.lists.batch_counts(record.batch_id, record.revision) if record.rows else Counter[str]()
        counts[NOT_STARTED] = max(0, (record.rows or 0) - counts.total())
        return counts

    def _status(self, record: BatchRecord, counts: Counter[str] | None) -> BatchStatus:
        return record.status(counts, lambda: self.batches.executions.is_broken(record.execution))

    def _shown(self, record: BatchRecord, *, counted: bool) -> dict[str, Any]:
        counts = self._counts(record) if counted else None
        times = ("created_at", "updated_at", "ended_at", "cancelled_at", "retried_at")
        return {
            "id": record.batch_id,
            "name": record.name,
            "status": self._status(record, counts),
            "revision": record.revision,
            "sha256": record.content,
            "rows": record.rows,
            "made_before": record.made_before,
            "counts": counts
            and {
                "not_started": counts[NOT_STARTED],
                "queued": counts[Status.QUEUED],
                "generating": counts[Status.GENERATING] + counts[Status.ARCHIVING],
                "completed": counts[Status.COMPLETED],
                "error": counts[Status.ERROR],
            },
            "error": as_error(record.error, record.batch_id),
            "held_back": record.held_back,
            "source": {"kind": "s3", "ref": record.source_ref},
            **{name: (at := getattr(record, name)) and iso(at) for name in times},
        }


def _metadata(key_id: str | None, max_concurrency: int | None) -> dict[str, str]:
    """Return the metadata that a file is sent with."""
    metadata = {"key_id": key_id, "max_concurrency": max_concurrency and str(max_concurrency)}
    return {name: text for name, text in metadata.items() if text}
