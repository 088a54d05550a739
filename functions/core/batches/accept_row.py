"""AcceptRow: a staged row becomes a generation, the same one each time AcceptRow is invoked.

What a run does with a row is decided in `replacement`.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.batches.identity import replacement_id
from core.batches.rejection import Rejection
from core.batches.rejection_limit import RejectionLimit
from core.batches.replacement import Step, latest_attempt, next_step, would_retry
from core.batches.run import RowState
from core.batches.staged_row import Span, StagedRow
from core.batches.table import BatchRecords
from core.errors import BudgetExceeded, Cancelled, Deleted, InvalidRequest, NotFound
from core.generation import Failure, Generation, Source
from core.inputs.references import without_data
from core.intake.accept import Envelope, Intake
from core.models.validation import with_numbers
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Run

# The pause between two polls of a row whose workflow this execution did not start. It is a tenth of the
# row's age, so a row is polled at most a thousand times in a month, and its end is noticed at most a tenth too late.
SHORTEST_PAUSE, LONGEST_PAUSE = 10, 3600  # seconds


@dataclass(frozen=True)
class AcceptedRow:
    """The run of the row's generation, and what is left to do."""

    run: Run
    has_ended: bool  # nothing is left to run
    has_stopped: bool = False  # the run of the batch starts no more rows, so the Map should end
    pause: int = SHORTEST_PAUSE  # seconds until the row is polled again, if its workflow cannot be waited for
    is_polled: bool = False  # do not wait for its workflow: if that fails, this run runs the row again


@dataclass(frozen=True)
class AcceptRow:
    """Accepts the staged rows of batches."""

    intake: Intake  # does not start the workflow, because the batch's execution does
    records: BatchRecords
    limit: RejectionLimit
    announcer: Announcer  # announces an end that is not announced yet, before the row runs again

    @property
    def ledger(self) -> Ledger:
        """Return the ledger of the generations that the rows become."""
        return self.intake.ledger

    def accept(self, run_id: str, row: StagedRow) -> AcceptedRow:
        """Return the generation of a row, and record it if it is new.

        A row that was made by an earlier run or in an earlier revision keeps its generation. A failed row stays failed
        unless the run is a retry. If no budget has room for the row, it is left out and the run says why.
        """
        try:
            return self._accept(run_id, row, set())
        except BudgetExceeded as error:
            self.records.hold_back(run_id, str(error))
            return AcceptedRow(Run(row.generation_id), has_ended=True)

    def _accept(self, run_id: str, row: StagedRow, reached: set[str]) -> AcceptedRow:
        """Accept a row after the rows that it needs. `reached` are the rows that this call has already accepted."""
        state = self.records.row(run_id, row.batch_id, row.number)
        try:
            attempt = self._latest(row.generation_id)
        except Deleted:
            return AcceptedRow(Run(row.generation_id), has_ended=True)
        if attempt and row.revision > (attempt.revision or 0):
            self.ledger.found_in(attempt, row.place(), row.label)
        step = next_step(attempt, state)
        if step is not Step.KEEP:
            self._accept_needed(row, state, reached)
            attempt = self._begun(step, row, attempt, state)
        if attempt is None:
            return AcceptedRow(Run(row.generation_id), has_ended=True, has_stopped=state.has_stopped)
        return AcceptedRow(
            attempt.run,
            attempt.status.ended,
            pause=pause_of(attempt, self.ledger.now()),
            is_polled=would_retry(attempt, state),
        )

    def _accept_needed(self, row: StagedRow, state: RowState, reached: set[str]) -> None:
        """Accept the rows whose videos a row uses, because a generation can wait only for one that is recorded."""
        for needed_id, span in row.needs.items():
            if needed_id not in reached and self._is_due(needed_id, state):
                reached.add(needed_id)
                self._accept(state.run.id, self._staged(row, span), reached)

    def _is_due(self, generation_id: str, state: RowState) -> bool:
        """Return whether a row is not recorded yet, or is to run again."""
        try:
            return next_step(self._latest(generation_id), state) is not Step.KEEP
        except Deleted:
            return False

    def _staged(self, row: StagedRow, span: Span) -> StagedRow:
        """Return the row that is staged at this place of the same file."""
        inputs = self.intake.inputs
        where = f"bytes={span.first}-{span.first + span.length - 1}"
        found = inputs.s3.get_object(Bucket=inputs.videos_bucket, Key=str(row.rows_key), Range=where)
        return StagedRow.from_line(json.loads(found["Body"].read()))

    def _begun(self, step: Step, row: StagedRow, attempt: Generation | None, state: RowState) -> Generation | None:
        """Take the step and return the row's latest attempt, or None if the row has none and is rejected."""
        try:
            if attempt is None:
                begun = self._recorded(row.request, row.generation_id, row, state)
            elif step is Step.CONTINUE:
                begun = self._continued(attempt, state)
            else:
                begun = self._replaced(attempt, row, state)
        except InvalidRequest as error:  # an input is missing, or the models have changed since the file was read
            self._reject(row, error, state)
            return attempt
        return self._unless_cancelled(begun, row, state)

    def _recorded(self, request: dict[str, Any], generation_id: str, row: StagedRow, state: RowState) -> Generation:
        """Record an attempt unless it exists. Raise `InvalidRequest` if it cannot be accepted."""
        envelope = Envelope(
            generation_id,
            row.owner,
            Source("s3", row.source_ref),
            row=row.place(state.run.number),
            label=row.label,
            key_line=state.run.key_line,
            strict=state.run.strict,
        )
        return self.intake.accept(request, envelope)

    def _continued(self, failed: Generation, state: RowState) -> Generation:
        """Continue a failed attempt where it failed, as `promptreel rescue` does."""
        if not failed.announced_at:  # its hold is still open: the event of its end is late, or was lost
            self.announcer.announce(failed.generation_id, self.ledger)
            failed = self.ledger.get(failed.generation_id)
        failed = replace(failed, batch_run=state.run.number)
        if failed.provider_id:  # already paid for, or about to be
            self.ledger.reopen(failed, failed.provider_id)
        else:
            opening = self.intake.accounts.opening(failed, state.run.key_line)
            self.ledger.reopen(failed, None, opening=opening)
        return self.ledger.get(failed.generation_id)

    def _replaced(self, failed: Generation, row: StagedRow, state: RowState) -> Generation:
        """Replace an attempt that the provider failed to make. The failed one names its replacement first."""
        later_id = replacement_id(failed.generation_id)
        if not self.ledger.retried_as(failed, later_id):
            return self.ledger.get(failed.generation_id)
        return self._recorded(self._original_request(row, failed), later_id, row, state)

    def _original_request(self, row: StagedRow, failed: Generation) -> dict[str, Any]:
        """Return the request of a failed attempt, with the files that it contained.

        Only the staged row has those files. The uploads that were made of them expire after a day.
        """
        model = self.intake.models.get(failed.model)
        with suppress(InvalidRequest):
            request = without_data(row.request, model.inputs if model else ())
            if model and with_numbers(request, model.schema or {}) == failed.request:
                return row.request
        return failed.request

    def _unless_cancelled(self, begun: Generation, row: StagedRow, state: RowState) -> Generation:
        """Fail an attempt that is about to run if its run was cancelled.

        The cancel may have listed the running rows before this one was recorded.
        """
        if begun.status.ended or not self.records.row(state.run.id, row.batch_id, row.number).is_cancelled:
            return begun
        self.ledger.fail(begun.run, Failure(Cancelled.__name__, "Its batch was cancelled before it began."))
        return self.ledger.get(begun.generation_id)

    def _reject(self, row: StagedRow, error: InvalidRequest, state: RowState) -> None:
        """Record that the run has rejected a row, and stop the run if the limit of its key is reached."""
        problem = str(error)
        if any(self._was_never_made(needed_id) for needed_id in row.needs):
            problem = "It uses the video of a row that was rejected."
        rejection = Rejection.of(row.number, problem, row.request.get("prompt"), row.label)
        if self.records.reject(state.run, rejection):
            exceeded = self.limit.count(row.owner, state.run.key_line, 1)
            if exceeded:
                self.records.stop(state.run.id, exceeded)

    def _was_never_made(self, generation_id: str) -> bool:
        """Return whether the generation does not exist, and was not deleted either."""
        try:
            return self._get(generation_id) is None
        except Deleted:
            return False

    def _latest(self, generation_id: str) -> Generation | None:
        """Return the latest attempt of a row. Raise `Deleted` if its owner has deleted it."""
        return latest_attempt(self._get(generation_id), self._get)

    def _get(self, generation_id: str) -> Generation | None:
        """Return the generation, or None if it does not exist. Raise `Deleted` if its owner has deleted it."""
        try:
            return self.ledger.get(generation_id)
        except Deleted:
            raise
        except NotFound:
            return None


def pause_of(attempt: Generation, now: datetime) -> int:
    """Return the seconds until a row is polled again."""
    age = (now - (attempt.reopened_at or attempt.created_at)).total_seconds()
    return int(min(max(SHORTEST_PAUSE, age / 10), LONGEST_PAUSE))
