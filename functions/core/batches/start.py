"""Start a batch: stage its rows in S3, record which ones, then start its execution."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from core.batches.executions import BatchExecutions
from core.batches.prompt_file import FileRow
from core.batches.record import BatchRecord
from core.batches.run import BatchRun
from core.batches.staging import Staging
from core.batches.table import BatchRecords
from core.errors import PromptreelError
from core.generation import Failure


@dataclass(frozen=True)
class Content:
    """The content of a batch's file at one time."""

    ref: str  # s3://bucket/key of the file
    sha256: str
    arrived_at: datetime
    requested_concurrency: str  # from the file's metadata; applied if it is a number below the limit
    key_id: str | None = None  # of the API key that it was sent with


@dataclass(frozen=True)
class BatchStart:
    """Starts batches."""

    staging: Staging
    executions: BatchExecutions
    records: BatchRecords
    max_concurrency: int  # rows of one batch that run at once
    allow_local_webhooks: bool = False

    def start(self, found: BatchRecord | None, fresh: BatchRecord, content: Content, rows: Iterable[FileRow]) -> None:
        """Stage all rows, then start one execution. A file that breaks off while it is read starts nothing.

        `found` is the batch before `rows` began to be read, and `fresh` the record of a new batch. Raise `BatchChanged`
        if other content was recorded first: read the batch again.
        """
        record = (found or fresh).with_content(content.sha256, content.arrived_at)
        is_new = record.revision > 0 and record != found
        requested = int(content.requested_concurrency) if content.requested_concurrency.isdecimal() else 0
        record = replace(
            record,
            max_concurrency=min(self.max_concurrency, requested or self.max_concurrency),
            # Two contents that are read at the same time get the same revision, so the folder is named after both.
            staged=f"{record.revision}-{content.sha256[:16]}",
            source_ref=content.ref,
            key_id=content.key_id,
        )
        run = self.staging.stage(self._run(record), rows)
        if is_new and not self.records.put(replace(record, rows=run.rows, made_before=run.made_before), found):
            raise BatchChanged
        self.executions.start(run)

    def reject(self, found: BatchRecord | None, fresh: BatchRecord, error: PromptreelError) -> None:
        """Record that the file cannot be read. Nothing else about the batch changes."""
        record = replace(found or fresh, error=Failure(type(error).__name__, str(error)), reading_since=None)
        if not self.records.put(record, found):
            raise BatchChanged

    def restart(self, record: BatchRecord) -> None:
        """Start the execution of the latest run, unless it is running or has succeeded."""
        self.executions.start(self._run(record))

    def _run(self, record: BatchRecord) -> BatchRun:
        """Return the latest run of a batch."""
        return BatchRun(
            batch_id=record.batch_id,
            owner=record.owner,
            source_ref=record.source_ref,
            bucket=self.staging.bucket,
            rows=record.rows or 0,
            max_concurrency=record.max_concurrency or self.max_concurrency,
            name=record.name,
            revision=record.revision,
            run=record.run,
            made_before=record.made_before or 0,
            staged=record.staged or "",
        )


class BatchChanged(Exception):
    """The batch has changed since it was read."""
