"""RecordFailure: why a generation failed goes into its record, whatever brought us here, and the world is told."""

import json

from core.errors import InternalError, NotFound, SubmissionUnknown, WorkflowStopped, names
from core.generation import Failure, Generation, Submission
from core.places.admission import Admission
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Ended, Run


def record_failure(run: Run, failure: Failure, ledger: Ledger) -> Generation | None:
    """The generation, which has ended now: one that had ended already keeps its end.

    None where there is nothing to record: a later run has the generation, or it was deleted, or it never was.
    """
    try:
        generation = ledger.get(run.generation_id)
    except NotFound:
        return None
    if failure.name == InternalError.__name__ and generation.submission is Submission.SENDING:
        failure = Failure(
            SubmissionUnknown.__name__,
            "The workflow died while the request was being sent: the provider may have accepted it.",
        )
    ledger.fail(run, failure)
    generation = ledger.get(run.generation_id)
    return generation if run == generation.run else None


def close(generation: Generation, ledger: Ledger, admission: Admission, announcer: Announcer) -> None:
    """What follows the end of a generation: it waits no longer, gives its place back, those that wait for it go on, and
    it is announced."""
    admission.leave(generation)
    announcer.announce(generation.generation_id, ledger, admission.has_ended)


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


def from_end(ended: Ended, execution: str) -> Failure:
    """What an execution says that ended by itself, or was ended, without RecordFailure."""
    if ended.status == "FAILED":
        return from_catch(ended.error, ended.cause, execution)
    return Failure(
        WorkflowStopped.__name__, f"The workflow ended as {ended.status}: see the history of execution {execution}."
    )
