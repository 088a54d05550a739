"""Sweep: make good what a function that died, or an event that was lost, left half done."""

import logging
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
from core.slots.table import Slot
from core.workflow import NotStarted, Workflow

logger = logging.getLogger("promptreel")

SELDOM = timedelta(hours=6)  # between two looks at a workflow that runs


class SweepIncomplete(Exception):
    """Some of what was due could not be looked at; the others were."""


@dataclass(frozen=True)
class Sweep:
    """Looks at what is due, one after another; a fault of one does not keep it from the next."""

    ledger: Ledger
    admission: Admission
    workflow: Workflow
    announcer: Announcer
    provider: Provider
    objects: Objects
    longest: timedelta  # that the provider may work on a generation; after it, its slot is free
    on_failure: Callable[[Generation, Failure], None]  # hears of each generation that was found to have failed

    def run(self, until: datetime) -> None:
        """Look at all slots, and at what is watched and due, until that time. Raises `SweepIncomplete` at the end."""
        faults = 0
        for slot in self.admission.table.held():
            faults += self._guarded(self._look_at_slot, slot)
        for generation_id in self.ledger.watched():
            if self.ledger.now() > until:
                break  # the next one goes on
            faults += self._guarded(self._look_at, generation_id)
        self.admission.grant_slots()
        if faults:
            raise SweepIncomplete(f"{faults} of what was due could not be looked at: the log says why.")

    def _guarded(self, look: Callable[[Any], None], at: object) -> bool:
        try:
            look(at)
        except Exception:
            logger.exception("sweep: %s", at)
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
        return bool(holder.provider_id) and self.provider.fetch(str(holder.provider_id)).outcome != "pending"

    def _may_be_at_provider(self, holder: Generation | Tombstone) -> bool:
        if isinstance(holder, Tombstone):
            return holder.submission is not None
        return holder.at_provider or holder.status is Status.QUEUED

    def _look_at(self, generation_id: str) -> None:
        found = self.ledger.submission(generation_id)
        if isinstance(found, Tombstone):
            self.objects.remove(generation_id)  # again: a Finalize may have been at work when it was deleted
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
            if ended is None:
                if generation.error and generation.error.name == Cancelled.__name__:
                    self.workflow.stop(run)
                self.admission.resume(generation)
                age = self.ledger.now() - (generation.reopened_at or generation.created_at)
                self.ledger.watch_again(run.generation_id, min(max(age, SOON), SELDOM))
                return
            if not generation.status.ended:
                failure = from_end(ended, run.execution)
                failed = fail(run, failure, self.ledger)
                if failed and failed.error:
                    self.on_failure(failed, failed.error)
        close(self.ledger.get(run.generation_id), self.ledger, self.admission, self.announcer)
