"""RecordFailure: record why a generation failed, whatever brought us here, and announce it."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import InternalError, NotFound, SubmissionUnknown, WorkflowStopped, names
from core.generation import Failure, Generation, Submission
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.workflow import Ended, Run


@dataclass(frozen=True)
class RecordFailure:
    """Records why a generation failed, and announces that it did."""

    ledger: Ledger
    admission: Admission
    announcer: Announcer
    on_failure: Callable[[Run, Failure, Generation | None], None]  # is called before the failure is announced

    def record(self, run: Run, failure: Failure) -> Failure:
        """Record the failure and announce it. Return what is recorded: the first end of a generation stays."""
        generation = fail(run, failure, self.ledger)
        recorded = (generation and generation.error) or failure
        self.on_failure(run, recorded, generation)
        if generation:
            close(generation, self.ledger, self.admission, self.announcer)
        return recorded


def fail(run: Run, failure: Failure, ledger: Ledger) -> Generation | None:
    """End a generation with this failure, unless it has ended already, and return it.

    Return None if there is nothing to record: a later run has the generation, or it was deleted, or it never was.
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
    """Do what follows the end of a generation: take it out of the queue, give its slot back and announce it.

    Those that wait for its end go on.
    """
    admission.leave(generation)
    announcer.announce(generation.generation_id, ledger, admission.has_ended)


def from_catch(error: str, cause: str, execution: str) -> Failure:
    """Return the failure that the state machine caught: `Error` and `Cause` of a task. A function's cause is JSON."""
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
    """Return the failure of an execution that ended without RecordFailure."""
    if ended.status == "FAILED":
        return from_catch(ended.error, ended.cause, execution)
    return Failure(
        WorkflowStopped.__name__, f"The workflow ended as {ended.status}: see the history of execution {execution}."
    )
