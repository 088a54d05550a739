"""The rule of replacement: what a row is, and what a run does with it.

A row is known by the id of its first generation. Its generations are its attempts. The latest attempt is the row:

    row ── first attempt ── its replacement ── the replacement's replacement …

An attempt is replaced only if the provider itself failed to make the video, which it does not charge. The failed
attempt names its replacement (`retried_as`) before the replacement exists, so a row never has two attempts that may be
paid. A replacement that does not exist is no attempt: the failed one is still the latest.

A rejection is not an attempt. It belongs to one run, and counts only there and only while the row has no attempt. So an
attempt replaces a rejection, a later run decides again, and each row counts once:

    its latest attempt, or else its rejection in the run, or else it is not started

Each attempt remembers the run that started it last (`batch_run`). A retry runs a failed row again if an earlier run
started it, so it does so once, whatever the clocks say.
"""

from collections.abc import Callable
from enum import Enum, auto

from core.batches.run import RowState
from core.errors import NotRescuable
from core.generation import Generation, Status
from core.rescue import check_rescuable


class Step(Enum):
    """What a run does with a row."""

    KEEP = auto()  # nothing: it ends or has ended, or the run may not start it
    START = auto()  # record its first attempt
    CONTINUE = auto()  # reopen its failed attempt, as `promptreel rescue` does
    REPLACE = auto()  # record a new attempt in place of the failed one


def next_step(attempt: Generation | None, state: RowState) -> Step:
    """Return what the run does with a row whose latest attempt is this one, or that has none."""
    if not state.may_start:
        return Step.KEEP
    if attempt is None:
        return Step.START
    if attempt.status is not Status.ERROR or not _is_retried(attempt, state):
        return Step.KEEP
    try:
        check_rescuable(attempt)
    except NotRescuable:  # the provider may have accepted it, unless it failed there
        return Step.REPLACE if attempt.failed_at_provider else Step.KEEP
    return Step.CONTINUE


def latest_attempt(first: Generation | None, get: Callable[[str], Generation | None]) -> Generation | None:
    """Return the latest attempt of a row. `get` returns a generation, or None if it does not exist."""
    attempt = first
    while attempt and attempt.retried_as and (later := get(attempt.retried_as)):
        attempt = later
    return attempt


def _is_retried(attempt: Generation, state: RowState) -> bool:
    return state.run.is_retry and (attempt.batch_run or 0) < state.run.number
