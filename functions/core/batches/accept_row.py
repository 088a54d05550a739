"""AcceptRow: a staged row becomes a generation, the same one each time AcceptRow is invoked."""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from core.batches.identity import replacement_id
from core.batches.record import BatchRecord
from core.batches.staged_row import Span, StagedRow
from core.batches.table import BatchRecords
from core.errors import BudgetExceeded, Cancelled, Deleted, InvalidRequest, NotFound, NotRescuable
from core.generation import Failure, Generation, Source, Status
from core.inputs.references import without_data
from core.intake.accept import Envelope, Intake, Rejections
from core.models.validation import with_numbers
from core.records.ledger import Ledger
from core.rescue import check_rescuable
from core.workflow import Run


@dataclass(frozen=True)
class AcceptedRow:
    """The run of the row's generation, and whether nothing is left to run."""

    run: Run
    has_ended: bool


@dataclass(frozen=True)
class AcceptRow:
    """Accepts the staged rows of batches."""

    intake: Intake  # does not start the workflow, because the batch's execution does
    rejections: Rejections
    records: BatchRecords

    @property
    def ledger(self) -> Ledger:
        """Return the ledger of the generations that the rows become."""
        return self.intake.ledger

    def accept(self, row: StagedRow) -> AcceptedRow:
        """Return the generation of a row, and record it if it is new.

        A row that was made by an earlier run or in an earlier revision keeps its generation. A failed row stays failed
        unless the batch was retried since. If no budget has room for the row, it is left out and the batch's record
        says why.
        """
        try:
            return self._accept(row, set())
        except BudgetExceeded as error:
            self.records.hold_back(row.batch_id, str(error))
            return AcceptedRow(Run(str(row.generation_id)), has_ended=True)  # only a request exceeds a budget

    def _accept(self, row: StagedRow, reached: set[str]) -> AcceptedRow:
        """Accept a row after the rows that it needs. `reached` are the rows that this call has already accepted."""
        if row.generation_id is None:
            return self._not_a_request(row)
        # A generation can wait only for one that is recorded, so the rows whose videos it uses are accepted first.
        for needed_id, span in row.needs.items():
            if needed_id not in reached and self._is_open(needed_id, row.batch_id):
                reached.add(needed_id)
                self._accept(self._needed(row, span), reached)
        try:
            generation = self._found(row, row.generation_id) or self._new(row, row.generation_id)
        except Deleted:
            generation = None
        if generation is None:
            return AcceptedRow(Run(row.generation_id), has_ended=True)
        return AcceptedRow(generation.run, generation.status.ended)

    def _not_a_request(self, row: StagedRow) -> AcceptedRow:
        """Reject a row that holds no request. It cannot become a generation, so it is known only as rejected."""
        problem = str(row.problem)
        self._rejected(row, InvalidRequest(problem))
        return AcceptedRow(Run(row.rejected_id(problem)), has_ended=True)

    def _is_open(self, generation_id: str, batch_id: str) -> bool:
        """Return whether a row is not recorded yet, or is to run again."""
        try:
            found = self._get(generation_id)
        except Deleted:
            return False
        if found is None:
            return True
        return found.status is Status.ERROR and _is_retried(found, self.records.find(batch_id))

    def _needed(self, row: StagedRow, span: Span) -> StagedRow:
        """Return the row that is staged at this place of the same file."""
        inputs = self.intake.inputs
        where = f"bytes={span.first}-{span.first + span.length - 1}"
        found = inputs.s3.get_object(Bucket=inputs.videos_bucket, Key=str(row.rows_key), Range=where)
        return StagedRow.from_line(json.loads(found["Body"].read()))

    def _found(self, row: StagedRow, generation_id: str) -> Generation | None:
        """Return the generation that the row already has, or its latest replacement. Run it again if it is due."""
        found = self._get(generation_id)
        if found is None:
            return None
        generation = found
        while generation.retried_as:
            # The replacement is missing if the function died before recording it.
            generation = self._get(generation.retried_as) or self._replacement(row, generation)
        if row.revision > (generation.revision or 0):
            self._note_place(row, generation)
        if not _is_retried(generation, self.records.find(row.batch_id)):
            return generation
        return self._unless_cancelled(row, self._retried(row, generation))

    def _new(self, row: StagedRow, generation_id: str) -> Generation | None:
        """Return the row's first generation, or None if the batch was cancelled."""
        if row.problem is not None:
            return self._rejected(row, InvalidRequest(row.problem))
        record = self.records.find(row.batch_id)
        if _is_cancelled(row, record):
            return None
        generation = self._accepted(row, generation_id, record)
        return generation and self._unless_cancelled(row, generation)

    def _unless_cancelled(self, row: StagedRow, generation: Generation) -> Generation:
        """Fail a generation that is about to run if its batch was cancelled.

        The cancellation may have listed the running rows before this one was recorded.
        """
        if generation.status.ended or not _is_cancelled(row, self.records.find(row.batch_id)):
            return generation
        self.ledger.fail(generation.run, Failure(Cancelled.__name__, "Its batch was cancelled before it began."))
        return self.ledger.get(generation.generation_id)

    def _accepted(self, row: StagedRow, generation_id: str, record: BatchRecord | None) -> Generation | None:
        envelope = replace(_envelope(row, generation_id), key_id=_key_of(record))
        try:
            return self.intake.accept(row.request, envelope)
        except InvalidRequest as invalid:  # the models or limits have changed since the file was read
            error = invalid
            if any(self._was_never_made(needed_id) for needed_id in row.needs):
                error = InvalidRequest("A row whose video it uses was rejected, so that video does not exist.")
            return self._rejected(row, error)

    def _rejected(self, row: StagedRow, error: InvalidRequest) -> Generation | None:
        request = row.request or {"prompt": row.prompt or ""}
        rejected = self.rejections.reject(error, _envelope(row, row.rejected_id(str(error))), request)
        if rejected and row.revision > (rejected.revision or 0):
            self._note_place(row, rejected)
        return rejected

    def _note_place(self, row: StagedRow, generation: Generation) -> None:
        """Record where the generation is in a later revision, and its label there."""
        self.ledger.found_in(generation, row.place, row.label)

    def _retried(self, row: StagedRow, generation: Generation) -> Generation:
        """Run a failed generation again.

        It continues where it failed, as `promptreel rescue` does. A generation that the provider failed to make, and
        does not charge, is replaced by a new one. A generation that the provider may have accepted is left unchanged.
        """
        if generation.failed_at_provider:
            # Recorded before the replacement exists, so that the row never has two generations.
            self.ledger.retried_as(generation, replacement_id(generation.generation_id))
            return self._replacement(row, generation)
        try:
            check_rescuable(generation)
        except NotRescuable:
            return generation
        self._reopen(row, generation)
        return self.ledger.get(generation.generation_id)

    def _reopen(self, row: StagedRow, generation: Generation) -> None:
        if generation.provider_id:  # already paid for, or about to be
            self.ledger.reopen(generation, generation.provider_id)
            return
        cost = generation.cost or self.intake.accounts.cost_of(generation.request, self.intake.models)
        cost, holding = self.intake.accounts.hold(
            replace(cost, key_id=_key_of(self.records.find(row.batch_id))), generation.owner
        )
        self.ledger.reopen(generation, None, cost=cost, holding=holding)

    def _replacement(self, row: StagedRow, failed: Generation) -> Generation:
        """Return the generation that replaces a failed one, and record it if it is new."""
        row = replace(row, request=self._original_request(row, failed))
        accepted = self._accepted(row, replacement_id(failed.generation_id), self.records.find(row.batch_id))
        return accepted or replace(failed, retried_as=None)

    def _original_request(self, row: StagedRow, failed: Generation) -> dict[str, Any]:
        """Return the request of a failed generation, with the files that it contained.

        Only the staged row has those files. The uploads that were made of them expire after a day.
        """
        model = self.intake.models.get(failed.model)
        with suppress(InvalidRequest):
            request = without_data(row.request or {}, model.inputs if model else ())
            if model and with_numbers(request, model.schema or {}) == failed.request:
                return row.request or {}
        return failed.request

    def _was_never_made(self, generation_id: str) -> bool:
        """Return whether the generation does not exist, and was not deleted either."""
        try:
            return self._get(generation_id) is None
        except Deleted:
            return False

    def _get(self, generation_id: str) -> Generation | None:
        """Return the generation, or None if it does not exist. Raise `Deleted` if its owner has deleted it."""
        try:
            return self.ledger.get(generation_id)
        except Deleted:
            raise
        except NotFound:
            return None


def _key_of(record: BatchRecord | None) -> str | None:
    """Return the API key whose budget counts the rows that start now."""
    return record.key_id if record else None


def _is_cancelled(row: StagedRow, record: BatchRecord | None) -> bool:
    return record is not None and record.is_revision_cancelled(row.revision)


def _is_retried(generation: Generation, record: BatchRecord | None) -> bool:
    return record is not None and record.retries(generation)


def _envelope(row: StagedRow, generation_id: str) -> Envelope:
    return Envelope(generation_id, row.owner, Source("s3", row.source_ref), row=row.place, label=row.label)
