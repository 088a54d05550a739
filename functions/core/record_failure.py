"""RecordFailure: why a generation failed goes into its record, whatever brought us here."""

import json

from core.errors import InternalError, NotFound, SubmissionUnknown, names
from core.generation import Failure, Generation, Submission
from core.records.ledger import Ledger


def record_failure(generation_id: str, failure: Failure, ledger: Ledger) -> Generation | None:
    """The generation, which has ended now: one that had ended already keeps its end. None where there is no record."""
    try:
        generation = ledger.get(generation_id)
    except NotFound:
        return None  # an execution started by hand: nobody waits for it
    if failure.name == InternalError.__name__ and generation.submission is Submission.SENDING:
        failure = Failure(
            SubmissionUnknown.__name__,
            "The workflow died while the request was being sent: the provider may have accepted it.",
        )
    ledger.fail(generation_id, failure)
    return ledger.get(generation_id)


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
