"""CheckStatus: poll the provider, and decide when to poll again."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.errors import GenerationFailed, ProviderUnavailable
from core.generation import IMPORT, Generation, Status
from core.learned.records import Learned
from core.learned.times import Times
from core.provider.client import Provider, ProviderGeneration, is_known
from core.provider.waiting import Poll, Schedule, Turn
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.workflow import Run

logger = logging.getLogger("promptreel")


@dataclass(frozen=True)
class Checked:
    status: Status  # queued: the generation has to be submitted first
    wait_seconds: int = 0  # until the next check, or 0 if no check is needed
    pending_seconds: int = 0  # from the submission to the last poll that found it pending
    slot: int | None = None  # of a generation that the provider has finished


@dataclass(frozen=True)
class CheckStatus:
    """Polls the provider for a generation, and learns from it how long such generations take."""

    ledger: Ledger
    provider: Provider
    schedule: Schedule
    learned: Learned
    admission: Admission
    sleep: Callable[[float], None] = time.sleep

    def check(self, run: Run, before: Poll) -> Checked:
        """Poll the provider. While the generation may be done at any moment, stay and poll again.

        `before` is the previous poll. Once the provider is done, free the generation's slot. Raise
        `ProviderUnavailable` if a poll fails, and `GenerationTimedOut` after the last one. Every poll reads the record
        first and raises `GenerationEnded` if the generation has been cancelled or deleted.
        """
        checked = self._check(run, before)
        if checked.status is Status.ARCHIVING:
            self.admission.release(run.generation_id, number=checked.slot)
        return checked

    def _check(self, run: Run, before: Poll) -> Checked:
        invoked_at = self.ledger.now()
        times: Times | None = None
        while True:
            generation = self.ledger.get_for(run)
            if generation.status in (Status.ARCHIVING, Status.COMPLETED):
                return Checked(Status.ARCHIVING, slot=generation.slot)  # Finalize finds out what is already done
            if generation.provider_id is None:
                return Checked(Status.QUEUED)
            if times is None:
                before = self._wait_for_turn(generation, before)
            answer = self._poll(generation, generation.provider_id)
            age = self._age(generation)
            if answer.outcome == "completed" and answer.video is not None:
                self.ledger.provider_finished(run, answer.video, answer.credits_used)
                self._learn(generation, before, age, answer.credits_used)
                return Checked(Status.ARCHIVING, slot=generation.slot)
            if times is None:
                times = self.learned.times_of(generation.request, generation.owner)
            pause = self._until_turn(generation, self.schedule.pause(age, times))
            if not self.schedule.stays(pause, (self.ledger.now() - invoked_at).total_seconds()):
                return Checked(Status.GENERATING, max(1, round(pause)), int(age))
            self.sleep(pause)
            before = Poll(age, pause)

    def _wait_for_turn(self, generation: Generation, before: Poll) -> Poll:
        """Wait for the job's turn before the first poll of this invocation, unless that is too long.

        Return the poll before it, with the longer pause. If that was not the submission, it has already chosen a turn,
        and a function that starts late must not wait for the next one.
        """
        is_turn = before.age > 0 and before.is_before(self._age(generation))
        if is_turn or not self.schedule.stays(wait := self._until_turn(generation, 0), 0):
            return before
        self.sleep(wait)
        return replace(before, pause=before.pause + wait)

    def _until_turn(self, generation: Generation, pause: float) -> float:
        """Return the seconds, about `pause`, until the job may be polled.

        Few slots need no turns, and no read. A job without a slot, such as an imported one, has no turn.
        """
        if generation.slot is None or not self.schedule.cycle(self.admission.limit):
            return pause
        turn = Turn(generation.slot, self.admission.table.in_use(), self.ledger.now().timestamp())
        return self.schedule.until_turn(turn, pause)

    def _poll(self, generation: Generation, provider_id: str) -> ProviderGeneration:
        try:
            answer = self.provider.fetch(provider_id)
        except ProviderUnavailable:
            self.schedule.pause(self._age(generation), Times())  # raises GenerationTimedOut after the last poll
            raise
        if not is_known(answer.status):
            fields = {"status": answer.status, "generation_id": generation.generation_id}
            logger.warning("unknown provider status", extra=fields)
        if answer.outcome == "error":
            did = "could not generate the video" if answer.status == "error" else f"ended the job as `{answer.status}`"
            raise GenerationFailed(f"The provider {did}: {answer.error}")
        return answer

    def _learn(self, generation: Generation, before: Poll, age: float, credits_used: int | None) -> None:
        """Record how long the generation took and what it cost, for later schedules and estimates.

        The ledger already says `archiving`, so a crash may lose this sample but cannot count it twice.
        """
        if generation.unchecked or generation.source.kind == IMPORT:
            return  # a field that is not known here may have changed both
        took = before.took(age)
        # A rescue replaces the time of the submission.
        is_usual = took is not None and not generation.rescues and age < self.schedule.deadline
        self.learned.note(generation, took if is_usual else None, credits_used)

    def _age(self, generation: Generation) -> float:
        return (self.ledger.now() - (generation.submitted_at or generation.created_at)).total_seconds()
