"""The record of a batch: its latest revision and run, and the state that follows from its fields.

The rows are not recorded here. Their generations are in the ledger.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from core.batches.run import execution_of
from core.generation import Failure, Generation, Status

NOT_STARTED = "not started"  # the status of a row that has no generation


def no_batch(batch_id: str) -> str:
    """Return the message of `NotFound` for a batch that does not exist, or that belongs to another owner."""
    return f"There is no batch {batch_id[:64]}."


class BatchStatus(StrEnum):
    """The state of a batch, as its owner sees it."""

    READING = "reading"  # the file is not read yet
    RUNNING = "running"
    COMPLETED = "completed"  # all rows have ended, as completed or as error
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # the run ended before all of its rows did
    ERROR = "error"  # the file cannot be read


@dataclass(frozen=True)
class BatchRecord:
    """A batch. Times are UTC.

    Each new content of the file is a revision. Each revision has a run, and each retry adds one.
    """

    batch_id: str
    owner: str
    name: str
    source_ref: str  # s3://bucket/key of the file
    created_at: datetime
    updated_at: datetime
    # Of rows that name no model. Kept here so that a row stays the same if the deployment's default changes.
    default_model: str | None = None
    content: str | None = None  # SHA-256 of the file
    content_at: datetime | None = None  # when the file arrived in the bucket
    revision: int = 0
    run: int = 0
    rows: int | None = None  # of the latest revision; None until one was read
    made_before: int | None = None  # rows of it that an earlier run had made, or was making
    max_concurrency: int | None = None
    staged: str | None = None  # the folder of the staged rows
    reading_since: datetime | None = None  # a file was sent, and is not read yet
    ended_at: datetime | None = None  # of the latest run
    is_complete: bool | None = None  # whether all rows of that run have ended
    cancelled_at: datetime | None = None
    cancelled_revision: int | None = None  # the latest that was cancelled; a newer revision does not start its rows
    retried_at: datetime | None = None  # rows that failed before this time run again
    key_id: str | None = None  # of the API key that sent or retried it last: its budget counts the rows that start
    held_back: str | None = None  # why rows of the latest run were not started: a budget has no room for them
    error: Failure | None = None  # why the file that was sent last cannot be read
    last_write: str | None = None  # the token of the write that made this state

    @property
    def execution(self) -> str:
        """Return the name of the latest run's execution."""
        return execution_of(self.batch_id, self.run)

    @property
    def is_cancelled(self) -> bool:
        """Return whether the batch is cancelled as a whole, and was neither sent again nor retried since."""
        return self.cancelled_at is not None

    @property
    def has_ended(self) -> bool:
        """Return whether the latest run has ended."""
        return self.ended_at is not None

    @property
    def ended_early(self) -> bool:
        """Return whether the latest run ended before all of its rows did."""
        return self.has_ended and not self.is_complete

    @property
    def ended_complete(self) -> bool:
        """Return whether the latest run ended, and all of its rows have."""
        return self.has_ended and bool(self.is_complete)

    def is_revision_cancelled(self, revision: int) -> bool:
        """Return whether this revision is cancelled, so that none of its rows starts.

        Content that arrived late (revision 0) is cancelled only with the whole batch.
        """
        return self.is_cancelled or 0 < revision <= (self.cancelled_revision or 0)

    def has_read(self, content: str) -> bool:
        """Return whether this content was read, and sending it again would start nothing."""
        return self.content == content and not (self.is_cancelled or self.error or self.ended_early)

    def retries(self, generation: Generation) -> bool:
        """Return whether the generation of a row is to run again. It does so once for each retry of the batch."""
        if generation.status is not Status.ERROR or self.is_cancelled or not self.retried_at:
            return False
        return generation.ended_at is not None and generation.ended_at < self.retried_at

    def status(self, counts: Counter[str] | None, is_execution_broken: Callable[[], bool]) -> BatchStatus:
        """Return the state of the batch. `counts` are its rows by status, or None if they are not counted.

        `is_execution_broken` is called only if the answer depends on it.
        """
        if self.reading_since:
            return BatchStatus.READING
        if self.rows is None:
            return BatchStatus.ERROR if self.error else BatchStatus.READING
        if counts is not None:
            if any(counts[status] for status in Status if not status.ended):
                return BatchStatus.RUNNING
            # The rows of a retry have ended and are about to run again, until the run ends.
            if counts[NOT_STARTED] == 0 and (self.has_ended or not self.retried_at):
                return BatchStatus.CANCELLED if self.is_cancelled else BatchStatus.COMPLETED
        if not self.has_ended:
            # No row is running: the run is between two rows, or its execution was aborted.
            is_stopped = counts is not None and is_execution_broken()
            return BatchStatus.STOPPED if is_stopped else BatchStatus.RUNNING
        if self.is_cancelled:
            return BatchStatus.CANCELLED
        return BatchStatus.COMPLETED if self.is_complete else BatchStatus.STOPPED

    def with_content(self, content: str, content_at: datetime) -> "BatchRecord":
        """Return the record after this content was read: a new revision, unless the content is the same or late."""
        if self.content_at is not None and content_at < self.content_at and content != self.content:
            return replace(self, content=content, revision=0)
        # A cancelled batch runs again if its file is sent again.
        fresh = self.cancelled_at is None or content_at > self.cancelled_at
        read = replace(
            self,
            content=content,
            content_at=max(content_at, self.content_at or content_at),
            reading_since=None,
            error=None,
            cancelled_at=None if fresh else self.cancelled_at,
        )
        if content == self.content and read.cancelled_at == self.cancelled_at:
            return replace(read, ended_at=None, is_complete=None, held_back=None) if self.ended_early else read
        if content == self.content:
            read = replace(read, cancelled_revision=None)
        revision = self.revision + (content != self.content)
        return replace(read, revision=revision, run=self.run + 1, ended_at=None, is_complete=None, held_back=None)

    def as_reading(self, now: datetime) -> "BatchRecord":
        """Return the record after a file was sent that is not read yet.

        If the batch was cancelled, that ends, and whatever is read is new.
        """
        content = None if self.is_cancelled else self.content
        return replace(self, content=content, reading_since=now, error=None, cancelled_at=None)
