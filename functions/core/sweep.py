"""Sweep: complete work that a crashed function or a lost event has left unfinished."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.archive.objects import Objects
from core.errors import Cancelled
from core.generation import Failure, Generation, Status, Tombstone
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.record_failure import close, fail, from_end
from core.records.ledger import SOON, Ledger
from core.slots.admission import Admission
from core.slots.credits import Credits
from core.slots.table import Slot
from core.workflow import NotStarted, Workflow

logger = logging.getLogger("promptreel")

LONGEST_PAUSE = timedelta(hours=6)  # between two checks of a running workflow


class SweepIncomplete(Exception):
    """Some of the checks that were due failed. All others were made."""


@dataclass(frozen=True)
class Sweep:
    """Checks all slots and watched generations, one after another. It continues after an error."""

    ledger: Ledger
    admission: Admission
    workflow: Workflow
    announcer: Announcer
    provider: Provider
    objects: Objects
    longest: timedelta  # the provider's time limit for a generation, after which its slot is free
    on_failure: Callable[[Generation, Failure], None]  # called for each generation that is found to have failed

    def run(self, until: datetime) -> None:
        """Check slots and watched generations that are due. Do not begin another check after that time.

        Raise `SweepIncomplete` at the end if some of the checks failed.
        """
        faults = int(self._guarded(lambda _: Credits(self.admission).review(), "the jobs that wait for credits"))
        slots = self.admission.table.held()
        random.shuffle(slots)  # If the provider hangs, there is no time for all. The next sweep checks others.
        for slot in slots:
            if self.ledger.now() > until:
                break
            faults += self._guarded(self._look_at_slot, slot)
        for generation_id in self.ledger.watched():
            if self.ledger.now() > until:
                break  # the next sweep checks the others
            faults += self._guarded(self._look_at, generation_id)
        self.admission.grant_slots()
        if faults:
            raise SweepIncomplete(f"{faults} of the checks that were due failed. The log has the reasons.")

    def _guarded(self, look: Callable[[Any], None], at: object) -> bool:
        try:
            look(at)
        except Exception:
            logger.exception("check of the sweep failed: %s", at)
            return True
        return False

    def _look_at_slot(self, slot: Slot) -> None:
        holder = self.ledger.submission(slot.holder)
        if self._is_free(holder, slot):
            self.admission.table.release(slot)

    def _is_free(self, holder: Generation | Tombstone | None, slot: Slot) -> bool:
        if holder is None or not self._may_be_at_provider(holder):
            return True
        since = holder.submitted_at or holder.sending_since
        if since and self.ledger.now() - since > self.longest:
            return True
        if isinstance(holder, Generation) and not holder.status.ended:
            # The function that granted the slot may have died before it woke the workflow.
            if holder.submission is None and self.ledger.now() - slot.since > SOON:
                self.admission.wake(slot.holder)
            return False
        # One poll is enough: if its word is wrong, the provider only rejects a call for now.
        return bool(holder.provider_id) and self.provider.poll(str(holder.provider_id)).outcome != "pending"

    def _may_be_at_provider(self, holder: Generation | Tombstone) -> bool:
        if isinstance(holder, Tombstone):
            return holder.submission is not None
        return holder.at_provider or holder.status is Status.QUEUED

    def _look_at(self, generation_id: str) -> None:
        found = self.ledger.submission(generation_id)
        if isinstance(found, Tombstone):
            self.objects.remove(generation_id)  # again, because a Finalize may have been running at the deletion
            self.ledger.unwatch(generation_id)
        elif found is not None and found.announced_at is not None:
            self.ledger.unwatch(generation_id)
        elif found is not None:
            self._look_at_run(found)

    def _look_at_run(self, generation: Generation) -> None:
        run = generation.run
        try:
            ended = self.workflow.ended(run)
        except NotStarted:
            if not generation.status.ended:
                self.workflow.start(run)
                self.ledger.watch_again(run.generation_id, SOON)
                return
        else:
            if not generation.status.ended:
                if ended is None:
                    self._look_at_running(generation)
                    return
                failed = fail(run, from_end(ended, run.execution), self.ledger)
                if failed and failed.error:
                    self.on_failure(failed, failed.error)
            elif ended is None:
                self._end(generation)
        now = self.ledger.get(run.generation_id)
        if now.run == run:
            close(now, self.ledger, self.admission, self.announcer)

    def _look_at_running(self, generation: Generation) -> None:
        age = self.ledger.now() - (generation.reopened_at or generation.created_at)
        # This is done before `resume`, which can end the generation, because an end schedules an earlier visit.
        self.ledger.watch_again(generation.generation_id, min(max(age, SOON), LONGEST_PAUSE))
        self.admission.resume(generation)

    def _end(self, generation: Generation) -> None:
        """End the execution of a generation that has ended, in case the function that ended it died before doing so."""
        if generation.error and generation.error.name == Cancelled.__name__:
            self.workflow.stop(generation.run)
        else:
            self.admission.wake(generation.generation_id)
