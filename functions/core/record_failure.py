"""RecordFailure: why a generation failed goes into its record and is announced, whatever brought us here."""

import json
from dataclasses import dataclass

from core.announcement import Announcer
from core.errors import InternalError, NotFound, SubmissionUnknown, names
from core.generation import Submission
from core.ledger import Ledger


@dataclass(frozen=True)
class Failure:
    """`name` is one of the classes in core.errors, `message` one sentence for the user."""

    name: str
    message: str


def record_failure(generation_id: str, failure: Failure, ledger: Ledger, announcer: Announcer) -> tuple[Failure, bool]:
    """What the record says now, and whether it is new. One that had ended already keeps its end; it is announced if
    it was not."""
    try:
        generation = ledger.get(generation_id)
    except NotFound:
        return failure, False  # an execution started by hand: nobody waits for it
    if failure.name == InternalError.__name__ and generation.submission is Submission.SENDING:
        failure = Failure(
            SubmissionUnknown.__name__,
            "The workflow died while the request was being sent: the provider may have accepted it.",
        )
    is_new = ledger.fail(generation_id, failure.name, failure.message)
    generation = ledger.get(generation_id)
    announcer.announce(generation, ledger)
    return Failure(**generation.error) if generation.error else failure, is_new


def from_catch(error: str, cause: str, execution: str) -> Failure:
    """What the state machine caught: `Error` and `Cause` of a failed task, where a function's cause is JSON."""
    if error in names():
        try:
            return Failure(error, json.loads(cause)["errorMessage"])
        except (ValueError, TypeError, KeyError):
            return Failure(error, cause)
    # Unforeseen: its text was not written for users and may hold anything, so it stays in the execution's history.
    return Failure(
        InternalError.__name__,
        f"Promptreel failed unexpectedly ({error}): see the history of execution {execution}.",
    )
