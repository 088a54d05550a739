"""A row of a batch becomes a generation, the same one however often AcceptRow is invoked."""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from core.batches.identity import refused_row_id, take_id
from core.batches.table import BatchRecord, BatchRecords
from core.errors import BudgetExceeded, Cancelled, Deleted, InvalidRequest, NotFound, NotRescuable
from core.generation import BatchRow, Failure, Generation, Label, Source, Status, Webhook
from core.inputs.references import without_data
from core.intake.accept import Envelope, Intake, Refusals
from core.records.ledger import Ledger
from core.rescue import check_rescuable
from core.workflow import Run


@dataclass(frozen=True)
class Rows:
    """Takes the rows of batches."""

    intake: Intake  # which starts no workflow: the batch does
    refusals: Refusals
    records: BatchRecords

    @property
    def ledger(self) -> Ledger:
        """Return the ledger of the generations that the rows become."""
        return self.intake.ledger

    def accept(self, line: dict[str, Any]) -> tuple[Run, bool]:
        """A line of rows.jsonl (core.batches.start) → the run of its generation, and whether nothing is left to run.

        A row that was made before, by an earlier run or in an earlier revision, is that generation. One that failed
        stays failed, unless the batch was told to try again since. One for which no budget has room is left out, and
        the batch says so.
        """
        try:
            return self._accept(line, set())
        except BudgetExceeded as error:
            self.records.hold_back(line["batch_id"], str(error))
            return Run(line["generation_id"]), True

    def _accept(self, line: dict[str, Any], reached: set[str]) -> tuple[Run, bool]:
        """The same; the rows in `reached` were accepted, or refused, on the way."""
        if "generation_id" not in line:
            return self._not_a_request(line)
        generation_id = line["generation_id"]
        # Nothing waits for what is not recorded: first the rows whose videos it takes.
        for needed_id, at in line.get("needs", {}).items():
            if needed_id not in reached and self._is_open(needed_id, line["batch_id"]):
                reached.add(needed_id)
                self._accept(self._line_at(line["rows_key"], *at), reached)
        try:
            generation = self._found(line, generation_id) or self._new(line, generation_id)
        except Deleted:
            return Run(generation_id), True
        if generation is None:
            return Run(generation_id), True
        return generation.run, generation.status.ended

    def _not_a_request(self, line: dict[str, Any]) -> tuple[Run, bool]:
        """Record that a line holds no request: no generation can have it, so that only the refusal has an id."""
        self._refused(line, InvalidRequest(line["problem"]))
        return Run(_refused_id(line, line["problem"])), True

    def _is_open(self, generation_id: str, batch_id: str) -> bool:
        """Whether a row is not recorded yet, or is to be tried again."""
        try:
            found = self._get(generation_id)
        except Deleted:
            return False
        return found is None or (found.status is Status.ERROR and _is_due(found, self.records.find(batch_id)))

    def _line_at(self, rows_key: str, first: int, length: int) -> dict[str, Any]:
        """The line of a row of the same file."""
        inputs, span = self.intake.inputs, f"bytes={first}-{first + length - 1}"
        found = inputs.s3.get_object(Bucket=inputs.videos_bucket, Key=rows_key, Range=span)
        line: dict[str, Any] = json.loads(found["Body"].read())
        return line

    def _found(self, line: dict[str, Any], generation_id: str) -> Generation | None:
        """The generation that the row is, if there is one: the latest of its takes."""
        found = self._get(generation_id)
        if found is None:
            return None
        generation = found
        while generation.retried_as:
            # It is not there if the function died that was about to record it.
            generation = self._get(generation.retried_as) or self._take(line, generation)
        row = _place(line)
        if row.revision > (generation.revision or 0):
            self._note_place(line, generation)
        record = self.records.find(row.batch_id)
        if not _is_due(generation, record):
            return generation
        return self._unless_cancelled(line, self._tried_again(line, generation))

    def _new(self, line: dict[str, Any], generation_id: str) -> Generation | None:
        """The row's first generation; None if the batch was cancelled."""
        if "problem" in line:
            return self._refused(line, InvalidRequest(line["problem"]))
        record = self.records.find(line["batch_id"])
        if _is_cancelled(line, record):
            return None
        generation = self._accepted(line, generation_id, record)
        return generation and self._unless_cancelled(line, generation)

    def _unless_cancelled(self, line: dict[str, Any], generation: Generation) -> Generation:
        """A generation that is about to run. Who cancels its batch may have looked for its rows before it was one."""
        if generation.status.ended or not _is_cancelled(line, self.records.find(line["batch_id"])):
            return generation
        self.ledger.fail(generation.run, Failure(Cancelled.__name__, "Its batch was cancelled before it began."))
        return self.ledger.get(generation.generation_id)

    def _accepted(self, line: dict[str, Any], generation_id: str, record: BatchRecord | None) -> Generation | None:
        envelope = replace(_envelope(line, generation_id), key_id=_key_of(record))
        try:
            return self.intake.accept(line["request"], envelope)
        except InvalidRequest as refusal:  # what is offered has changed since the file was read
            error = refusal
            if any(self._is_nothing(needed_id) for needed_id in line.get("needs", ())):
                error = InvalidRequest("A row whose video it takes was refused: there is none to take.")
            return self._refused(line, error)

    def _refused(self, line: dict[str, Any], error: InvalidRequest) -> Generation | None:
        request = line.get("request") or {"prompt": line.get("prompt", "")}
        refused = self.refusals.refuse(error, _envelope(line, _refused_id(line, str(error))), request)
        row = _place(line)
        if refused and row.revision > (refused.revision or 0):
            self._note_place(line, refused)
        return refused

    def _note_place(self, line: dict[str, Any], generation: Generation) -> None:
        """Record where it is in a later revision, and what its owner calls it there."""
        self.ledger.found_in(generation, _place(line), _label(line))

    def _tried_again(self, line: dict[str, Any], generation: Generation) -> Generation:
        """What failed goes on from where it was, as by a rescue; what the provider failed to make, and does not charge,
        is made anew by a generation in its place. What may have been accepted is left alone."""
        try:
            check_rescuable(generation)
        except NotRescuable:
            if not generation.failed_at_provider:
                return generation
            # Noted first: at no time are there two of them for the row.
            self.ledger.retried_as(generation, take_id(generation.generation_id))
            return self._take(line, generation)
        self._reopen(line, generation)
        return self.ledger.get(generation.generation_id)

    def _reopen(self, line: dict[str, Any], generation: Generation) -> None:
        if generation.provider_id:  # which is paid for, or will be
            self.ledger.reopen(generation, generation.provider_id)
            return
        cost = generation.cost or self.intake.accounts.cost_of(generation.request, self.intake.models)
        cost, holding = self.intake.accounts.hold(
            replace(cost, key_id=_key_of(self.records.find(line["batch_id"]))), generation.owner
        )
        self.ledger.reopen(generation, None, cost=cost, holding=holding)

    def _take(self, line: dict[str, Any], failed: Generation) -> Generation:
        """The generation that takes the place of one that failed."""
        line = {**line, "request": self._as_it_came(line, failed)}
        record = self.records.find(line["batch_id"])
        return self._accepted(line, take_id(failed.generation_id), record) or replace(failed, retried_as=None)

    def _as_it_came(self, line: dict[str, Any], failed: Generation) -> dict[str, Any]:
        """The request of a generation that failed, with the files that came within it: those are in the line alone,
        and the uploads that they became go after a day."""
        model = self.intake.models.get(failed.model)
        came: dict[str, Any] | None = line.get("request")
        with suppress(InvalidRequest):
            if came and without_data(came, model.inputs if model else ()) == failed.request:
                return came
        return failed.request

    def _is_nothing(self, generation_id: str) -> bool:
        """Whether there is no such generation, and never was."""
        try:
            return self._get(generation_id) is None
        except Deleted:
            return False

    def _get(self, generation_id: str) -> Generation | None:
        """None where there is none; `Deleted` where there was one."""
        try:
            return self.ledger.get(generation_id)
        except Deleted:
            raise
        except NotFound:
            return None


def _refused_id(line: dict[str, Any], problem: str) -> str:
    return refused_row_id(line["batch_id"], line["row"], problem)


def _key_of(record: BatchRecord | None) -> str | None:
    """The API key whose budget counts what begins now."""
    return record.key_id if record else None


def _is_cancelled(line: dict[str, Any], record: BatchRecord | None) -> bool:
    return record is not None and record.is_cancelled(_place(line).revision)


def _is_due(generation: Generation, record: BatchRecord | None) -> bool:
    """Whether a row that failed is to be tried again: once for each time that its batch was told to."""
    if generation.status is not Status.ERROR or record is None or record.cancelled_at or not record.retried_at:
        return False
    return generation.ended_at is not None and generation.ended_at < record.retried_at


def _place(line: dict[str, Any]) -> BatchRow:
    return BatchRow(line["batch_id"], line["row"], line.get("revision", 0))


def _envelope(line: dict[str, Any], generation_id: str) -> Envelope:
    source = Source("s3", line["source_ref"])
    return Envelope(generation_id, line["owner"], source, row=_place(line), label=_label(line))


def _label(line: dict[str, Any]) -> Label:
    webhook = line.get("webhook")
    return Label(line.get("name"), tuple(line.get("tags", ())), Webhook(**webhook) if webhook else None)
