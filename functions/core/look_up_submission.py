"""LookUpSubmission: search the provider's log for a create call whose answer was lost. It is never sent again."""

from dataclasses import dataclass

from core.errors import GenerationEnded, GenerationFailed, ProviderUnavailable, SubmissionUnknown
from core.generation import Submission
from core.provider.client import Provider
from core.provider.waiting import LookUpSchedule
from core.records.claim import client_request_id, found
from core.records.ledger import Ledger
from core.workflow import Run


@dataclass(frozen=True)
class LookedUp:
    status: str  # "generating": found; "unsent": send it; "queued": search again after `wait_seconds`
    wait_seconds: int


@dataclass(frozen=True)
class LookUpSubmission:
    """Searches the provider's log."""

    ledger: Ledger
    provider: Provider
    schedule: LookUpSchedule

    def look_up(self, run: Run) -> LookedUp:
        """Search the log once. Raise `GenerationFailed` if it lists a failure, `SubmissionUnknown` after the deadline.

        The log may list a call only after the generation has ended, so a missing call may have been accepted.
        """
        generation = self.ledger.get_for(run)
        if generation.submission is Submission.SUBMITTED:
            return LookedUp("generating", self.schedule.first)
        if generation.submission is None or generation.attempt is None:
            return LookedUp("unsent", 0)  # an operator has recorded that it was not accepted
        since = generation.sending_since or generation.created_at
        age = self.ledger.now() - since
        try:
            logged = self.provider.find(client_request_id(run.generation_id, generation.attempt), since)
        except ProviderUnavailable as error:
            logged, reason = None, str(error)
        else:
            reason = "The provider's log does not list the request."
        if logged is not None and logged.has_failed:
            raise GenerationFailed("The provider's log says that the request failed. It was not charged.")
        if logged is not None:
            return self._found(run, logged.provider_id)
        pause = self.schedule.pause(age)
        if pause is None:
            raise SubmissionUnknown(
                f"The request was sent, but its answer was lost. The provider may have accepted it. {reason}"
            )
        return LookedUp("queued", pause)

    def _found(self, run: Run, provider_id: str) -> LookedUp:
        try:
            found(self.ledger, run, provider_id)
        except GenerationEnded:
            if self.ledger.get_for(run).submission is not Submission.SUBMITTED:  # by another invocation
                raise
        return LookedUp("generating", self.schedule.first)
