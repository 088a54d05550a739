"""The rule of replacement: which generation or rejection a row has, and the step that a run takes with a row.

A row is known by the id of its first generation. Its generations are its attempts, and the latest attempt is the row:

    row ── first attempt ── its replacement ── the replacement's replacement …

An attempt is replaced only if the provider itself failed to make the video, which it does not charge. The failed
attempt names its replacement (`retried_as`) before the replacement exists, so a row never has two attempts that may be
paid. If the replacement is missing, because a function died, a budget had no room or it was rejected, the next run
records it, even if that run is no retry.

A rejection is not an attempt. It belongs to one run, and counts only in that run and only while the row has no attempt.
So an attempt replaces a rejection, a later run decides again, and each row counts once, as

    its latest attempt, or else its rejection in the run, or else it is not started

Each attempt remembers the latest run that started it (`batch_run`). A retry runs a failed row again if an earlier run
started it. So it does this once per row, and does not compare clocks.
"""

from collections.abc import Callable
from enum import Enum, auto

from core.batches.run import RowState
from core.errors import NotRescuable
from core.generation import Generation, Status
from core.rescue import check_rescuable


class Step(Enum):
    """The step that a run takes with a row."""

    KEEP = auto()  # do nothing: the row is running or finished, or the run may not start it
    START = auto()  # record its first attempt
    CONTINUE = auto()  # reopen its failed attempt, as `promptreel rescue` does
    REPLACE = auto()  # record a new attempt in place of the failed one


def next_step(attempt: Generation | None, state: RowState) -> Step:
    """Return the step that the run takes with a row whose latest attempt is this one, or None."""
    if not state.may_start:
        return Step.KEEP
    if attempt is None:
        return Step.START
    if attempt.status is not Status.ERROR:
        return Step.KEEP
    is_retried = would_retry(attempt, state)
    if attempt.failed_at_provider and (is_retried or attempt.retried_as):
        return Step.REPLACE
    if not is_retried:
        return Step.KEEP
    try:
        check_rescuable(attempt)
    except NotRescuable:  # the provider may have accepted it
        return Step.KEEP
    return Step.CONTINUE


def would_retry(attempt: Generation, state: RowState) -> bool:
    """Return whether the run runs this attempt again if it has failed: an earlier run started it."""
    return state.run.is_retry and (attempt.batch_run or 0) < state.run.number


def latest_attempt(first: Generation | None, get: Callable[[str], Generation | None]) -> Generation | None:
    """Return the latest attempt of a row. `get` returns a generation, or None if it does not exist."""
    attempt = first
    while attempt and attempt.retried_as and (later := get(attempt.retried_as)):
        attempt = later
    return attempt


def shown_attempt(first: Generation | None, get: Callable[[str], Generation | None]) -> Generation | None:
    """Return the attempt that is the row in a report, or None if the row was rejected or is not started.

    A failed attempt that names a missing replacement is not shown.
    """
    attempt = latest_attempt(first, get)
    return None if attempt is None or attempt.retried_as else attempt
