"""The record of a batch decides the state of the batch."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.batches.record import NOT_STARTED, BatchRecord, BatchStatus
from core.generation import Failure, Generation, Source, Status

AT = datetime(2026, 1, 1, tzinfo=UTC)
NEW = BatchRecord("b", "ann", "a.csv", "s3://p/a.csv", created_at=AT, updated_at=AT)
RUNNING = replace(NEW, content="one", content_at=AT, revision=1, run=1, rows=2)
ENDED = replace(RUNNING, ended_at=AT, is_complete=True)
EARLY = replace(RUNNING, ended_at=AT, is_complete=False)
CANCELLED = replace(RUNNING, cancelled_at=AT, cancelled_revision=1)
RETRIED = replace(RUNNING, run=2, retried_at=AT)
UNREADABLE = Failure("InvalidFile", "It is not UTF-8.")

DONE = Counter[str]({Status.COMPLETED: 1, Status.ERROR: 1})
HALF = Counter[str]({Status.COMPLETED: 1, NOT_STARTED: 1})
BUSY = Counter[str]({Status.COMPLETED: 1, Status.GENERATING: 1})


@pytest.mark.parametrize(
    ("record", "counts", "status"),
    [
        (NEW, None, "reading"),
        (replace(ENDED, reading_since=AT), DONE, "reading"),
        (replace(NEW, error=UNREADABLE), None, "error"),
        (replace(ENDED, error=UNREADABLE), DONE, "completed"),
        (RUNNING, None, "running"),
        (RUNNING, HALF, "running"),
        (RUNNING, DONE, "completed"),
        (ENDED, None, "completed"),
        (ENDED, BUSY, "running"),
        (EARLY, None, "stopped"),
        (EARLY, HALF, "stopped"),
        (CANCELLED, BUSY, "running"),
        (CANCELLED, DONE, "cancelled"),
        (replace(CANCELLED, ended_at=AT, is_complete=True), None, "cancelled"),
        (RETRIED, DONE, "running"),
        (replace(RETRIED, ended_at=AT, is_complete=True), DONE, "completed"),
    ],
)
def test_the_status_follows_from_the_record_and_the_rows(
    record: BatchRecord, counts: Counter[str] | None, status: str
) -> None:
    assert record.status(counts, lambda: False) == status


def test_a_batch_whose_execution_was_aborted_has_stopped() -> None:
    assert RUNNING.status(HALF, lambda: True) is BatchStatus.STOPPED
    assert RUNNING.status(None, lambda: True) is BatchStatus.RUNNING, "lists do not look at executions"
    assert RUNNING.status(BUSY, lambda: True) is BatchStatus.RUNNING


@pytest.mark.parametrize(
    ("record", "has_read"),
    [(RUNNING, True), (ENDED, True), (EARLY, False), (CANCELLED, False), (replace(ENDED, error=UNREADABLE), False)],
)
def test_content_that_was_read_starts_nothing_unless_the_batch_broke_off(record: BatchRecord, has_read: bool) -> None:
    assert record.has_read("one") is has_read
    assert not record.has_read("two")


def test_a_cancelled_revision_stays_cancelled_when_another_one_is_sent() -> None:
    later = replace(CANCELLED, cancelled_at=None, revision=2)
    assert [CANCELLED.is_revision_cancelled(revision) for revision in (0, 1, 2)] == [True, True, True]
    assert [later.is_revision_cancelled(revision) for revision in (0, 1, 2)] == [False, True, False]


@pytest.mark.parametrize(
    ("status", "ended", "retried"),
    [(Status.ERROR, -1, True), (Status.ERROR, 0, False), (Status.ERROR, 1, False), (Status.COMPLETED, -1, False)],
)
def test_a_retry_runs_what_failed_before_it(status: Status, ended: int, retried: bool) -> None:
    source, ended_at = Source("s3", "s3://p/a.csv"), AT + timedelta(seconds=ended)
    generation = Generation("g", "ann", {}, source, AT, AT, status=status, ended_at=ended_at)
    assert RETRIED.retries(generation) is retried
    assert not replace(RETRIED, cancelled_at=AT).retries(generation)
    assert not RUNNING.retries(generation), "it was never retried"


def test_two_contents_within_a_second_are_two_revisions_and_the_later_one_is_the_last() -> None:
    """S3 reports times in seconds."""
    first = NEW.with_content("one", AT)
    second = first.with_content("two", AT)
    assert (first.revision, second.revision, second.with_content("two", AT)) == (1, 2, second)
