"""A run of a batch: one pass over the rows of a revision. Each revision has a run, and each retry adds one.

A run is an item of its own in the table of batches. It is created once, on the condition that it does not exist, so of
two callers that create the next run at once only one succeeds. Events during a run change only its own item, so a late
write of an earlier run never changes a later one.

`prompt_batch.asl.json` executes a run. The execution has the run's id as its name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_REJECTED = 1000  # rows; a run that has rejected so many starts no more


@dataclass(frozen=True)
class BatchRun:
    """The record of a run of a batch. Times are UTC."""

    # These never change.
    batch_id: str
    number: int  # from 1; for content that arrived late, that of the batch's latest run
    revision: int  # 0 for content that arrived late
    owner: str
    name: str
    source_ref: str  # s3://bucket/key of the file
    staged: str  # the folder of the staged rows, which a retry shares with the run that it repeats
    max_concurrency: int
    started_at: datetime
    key_line: str | None = None  # the line of API keys whose budget counts the rows that start
    strict: bool = True  # rows with fields and models that are not in the catalogue are rejected
    is_retry: bool = False  # whether rows that failed in earlier runs are run again
    rows: int = 0
    problems: int = 0  # rows that were rejected while the file was read; they are not staged
    made_before: int = 0  # rows that an earlier run had made, or was making

    # These change during the run, each in a separate write.
    rejected: int = 0  # rows, including the `problems`
    held_back: str | None = None  # why rows were not started: a budget has no room for them
    stopped: str | None = None  # why the run starts no more rows: the hourly limit of its key or owner is reached
    ended_at: datetime | None = None
    is_complete: bool | None = None  # whether all rows had ended by then

    @property
    def id(self) -> str:
        """The id of the run, which is also the name of its execution."""
        return f"{self.batch_id}-{self.label}"

    @property
    def label(self) -> str:
        """The part of the id that distinguishes the runs of a batch."""
        return str(self.number) if self.revision else self.staged

    def has_content(self, sha256: str) -> bool:
        """Return whether the run is of the content with this SHA-256."""
        return self.staged == staged_name(int(self.staged.partition("-")[0]), sha256)

    @property
    def has_ended(self) -> bool:
        """Return whether the run has ended, with or without all of its rows."""
        return self.ended_at is not None

    @property
    def ended_early(self) -> bool:
        """Return whether the run ended before all of its rows did."""
        return self.has_ended and not self.is_complete

    def leaves_rows(self, *, strict: bool) -> bool:
        """Return whether another run of the content could start rows that this one has not started, and will not.

        `strict` is that of the other run.
        """
        if self.strict and not strict and self.rejected:
            return True
        return self.has_ended and (not self.is_complete or self.rejected > self.problems)

    @property
    def why_stopped(self) -> str | None:
        """Return why the run starts no more rows, or None if it does."""
        if self.rejected >= MAX_REJECTED:
            return f"{MAX_REJECTED:,} rows were rejected, so no more rows were started. Correct the rejected rows."
        return self.stopped

    @property
    def why_not_started(self) -> str | None:
        """Return why rows were not started, or None if no reason is recorded."""
        return self.why_stopped or self.held_back

    @property
    def rows_key(self) -> str:
        """Return the key of the staged rows, which the Distributed Map reads: JSON, one row per line."""
        return f"batches/{self.batch_id}/{self.staged}/rows.jsonl"

    @property
    def ids_key(self) -> str:
        """Return the key of the ids of all rows, one line each. It does not expire as the staged rows do."""
        return f"{self.results}/rows/{self.staged}.txt"

    @property
    def results(self) -> str:
        """Return the folder of the results of the latest run. A later run overwrites them."""
        return f"results/{self.batch_id}"

    @property
    def results_of_revision(self) -> str:
        """Return the folder of the results of the revision's latest run. A later revision has another folder."""
        return f"{self.results}/revision-{self.revision}"

    @property
    def results_apart(self) -> str:
        """Return the folder of results that must not overwrite those of a later run."""
        return f"{self.results}/{self.label}"

    def retried(self, key_line: str | None, now: datetime) -> "BatchRun":
        """Return the run that repeats this one, for its failed rows and those that were not started."""
        return replace(
            self,
            number=self.number + 1,
            started_at=now,
            key_line=key_line,
            is_retry=True,
            rejected=self.problems,
            held_back=None,
            stopped=None,
            ended_at=None,
            is_complete=None,
        )

    def to_input(self, bucket: str) -> str:
        """Return the input of the execution, as JSON. The state of the run is only in the table."""
        given = {
            "batch_id": self.batch_id,
            "run": self.id,
            "bucket": bucket,
            "rows_key": self.rows_key,
            "staged_rows": self.rows - self.problems,
            "max_concurrency": self.max_concurrency,
            # The Map's own results contain requests. In this folder they expire as the staged rows do.
            "map_results": f"batches/{self.batch_id}/map",
        }
        return json.dumps(given)


@dataclass(frozen=True)
class RowState:
    """The present state of a run, as far as one row needs it."""

    run: BatchRun
    is_cancelled: bool
    is_rejected: bool = False  # whether this row was rejected in this run

    @property
    def has_stopped(self) -> bool:
        """Return whether the run starts no more rows, although it is not cancelled."""
        return self.run.why_stopped is not None

    @property
    def may_start(self) -> bool:
        """Return whether the run may start the row, if the row is due."""
        return not (self.is_cancelled or self.is_rejected or self.has_stopped)


def staged_name(number: int, sha256: str) -> str:
    """Return the name of the folder of staged rows: the number of their first run, and the content.

    Two contents that are read at the same time get the same number, so the content is part of it.
    """
    return f"{number}-{sha256[:16]}"


def run_of(execution_input: Mapping[str, Any]) -> str:
    """Return the id of the run that an execution's input names."""
    return str(execution_input["run"])


def upload(s3: "S3Client", file: IO[bytes], bucket: str, key: str, content_type: str) -> None:
    """Write a whole file to S3 in one call, which accepts up to 5 GB."""
    file.seek(0)
    s3.put_object(Bucket=bucket, Key=key, Body=file, ContentType=content_type)
