"""The record of a batch, and the state of the batch, which follows from its record and its latest run.

The record has only the attributes of the batch. Those of a run are in `run`, and the rows are in the ledger.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.batches.run import BatchRun
from core.generation import Failure, Status

NOT_STARTED = "not started"  # the status of a row that has no generation and was not rejected

REPEATED_FOR = timedelta(hours=1)


def no_batch(batch_id: str) -> str:
    """Return the message of `NotFound` for a batch that does not exist, or that belongs to another owner."""
    return f"There is no batch {batch_id[:64]}."


class BatchStatus(StrEnum):
    """The state of a batch, as its owner sees it."""

    READING = "reading"  # the file is not read yet
    RUNNING = "running"
    CANCELLING = "cancelling"  # cancelled, and some rows are still running
    COMPLETED = "completed"  # all rows have ended, as completed or as error
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # the run ended before all of its rows did
    ERROR = "error"  # the file cannot be read


class Existing(StrEnum):
    """What to do with rows that exist, if a file drops or repeats most rows of a batch: see core.batches.comparison."""

    REUSE = "reuse"  # add only the new rows to the batch that has most of them
    AGAIN = "again"  # run all rows, in a batch with a new name
    REPLACE = "replace"  # make the file the next revision of the batch of its name
    ASK = "ask"  # reject the file; only in the metadata of a file, for senders who can choose then


@dataclass(frozen=True)
class Content:
    """The content of a batch's file at one time."""

    ref: str  # s3://bucket/key of the file
    sha256: str
    arrived_at: datetime  # in whole seconds, as S3 reports it
    version: str  # of the object; all events about one upload have the same
    requested_concurrency: str = ""  # from the file's metadata; applied if it is a number below the limit
    key_line: str | None = None  # the line of the API key that sent it
    strict: bool = True  # reject rows with fields and models that are not in the catalogue
    existing: str | None = None  # from the file's metadata: one of `Existing`, or nothing if its sender does not say


@dataclass(frozen=True)
class BatchRecord:
    """A batch. Times are UTC. Each new content of the file is a revision."""

    batch_id: str
    owner: str
    name: str
    source_ref: str  # s3://bucket/key of the file
    created_at: datetime
    updated_at: datetime
    # Of rows that name no model. Kept here so that a row stays the same if the deployment's default changes.
    default_model: str | None = None

    # These change together, when a run is created.
    run: int = 0  # the number of the latest run
    revision: int = 0
    content: str | None = None  # SHA-256 of the file
    content_at: datetime | None = None  # when the file arrived in the bucket
    version: str | None = None  # of the object that was read last

    # Each of these changes on its own.
    sent: str | None = None  # SHA-256 of a file that was sent over HTTP and is not read yet
    again: str | None = None  # SHA-256 of a file that was sent to run all rows again: a repeat of it belongs here
    error: Failure | None = None  # why the file that was sent last cannot be read
    cancelled_at: datetime | None = None  # files that arrived before this are cancelled, even if they are read later
    cancelled_run: int = 0  # this run and all before it are cancelled

    def is_newer_than(self, content: Content) -> bool:
        """Return whether other content was read that arrived later than this content."""
        if self.content_at is None or content.sha256 == self.content:
            return False
        return content.arrived_at < self.content_at

    def is_cancelled_before(self, content: Content) -> bool:
        """Return whether the batch was cancelled after this content had arrived."""
        return self.cancelled_at is not None and content.arrived_at <= self.cancelled_at


@dataclass(frozen=True)
class Batch:
    """A batch and its latest run, or None if no file was read yet."""

    record: BatchRecord
    run: BatchRun | None

    @property
    def is_free(self) -> bool:
        """Return whether the batch has no rows and expects no file. If it had files, none could be read."""
        return self.run is None and self.record.sent is None

    def is_repeated_by(self, content: str, now: datetime) -> bool:
        """Return whether this content, sent to run all rows again, is a repeat of the call that made this batch.

        It is for an hour after the batch has ended. Later, it is a new call.
        """
        if content != self.record.again or content not in (self.record.sent, self.record.content):
            return False
        ended_at = self.run.ended_at if self.run else None
        return ended_at is None or now - ended_at < REPEATED_FOR

    @property
    def is_cancelled(self) -> bool:
        """Return whether the latest run is cancelled, or the whole batch before its first run."""
        if self.run is None:
            return self.record.cancelled_at is not None
        return self.run.number <= self.record.cancelled_run

    def has_read(self, content: str, *, strict: bool = True) -> bool:
        """Return whether this content was read, and sending it again in this way would start nothing."""
        if self.run is None or self.record.error or self.record.content != content:
            return False
        return not (self.is_cancelled or self.run.leaves_rows(strict=strict))

    def status(self, counts: Counter[str] | None, is_execution_broken: Callable[[], bool]) -> BatchStatus:
        """Return the state of the batch. `counts` are its rows by status, or None if they are not counted.

        `is_execution_broken` is called only if the answer depends on it.
        """
        run = self.run
        if self.record.sent:
            return BatchStatus.READING
        if run is None:
            return BatchStatus.ERROR if self.record.error else BatchStatus.READING
        is_running = counts is not None and any(counts[status] for status in Status if not status.ended)
        if self.is_cancelled:
            may_run = is_running or (counts is None and not run.has_ended)
            return BatchStatus.CANCELLING if may_run else BatchStatus.CANCELLED
        if is_running:
            return BatchStatus.RUNNING
        # The rows of a retry have ended and are about to run again, until the run ends.
        if counts is not None and counts[NOT_STARTED] == 0 and (run.has_ended or not run.is_retry):
            return BatchStatus.COMPLETED
        if run.has_ended:
            return BatchStatus.COMPLETED if run.is_complete else BatchStatus.STOPPED
        # No row is running: the run is about to start the next one, or its execution was aborted.
        is_stopped = counts is not None and is_execution_broken()
        return BatchStatus.STOPPED if is_stopped else BatchStatus.RUNNING
