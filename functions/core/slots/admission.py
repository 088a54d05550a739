"""Choose the job that gets the next free slot, and wake its workflow.

The owner with the fewest slots is next. Ties go round-robin, starting after the owner who was served last. An owner's
jobs are served in order. The choice is made when a slot is granted, from the slots and queued jobs that each owner has
at that moment. So a thousand queued jobs do not delay other owners, and past use of many slots does not count. If many
owners wait for few slots, a new one waits for one round.

Jobs that are held back for lack of credits (shortages.py) leave this queue when the search finds them. Every minute,
one held-back job of each model is granted a slot as a try, before all other jobs.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from core.errors import InputUnavailable, NotFound
from core.generation import Failure, Generation, Given, Status, iso
from core.inputs.links import source_of
from core.records.ledger import Ledger
from core.slots.shortages import Shortage, Shortages
from core.slots.table import Refused, Slot, SlotsTable, Waiting, after_owner
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LEASE = timedelta(seconds=10)  # after this time, a caller that grants slots is assumed dead
MOST_PAGES = 40  # of the queue, read to find the next job; an owner needs one at most


@dataclass
class _Seen:
    """The slots and shortages that the loop has read. One job of each shortage in `due` may be tried now."""

    held: dict[int, Slot]
    shortages: Mapping[str, Shortage]
    due: list[Shortage]


@dataclass(frozen=True)
class _Choice:
    """The next job, and its shortage if it is a try. Without a job, `is_final` means that the search found no other."""

    job: Waiting | None
    trying: Shortage | None
    is_final: bool


@dataclass(frozen=True)
class Admission:
    """Admits generations to the provider, `limit` at once."""

    table: SlotsTable
    ledger: Ledger
    stepfunctions: "SFNClient"
    limit: int
    shortages: Shortages
    keep: Callable[[Generation], None] = lambda _: None  # copies its input files when its workflow begins

    def admit(self, run: Run, task_token: str) -> None:
        """Answer `task_token` once the run's generation has a slot, perhaps at once.

        Another invocation only changes the token. Before it queues for a slot, a generation waits for the generations
        whose videos are its inputs. Raise `GenerationEnded` for a run that has nothing left to do, and
        `InputUnavailable` if an input will never exist.
        """
        # Before any caller can admit it: only the answer to the token lets the workflow continue.
        self.keep(self.ledger.get_for(run))
        self.ledger.wait_with(run, task_token)
        generation = self.ledger.get_for(run)
        if not generation.waits_for_slot:
            self._answer(task_token)
        elif self._has_inputs(generation):
            self.table.wait(Waiting.of(generation))
            self.grant_slots()

    def resume(self, generation: Generation) -> None:
        """Queue a generation for a slot if the others that it waits for have ended, or fail it if one of them failed.

        The caller grants slots afterwards.
        """
        if not generation.waits_for_slot or not generation.given or self.table.waits_for_credits(generation):
            return
        try:
            if self._has_inputs(generation):
                self.table.wait(Waiting.of(generation))
        except InputUnavailable as error:
            self.ledger.fail(generation.run, Failure(type(error).__name__, str(error)), unless_sent=True)
            self.wake(generation.generation_id)  # its workflow finds that it has ended

    def has_ended(self, generation: Generation) -> None:
        """Resume the generations that wait for this one, which was read after it had ended. Repeating this is safe."""
        awaiting = self.table.awaiting(generation.generation_id)
        for waiting_id, execution in awaiting:
            with suppress(NotFound):
                self.resume(self.ledger.get(waiting_id))
            # Only the wait for this execution: after a rescue, others may wait for the next one.
            self.table.stop_awaiting(generation.generation_id, waiting_id, execution)
        if awaiting:
            self.grant_slots()

    def _has_inputs(self, generation: Generation) -> bool:
        """Return whether all input videos exist, or wait for a missing one. Raise `InputUnavailable`."""
        return all(self._is_there(generation, given) for given in generation.given or () if given.generation_id)

    def _is_there(self, generation: Generation, given: Given) -> bool:
        """Return whether an input video exists. If its generation has not ended, record that this one waits."""
        while (source := source_of(given, generation.owner, self.ledger)).status is not Status.COMPLETED:
            self.table.await_end(source.run, generation.generation_id)
            # Either this read finds that it has just ended, or its end finds the entry.
            now = self.ledger.submission(source.generation_id)
            if isinstance(now, Generation) and now.run == source.run and not now.status.ended:
                return False
            self.table.stop_awaiting(source.generation_id, generation.generation_id, source.run.execution)
        return True

    def leave(self, generation: Generation) -> None:
        """Take an ended generation out of the queue, and free its slot unless the provider still works on it."""
        self.table.leave(Waiting.of(generation))
        if not generation.at_provider:
            self.release(generation.generation_id, until=generation.ended_at)

    def release(self, generation_id: str, until: datetime | None = None) -> None:
        """Free the slot of a job that the provider has ended, and grant it to the next job.

        A slot that was granted after the time `until` stays, because it belongs to a later run.
        """
        for slot in self.table.held():
            if slot.holder == generation_id and (until is None or slot.since <= until):
                self.table.release(slot)
        self.grant_slots()

    def wake(self, generation_id: str) -> None:
        """Tell the generation's workflow that it may continue. Repeating this is safe."""
        token = self.ledger.task_token(generation_id)
        if token is not None:
            self._answer(token)

    def grant_slots(self) -> None:
        """Grant slots until none is free or no job is queued.

        Only one caller runs this loop at a time, under a lease; others set a flag that makes it run once more. The
        lease only avoids contention: concurrent or crashed callers are safe.
        """
        if not self._may_grant():
            return
        who = uuid4().hex
        served: str | None = None
        while (served := self._take_lease(who, served)) is not None:
            try:
                served = self._grant(who, served)
            finally:
                has_ended = self.table.end_lease(who, served)
            if has_ended:
                return

    def _may_grant(self) -> bool:
        """Return whether a job is queued and a slot is free: these reads cost a tenth of a lease.

        A job that arrives or ends is written before this, and the reads are consistent. So of two callers at once, the
        later one sees both changes.
        """
        waiting, _ = self.table.waiting()
        if not waiting and not self._due(self.shortages.every()):
            return False
        return len({slot.number for slot in self.table.held()} & {*range(self.limit)}) < self.limit

    def _due(self, shortages: Mapping[str, Shortage]) -> list[Shortage]:
        """Return the shortages whose next try is due."""
        now = iso(self.ledger.now())
        return [shortage for shortage in shortages.values() if shortage.try_at <= now]

    def _take_lease(self, who: str, served: str | None) -> str | None:
        return self.table.take_lease(who, self.ledger.now(), self.ledger.now() + LEASE, served)

    def _grant(self, who: str, served: str) -> str:
        """Grant slots under the lease of `who`, after the owner that was `served` last; return the last one now."""
        seen, renew_at = self._look(), self.ledger.now() + LEASE / 2
        while True:
            if self.ledger.now() > renew_at:
                if self._take_lease(who, served) is None:
                    return served
                seen, renew_at = self._look(), self.ledger.now() + LEASE / 2
            free = [number for number in range(self.limit) if number not in seen.held]
            over = [slot for number, slot in seen.held.items() if number >= self.limit]
            if not free:
                return served
            if over:  # the limit was lowered: no job is admitted until the holders are within it
                self._move(over[0], free[0])
                seen.held = self._held()
                continue
            choice = self._choose(seen, served)
            if choice.job is None:
                if choice.is_final:
                    return served
                continue
            if self._grant_to(choice.job, choice.trying, free[0], seen) and not choice.trying:
                served = choice.job.owner

    def _look(self) -> "_Seen":
        shortages = self.shortages.every()
        return _Seen(self._held(), shortages, self._due(shortages))

    def _held(self) -> dict[int, Slot]:
        return {slot.number: slot for slot in self.table.held()}

    def _choose(self, seen: "_Seen", served: str) -> "_Choice":
        """Return the next job: a held-back one if a try is due, or else the next one in the queue."""
        if seen.due:
            trying = seen.due.pop()
            return _Choice(self.table.next_held_back(trying.model, trying.served), trying, is_final=False)
        job, kept = self._next(seen, served)
        self.table.hold_back(kept, self.ledger.now())
        return _Choice(job, None, is_final=not kept)

    def _grant_to(self, job: Waiting, trying: Shortage | None, free: int, seen: "_Seen") -> bool:
        """Grant a slot to a job and wake its workflow. Return whether it was granted now."""
        # A job that continues after an operator resolved its submission may still have its slot.
        number = next((slot.number for slot in seen.held.values() if slot.holder == job.generation_id), free)
        try:
            as_try = self.shortages.trying(trying, job) if trying else None
            self.table.grant(job, number, self.ledger.now(), as_try)
        except Refused as refused:
            if refused.is_settled:
                self.table.leave(job)
                self.wake(job.generation_id)
            seen.held = self._held()
            return False
        seen.held[number] = Slot(number, job.generation_id, job.owner, self.ledger.now())
        self.wake(job.generation_id)
        return True

    def _move(self, slot: Slot, number: int) -> None:
        try:
            self.table.move(slot, number)
        except Refused:
            return  # freed or granted in the meantime

    def _next(self, seen: "_Seen", served: str) -> tuple[Waiting | None, list[Waiting]]:
        """Return the first job of the owner with the fewest slots, starting after the owner who was served last.

        Usually the first page contains an owner without a slot, and no owner can have fewer. Also return the jobs that
        were skipped because they are held back. If there are any, their owners may have more jobs behind them.
        """
        slots, kept = Counter(slot.owner for slot in seen.held.values()), list[Waiting]()
        start = after = after_owner(served) if served else ""
        has_wrapped = not start
        heads: dict[str, Waiting] = {}
        for _ in range(MOST_PAGES):
            page, has_more = self.table.waiting(after)
            for waiting in page:
                if (shortage := seen.shortages.get(waiting.model)) and shortage.holds_back(waiting):
                    kept.append(waiting)
                elif not slots[waiting.owner]:
                    return waiting, kept
                else:
                    heads.setdefault(waiting.owner, waiting)
            if has_more:
                after = after_owner(page[-1].owner)
            elif not has_wrapped:
                after, has_wrapped = "", True
            else:
                break
            if has_wrapped and start and after >= start:
                break
        return min(heads.values(), key=lambda head: slots[head.owner], default=None), kept

    def end(self, task_token: str) -> None:
        """Let the workflow of a generation that has ended continue. Submit then finds that it has ended."""
        self._answer(task_token)

    def _answer(self, task_token: str) -> None:
        errors = self.stepfunctions.exceptions
        try:
            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))
        except (errors.TaskDoesNotExist, errors.TaskTimedOut, errors.InvalidToken):
            return  # answered before, or its workflow has ended
