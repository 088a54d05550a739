"""RecordFailure: record why a generation failed, and announce it."""

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
    """Records why a generation failed, and announces the failure."""

    ledger: Ledger
    admission: Admission
    announcer: Announcer
    on_failure: Callable[[Run, Failure, Generation | None], None]  # called before the failure is announced

    def record(self, run: Run, failure: Failure) -> Failure:
        """Record the failure and announce it. Return the recorded failure, which is the first if there were several."""
        generation = fail(run, failure, self.ledger)
        recorded = (generation and generation.error) or failure
        self.on_failure(run, recorded, generation)
        if generation:
            close(generation, self.ledger, self.admission, self.announcer)
        return recorded


def fail(run: Run, failure: Failure, ledger: Ledger) -> Generation | None:
    """End a generation with this failure, unless it has ended already, and return it.

    Return None if the generation is in a later run, was deleted or never existed. Then nothing is recorded.
    """
    try:
        generation = ledger.get(run.generation_id)
    except NotFound:
        return None
    if failure.name == InternalError.__name__ and generation.submission is Submission.SENDING:
        failure = Failure(
            SubmissionUnknown.__name__,
            "The workflow died while it was sending the request. The provider may have accepted it.",
        )
    ledger.fail(run, failure)
    generation = ledger.get(run.generation_id)
    return generation if run == generation.run else None


def close(generation: Generation, ledger: Ledger, admission: Admission, announcer: Announcer) -> None:
    """Finish a generation that has ended: take it out of the queue, free its slot and announce it.

    Also resume the generations that wait for its end.
    """
    admission.leave(generation)
    announcer.announce(generation.generation_id, ledger, admission.has_ended)


def from_catch(error: str, cause: str, execution: str) -> Failure:
    """Return the failure for the `Error` and `Cause` that the state machine caught. A function's cause is JSON."""
    if error in names():
        try:
            return Failure(error, json.loads(cause)["errorMessage"])
        except (ValueError, TypeError, KeyError):
            return Failure(error, cause)
    # The text of an unexpected error was not written for users and may hold secrets. It stays in the history.
    return Failure(
        InternalError.__name__,
        f"Promptreel failed unexpectedly ({error}). See the history of execution {execution}.",
    )


def from_end(ended: Ended, execution: str) -> Failure:
    """Return the failure of an execution that ended without RecordFailure."""
    if ended.status == "FAILED":
        return from_catch(ended.error, ended.cause, execution)
    return Failure(
        WorkflowStopped.__name__, f"The workflow ended as {ended.status}. See the history of execution {execution}."
    )
