"""Submit: send at most one create call that the provider may have accepted, however often this is invoked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from core.provider.client import Provider, Throttled
from core.provider.waiting import SubmitSchedule
from core.records.claim import Claim
from core.records.ledger import Ledger
from core.slots.credits import Credits
from core.slots.shortages import Shortage
from core.workflow import Run

HELD_BACK = "held_back"  # credits are missing, so the job has given its slot back and waits in Admit


@dataclass(frozen=True)
class Submitted:
    status: str  # generating: accepted by the provider; queued: rejected for now, so invoke Submit again; or HELD_BACK
    wait_seconds: int = 0  # until that invocation, or until the first poll


@dataclass(frozen=True)
class Submit:
    """Sends a generation to the provider."""

    ledger: Ledger
    provider: Provider
    links: Links
    schedule: SubmitSchedule
    learned: Learned
    credits: Credits
    budgets: Budgets

    def submit(self, run: Run) -> Submitted:
        """Send the request, unless that was already done, and return when to poll or submit again."""
        generation = self.ledger.get_for(run)
        if generation.submission is Submission.SUBMITTED:
            return self._accepted(generation)
        if generation.status.ended:
            raise GenerationEnded(f"Generation {run.generation_id} has ended, so it is not submitted.")
        if generation.submission is Submission.SENDING:
            return Submitted(Status.QUEUED, self._wait_for_the_other(generation))
        if generation.gave_its_slot_back:
            return Submitted(HELD_BACK)

        # The budgets held its cost when it was accepted, but other jobs may have cost more than expected since then.
        self.budgets.check(generation.hold)
        # Before the claim, so that a missing key or file does not count as an unknown submission.
        self.provider.key.get()
        request = self.links.request_of(generation)
        shortage = self.credits.shortage_of(generation)
        if self.credits.holds_back(generation, shortage):
            return Submitted(HELD_BACK) if self.credits.give_back(generation) else self.submit(run)
        claim = Claim.begin(self.ledger, run)
        if claim is None:
            return self.submit(run)  # another invocation was faster: find out what it did
        return self._send(request, generation, claim, shortage)

    def _send(
        self, request: dict[str, Any], generation: Generation, claim: Claim, shortage: Shortage | None
    ) -> Submitted:
        try:
            provider_id = self.provider.create(request, client_request_id=claim.client_request_id)
        except SubmissionUnknown:
            raise
        except ProviderOutOfCredits as rejection:
            self.credits.rejected(generation, claim, shortage, str(rejection))
            return Submitted(HELD_BACK)
        except Throttled as rejection:
            claim.clear()
            age = self.ledger.now() - _tried_since(generation)
            return Submitted(Status.QUEUED, self.schedule.after_rejection(age, rejection.retry_after, str(rejection)))
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
        if shortage:
            self.credits.accepted(generation, shortage)
        return self._accepted(generation)

    def _accepted(self, generation: Generation) -> Submitted:
        return Submitted(
            Status.GENERATING, self.schedule.first_poll(self.learned.times_of(generation.request, generation.owner))
        )

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
