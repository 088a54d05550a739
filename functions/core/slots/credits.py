"""Hold back the jobs that the provider rejects for lack of credits, and end those that have waited too long.

shortages.py decides which jobs are held back.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from core.errors import NotFound, ProviderOutOfCredits
from core.generation import Failure, Generation, iso
from core.records.claim import Claim
from core.slots.admission import Admission
from core.slots.shortages import Shortage
from core.slots.table import Waiting

UNUSED = timedelta(minutes=1)  # if a try has been due for this long and no job is held back, the shortage is deleted
MOST_ENDED = 200  # jobs that one sweep ends, because it has other work to do in its minute


@dataclass(frozen=True)
class Credits:
    """Holds jobs back, and returns them to the queue. Every method may be repeated."""

    admission: Admission

    def shortage_of(self, generation: Generation) -> Shortage | None:
        """Return what is known about the credits for the model of a generation, or None if none are missing."""
        return self.admission.shortages.of(generation.model)

    def holds_back(self, generation: Generation, shortage: Shortage | None) -> bool:
        """Return whether a job with a slot must not be sent, because credits ran out after the slot was granted."""
        job = Waiting.of(generation)
        return shortage is not None and shortage.trying != job.generation_id and shortage.holds_back(job)

    def give_back(self, generation: Generation) -> bool:
        """Give back the slot of a job that is held back. Return False if the job has changed since it was read."""
        return self.admission.table.give_back(generation, self.admission.ledger.now())

    def rejected(self, generation: Generation, claim: Claim, shortage: Shortage | None, reason: str) -> None:
        """Give back the slot of a job that the provider rejected, clear its claim, and hold others back.

        `shortage` is what was known before it was sent. Raise `ProviderOutOfCredits` if the job has to end.
        """
        admission, job = self.admission, Waiting.of(generation)
        now = admission.ledger.now()
        is_again = shortage is not None and shortage.has_accepted_others(job)
        again = job.rejected_again + is_again
        try:
            admission.shortages.patience.check(generation.held_since or now, now, reason, again)
        except ProviderOutOfCredits:
            claim.clear()
            raise
        # The slot is given back first. If the function then dies, only one more job is rejected.
        if not admission.table.give_back(generation, now, claim.attempt, again):
            claim.clear()  # the job was cancelled, or it keeps its slot and is sent again
        if is_again and job.rejected_again:
            admission.shortages.rejected_again(job)
        else:
            admission.shortages.rejected(job)

    def accepted(self, generation: Generation, shortage: Shortage) -> None:
        """Return jobs to the queue, if they were held back until the provider accepts a job that costs as much."""
        admission = self.admission
        if admission.shortages.accepted(Waiting.of(generation), shortage):
            self._let_follow(generation.model)
            admission.grant_slots()

    def review(self) -> None:
        """End the jobs that were held back for too long, return others to the queue, and grant the tries that are due.

        The sweep calls this every minute.
        """
        admission = self.admission
        shortages, models = admission.shortages.every(), admission.table.models_held_back()
        for model in models:
            shortage = shortages.get(model)
            if shortage is None or shortage.cost is None or shortage.must_follow:
                self._let_follow(model)
        for model in shortages.keys() - models:
            if shortages[model].try_at <= iso(admission.ledger.now() - UNUSED):
                admission.shortages.forget(shortages[model])
        if models:
            deadline = timedelta(seconds=admission.shortages.patience.deadline)
            self._end(admission.table.held_back_before(admission.ledger.now() - deadline))
            admission.grant_slots()

    def _let_follow(self, model: str) -> None:
        admission = self.admission
        shortage = admission.shortages.of(model)
        jobs = admission.table.held_back(model)
        admission.table.follow([job for job in jobs if shortage is None or not shortage.holds_back(job)])
        if shortage:
            admission.shortages.have_followed(model)

    def _end(self, jobs: Iterable[Waiting]) -> None:
        """End some of these jobs. Their workflows find that they have ended, and announce the ends."""
        ledger = self.admission.ledger
        failure = Failure(
            ProviderOutOfCredits.__name__, "The provider account had no credits for this job until its deadline."
        )
        for _, job in zip(range(MOST_ENDED), jobs, strict=False):
            with suppress(NotFound):
                found = ledger.get(job.generation_id)
                is_current = found.waits_for_slot and Waiting.of(found).since == job.since
                if is_current:
                    ledger.fail(found.run, failure, unless_sent=True)
                self.admission.wake(job.generation_id)
                if is_current:
                    continue
            self.admission.table.leave(job)  # it has ended, was granted a slot, or is in a later run
