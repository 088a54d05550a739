"""Submit: send at most one create call that the provider may have accepted, however often this is invoked."""

from dataclasses import dataclass
from datetime import datetime

from core.errors import (
    GenerationEnded,
    GenerationError,
    LedgerUnavailable,
    ProviderOutOfCredits,
    ProviderUnavailable,
    SubmissionUnknown,
)
from core.generation import Generation, Status, Submission
from core.inputs.links import Links
from core.learned.records import Learned
from core.money.budgets import Budgets
from core.money.circuit import Circuit
from core.provider.client import Provider, Throttled
from core.provider.waiting import SubmitSchedule, until_there_are_credits
from core.records.claim import Claim
from core.records.ledger import Ledger
from core.workflow import Run


@dataclass(frozen=True)
class Submitted:
    status: Status  # generating: accepted by the provider; queued: rejected for now, so invoke Submit again
    wait_seconds: int  # until that invocation, or until the first poll


@dataclass(frozen=True)
class Submit:
    """Sends a generation to the provider."""

    ledger: Ledger
    provider: Provider
    links: Links
    schedule: SubmitSchedule
    learned: Learned
    circuit: Circuit
    budgets: Budgets

    def submit(self, run: Run) -> Submitted:
        """Send the request, unless that was already done, and return when to poll or submit again."""
        generation = self.ledger.get_for(run)
        if again := self._submit(generation, run):
            return Submitted(Status.QUEUED, again)
        return Submitted(
            Status.GENERATING, self.schedule.first_poll(self.learned.times_of(generation.request, generation.owner))
        )

    def _submit(self, generation: Generation, run: Run) -> int:
        """Return 0 once the provider has accepted the request, or the seconds after which to submit again."""
        if generation.submission is Submission.SUBMITTED:
            return 0
        if generation.status.ended:
            raise GenerationEnded(f"Generation {run.generation_id} has ended, so it is not submitted.")
        if generation.submission is Submission.SENDING:
            return self._wait_for_the_other(generation)

        # The budgets held its cost when it was accepted, but other jobs may have cost more than expected since then.
        self.budgets.check(generation.hold)
        # Before the claim, so that a missing key or file does not count as an unknown submission.
        self.provider.key.get()
        request = self.links.request_of(generation)
        since = self.circuit.open_since()
        if since and not self.circuit.may_probe():
            return self._until_there_are_credits(since)
        claim = Claim.begin(self.ledger, run)
        if claim is None:
            # Another invocation was faster, so find out what it did.
            return self._submit(self.ledger.get_for(run), run)
        try:
            provider_id = self.provider.create(request, client_request_id=claim.client_request_id)
        except SubmissionUnknown:
            raise
        except ProviderOutOfCredits:
            self.circuit.open()
            claim.clear()
            return self._until_there_are_credits(since or self.ledger.now())
        except Throttled as rejection:
            claim.clear()
            age = self.ledger.now() - _tried_since(generation)
            return self.schedule.after_rejection(age, rejection.retry_after, str(rejection))
        except ProviderUnavailable as error:
            claim.clear()
            self.schedule.check_deadline(self.ledger.now() - _tried_since(generation), str(error))
            raise
        except GenerationError:
            claim.clear()
            raise
        try:
            claim.submitted(provider_id)
        except LedgerUnavailable as error:
            raise SubmissionUnknown(str(error)) from error
        if since:
            self.circuit.close()
        return 0

    def _until_there_are_credits(self, since: datetime) -> int:
        return until_there_are_credits(self.circuit.probe_seconds, self.ledger.now() - since)

    def _wait_for_the_other(self, generation: Generation) -> int:
        """Return how long the invocation that holds the claim may still run. Raise `SubmissionUnknown` after that."""
        wait = self.schedule.for_claim(self.ledger.now() - (generation.sending_since or generation.created_at))
        if wait is None:
            raise SubmissionUnknown(
                "The function died while it was sending the request. The provider may have accepted it."
            )
        return wait


def _tried_since(generation: Generation) -> datetime:
    """Return since when the job could be submitted. It may have waited for its slot for a long time before."""
    return generation.admitted_at or generation.reopened_at or generation.created_at
