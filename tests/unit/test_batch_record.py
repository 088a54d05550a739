"""The record of a batch and its latest run decide the state of the batch."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.batches.record import NOT_STARTED, Batch, BatchRecord, BatchStatus, Content
from core.batches.replacement import Step, latest_attempt, next_step, shown_attempt
from core.batches.run import MAX_REJECTED, BatchRun, RowState
from core.generation import Failure, Generation, Source, Status, Submission

AT = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = BatchRecord("b", "ann", "a.csv", "s3://p/a.csv", created_at=AT, updated_at=AT)
READ = replace(RECORD, content="one", content_at=AT, version="v1", revision=1, run=1)
RUN = BatchRun("b", 1, 1, "ann", "a.csv", "s3://p/a.csv", "1-one", 4, AT, rows=2)
NEW = Batch(RECORD, None)
RUNNING = Batch(READ, RUN)
ENDED = Batch(READ, replace(RUN, ended_at=AT, is_complete=True))
EARLY = Batch(READ, replace(RUN, ended_at=AT, is_complete=False))
CANCELLED = Batch(replace(READ, cancelled_at=AT, cancelled_run=1), RUN)
RETRIED = Batch(replace(READ, run=2), RUN.retried(None, AT))
UNREADABLE = Failure("InvalidFile", "It is not UTF-8.")

DONE = Counter[str]({Status.COMPLETED: 1, Status.ERROR: 1})
HALF = Counter[str]({Status.COMPLETED: 1, NOT_STARTED: 1})
BUSY = Counter[str]({Status.COMPLETED: 1, Status.GENERATING: 1})


def but(batch: Batch, **changes: object) -> Batch:
    """Return the batch with other fields of its record."""
    return replace(batch, record=replace(batch.record, **changes))  # type: ignore[arg-type]  # of any field


def ended(batch: Batch) -> Batch:
    assert batch.run
    return replace(batch, run=replace(batch.run, ended_at=AT, is_complete=True))


@pytest.mark.parametrize(
    ("batch", "counts", "status"),
    [
        (NEW, None, "reading"),
        (but(ENDED, sent="two"), DONE, "reading"),
        (but(NEW, error=UNREADABLE), None, "error"),
        (but(ENDED, error=UNREADABLE), DONE, "completed"),
        (RUNNING, None, "running"),
        (RUNNING, HALF, "running"),
        (RUNNING, DONE, "completed"),
        (ENDED, None, "completed"),
        (ENDED, BUSY, "running"),
        (EARLY, None, "stopped"),
        (EARLY, HALF, "stopped"),
        (EARLY, BUSY, "running"),
        (CANCELLED, None, "cancelling"),
        (CANCELLED, BUSY, "cancelling"),
        (CANCELLED, HALF, "cancelled"),
        (CANCELLED, DONE, "cancelled"),
        (ended(CANCELLED), None, "cancelled"),
        (ended(CANCELLED), BUSY, "cancelling"),
        (RETRIED, DONE, "running"),
        (ended(RETRIED), DONE, "completed"),
        (but(RETRIED, cancelled_run=1), HALF, "running"),
    ],
)
def test_the_status_follows_from_the_record_the_run_and_the_rows(
    batch: Batch, counts: Counter[str] | None, status: str
) -> None:
    assert batch.status(counts, lambda: False) == status


def test_a_batch_whose_execution_was_aborted_has_stopped() -> None:
    assert RUNNING.status(HALF, lambda: True) is BatchStatus.STOPPED
    assert RUNNING.status(None, lambda: True) is BatchStatus.RUNNING, "lists do not look at executions"
    assert RUNNING.status(BUSY, lambda: True) is BatchStatus.RUNNING


@pytest.mark.parametrize(
    ("batch", "has_read"),
    [
        (NEW, False),
        (RUNNING, True),
        (ENDED, True),
        (EARLY, False),
        (CANCELLED, False),
        (RETRIED, True),
        (Batch(READ, replace(RUN, ended_at=AT, is_complete=True, rejected=1, problems=1)), True),
        (Batch(READ, replace(RUN, ended_at=AT, is_complete=True, rejected=2, problems=1)), False),
    ],
)
def test_content_that_was_read_starts_nothing_unless_the_batch_broke_off(batch: Batch, has_read: bool) -> None:
    assert batch.has_read("one") is has_read
    assert not batch.has_read("two")
    assert not but(batch, error=UNREADABLE).has_read("one")


def test_content_whose_rows_were_rejected_is_read_again_if_it_is_no_longer_strict() -> None:
    rejecting = replace(RUN, rejected=1, problems=1)
    for run in (rejecting, replace(rejecting, ended_at=AT, is_complete=True)):
        assert Batch(READ, run).has_read("one")
        assert not Batch(READ, run).has_read("one", strict=False)
        assert Batch(READ, replace(run, strict=False)).has_read("one", strict=False)
        assert Batch(READ, replace(run, strict=False)).has_read("one")
    assert RUNNING.has_read("one", strict=False), "it has rejected no row"


def test_content_is_late_only_if_other_content_arrived_after_it() -> None:
    early = Content("s3://p/a.csv", "zero", AT - timedelta(seconds=1), "v0")
    assert READ.is_newer_than(early)
    assert not READ.is_newer_than(replace(early, sha256="one")), "it was read"
    assert not READ.is_newer_than(replace(early, arrived_at=AT)), "S3 reports times in seconds"


def test_a_retry_keeps_what_was_staged_and_forgets_how_the_run_went() -> None:
    bad = replace(
        RUN, problems=1, rejected=2, held_back="x", stopped="x", ended_at=AT, is_complete=False, key_line="ann", rows=9
    )
    again = bad.retried("bob", AT + timedelta(seconds=1))
    assert (again.id, again.staged, again.rows, again.problems) == ("b-2", "1-one", 9, 1)
    assert (again.rejected, again.why_not_started, again.has_ended, again.key_line) == (1, None, False, "bob")


def attempt(status: Status = Status.ERROR, *, run: int | None = 1, error: str = "RequestRefused") -> Generation:
    failure = Failure(error, "no") if status is Status.ERROR else None
    source = Source("s3", "s3://p/a.csv")
    return Generation("g", "ann", {}, source, AT, AT, status=status, error=failure, batch_run=run)


SENT = replace(attempt(error="SubmissionUnknown"), submission=Submission.SENDING)


@pytest.mark.parametrize(
    ("found", "run", "step"),
    [
        (None, RUN, Step.START),
        (None, RETRIED.run, Step.START),
        (attempt(Status.COMPLETED), RETRIED.run, Step.KEEP),
        (attempt(Status.GENERATING), RETRIED.run, Step.KEEP),
        (attempt(), RUN, Step.KEEP),
        (attempt(), RETRIED.run, Step.CONTINUE),
        (attempt(run=None), RETRIED.run, Step.CONTINUE),
        (attempt(run=2), RETRIED.run, Step.KEEP),
        (attempt(run=3), RETRIED.run, Step.KEEP),
        (attempt(error="GenerationFailed"), RETRIED.run, Step.REPLACE),
        (SENT, RETRIED.run, Step.KEEP),
    ],
    ids=range(11),
)
def test_a_run_takes_one_step_with_each_row(found: Generation | None, run: BatchRun, step: Step) -> None:
    assert next_step(found, RowState(run, is_cancelled=False)) is step
    for state in (
        RowState(run, is_cancelled=True),
        RowState(run, is_cancelled=False, is_rejected=True),
        RowState(replace(run, stopped="too many"), is_cancelled=False),
        RowState(replace(run, rejected=MAX_REJECTED), is_cancelled=False),
    ):
        assert next_step(found, state) is Step.KEEP


def test_the_latest_attempt_is_the_last_one_that_exists() -> None:
    first = replace(attempt(), retried_as="g2")
    second = replace(attempt(), generation_id="g2", retried_as="g3")
    assert latest_attempt(first, lambda name: second if name == "g2" else None) is second
    assert latest_attempt(first, lambda _: None) is first
    assert latest_attempt(None, lambda _: None) is None
    assert shown_attempt(first, lambda _: None) is None, "its replacement is missing"
    assert shown_attempt(first, lambda name: attempt() if name == "g2" else None) == attempt()
