"""Start a batch: stage its rows in S3, create its run, then start the run's execution."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.batches.comparison import Comparing
from core.batches.executions import BatchExecutions
from core.batches.prompt_file import FileRow
from core.batches.record import Batch, Content
from core.batches.rejection import Rejection
from core.batches.rejection_limit import RejectionLimit
from core.batches.run import MAX_REJECTED, BatchRun, staged_name
from core.batches.staging import Staging, TooManyRejected
from core.batches.table import BatchRecords
from core.errors import Conflict, InvalidFile, PromptreelError
from core.generation import Failure


@dataclass(frozen=True)
class BatchStart:
    """Starts batches."""

    staging: Staging
    executions: BatchExecutions
    records: BatchRecords
    limit: RejectionLimit
    max_concurrency: int  # rows of one batch that run at once
    allow_local_webhooks: bool = False

    @property
    def comparing(self) -> Comparing:
        """Return the comparison of files with these batches."""
        return Comparing(self.records, self.staging)

    def start(self, batch: Batch, content: Content, rows: Iterable[FileRow]) -> None:
        """Stage all rows, then start one execution. A file that breaks off while it is read starts nothing.

        `batch` was read before `rows`. Raise `BatchChanged` if another run was created since: read the batch again.
        """
        if batch.run and self._is_known(batch, batch.run, content):
            if batch.record.error and content.version != batch.record.version:
                self.records.readable(batch.record.batch_id)
            self._execute(batch.run, content)  # the function that created the run may have died before this
            return
        is_late = batch.record.is_newer_than(content)
        if is_late and batch.record.is_cancelled_before(content):
            return
        run, rejections = self._staged(self._next(batch, content, is_late=is_late), rows)
        self.records.reject_staged(run, rejections)
        if run.problems:
            self.limit.count(run.owner, run.key_line, run.problems)
        if is_late:
            self.records.begin_apart(run)
            self.executions.start(run)
        elif self.records.begin(run, content):
            self._execute(run, content)
        else:
            raise BatchChanged

    def reject(self, batch: Batch, content: Content, error: PromptreelError) -> None:
        """Record that the file cannot be read, unless newer content was read. Nothing else about the batch changes."""
        if not batch.record.is_newer_than(content):
            self.records.unreadable(batch.record.batch_id, Failure(type(error).__name__, str(error)))

    def retry(self, latest: BatchRun, key_line: str | None) -> None:
        """Start another run of the latest revision. If another caller has just created the same one, start that one.

        Raise `Conflict` if the next run was created for new content, because it does not run failed rows again.
        """
        run = latest.retried(key_line, self.records.now())
        if not self.records.begin(run, None):
            run = self.records.run(run.id)
            if not run.is_retry:
                raise Conflict(
                    f"The file of batch {run.batch_id} was sent again and is running. Retry its failed rows afterwards."
                )
        self.executions.start(run)

    def has_broken_off(self, run: BatchRun) -> bool:
        """Return whether the run ended before all of its rows did, even if no report says so."""
        return run.ended_early if run.has_ended else self.executions.is_broken(run.id)

    def _execute(self, run: BatchRun, content: Content) -> None:
        """Start the execution of a run, which is cancelled if the batch was cancelled before its file was read.

        This is checked after the run was created, because the batch may have been cancelled while the file was read.
        """
        record = self.records.get(run.batch_id).record
        if record.cancelled_at and record.is_cancelled_before(content) and not run.is_retry:
            self.records.cancel(run.batch_id, run.number, record.cancelled_at)
        self.executions.start(run)

    def _is_known(self, batch: Batch, latest: BatchRun, content: Content) -> bool:
        """Return whether the latest run has this content, and nothing is left to start."""
        record = batch.record
        if content.sha256 != record.content:
            return False
        if content.version == record.version:  # another event about the same object
            return True
        if batch.is_cancelled:
            return record.is_cancelled_before(content)
        return not (latest.leaves_rows(strict=content.strict) or self.has_broken_off(latest))

    def _next(self, batch: Batch, content: Content, *, is_late: bool) -> BatchRun:
        """Return the run that this content gets. Content that arrived late gets one that is not the latest."""
        record = batch.record
        number = record.run if is_late else record.run + 1
        requested = int(content.requested_concurrency) if content.requested_concurrency.isdecimal() else 0
        return BatchRun(
            batch_id=record.batch_id,
            number=number,
            revision=0 if is_late else record.revision + (content.sha256 != record.content),
            owner=record.owner,
            name=record.name,
            source_ref=content.ref,
            staged=staged_name(0 if is_late else number, content.sha256),
            max_concurrency=min(self.max_concurrency, requested or self.max_concurrency),
            started_at=self.records.now(),
            key_line=content.key_line,
            strict=content.strict,
        )

    def _staged(self, run: BatchRun, rows: Iterable[FileRow]) -> tuple[BatchRun, list[Rejection]]:
        try:
            return self.staging.stage(run, rows)
        except TooManyRejected as error:
            self.limit.count(run.owner, run.key_line, MAX_REJECTED)
            raise InvalidFile(str(error)) from None


class BatchChanged(Exception):
    """Another run of the batch was created after the batch was read."""
