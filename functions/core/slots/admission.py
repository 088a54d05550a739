"""Choose the job that gets the next free slot, and wake its workflow.

The owner with the fewest slots is next. Ties go round-robin, starting after the owner who was served last. An owner's
jobs are served in order (view.py). The choice is made when slots are granted, from the slots and queued jobs that each
owner has at that moment. So a thousand queued jobs do not delay other owners, and past use of many slots does not
count. If many owners wait for few slots, a new one waits for one round.

Jobs that are held back for lack of credits (shortages.py) leave this queue when the search finds them. Every minute,
one held-back job of each model is granted a slot as a try, before all other jobs.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from core.slots.table import Done, Refused, Slot, SlotsTable, Waiting, after_owner
from core.slots.view import View
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LEASE = timedelta(seconds=10)  # after this time, a caller that grants slots is assumed dead
MOST_PAGES = 40  # of the queue, read to find the next job; an owner needs one at most
AT_ONCE = 16  # slots that one transaction grants; it may read 4 MB of records, and the largest have 200 KB
WOKEN_AT_ONCE = 8  # workflows


@dataclass
class _Seen:
    """The slots, the shortages and the queue, as read before slots are granted. Of each shortage in `due`, one job may
    be tried now."""

    held: dict[int, Slot]
    shortages: Mapping[str, Shortage]
    due: list[Shortage]
    queue: list[Waiting] | None = None  # the whole queue, if it is short and no slot was granted since it was read


@dataclass(frozen=True)
class _Choice:
    """The next jobs, or the shortage of the one job that is a try. After a final choice no job is left in the queue."""

    jobs: list[Waiting]
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

    def release(self, generation_id: str, *, until: datetime | None = None, number: int | None = None) -> None:
        """Free the slot of a job that the provider has ended, and grant it to the next job.

        A slot that was granted after the time `until` stays, because it belongs to a later run. The slots are read only
        if the job does not have the slot with this `number`: a lower limit may have moved the job.
        """
        if number is None or not self.table.release_number(number, generation_id):
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
        seen, who = self._look(), uuid4().hex
        done: Done | None = None
        if seen is None:
            return
        while (served := self._take_lease(who, done)) is not None:
            try:
                if done is not None:
                    seen = self._look()  # a job that arrives after this sets the flag again
                if seen is not None:
                    served = self._grant(who, served, seen)
            finally:
                done = Done(served, len(self._held() if seen is None else seen.held))
                has_ended = self.table.end_lease(who, done)
            if has_ended:
                return

    def _look(self) -> "_Seen | None":
        """Return what is needed to grant slots, or None if no job is queued or no slot is free.

        A job that arrives or ends is written before this, and the reads are consistent. So of two callers at once, the
        later one sees both changes, and grants slots or makes the other one run once more.
        """
        queue, has_more = self.table.waiting()
        if not queue and not self._due(self.shortages.every()):
            return None
        held = self._held()
        if len(held.keys() & {*range(self.limit)}) >= self.limit:
            return None
        shortages = self.shortages.every()
        return _Seen(held, shortages, self._due(shortages), None if has_more else queue)

    def _due(self, shortages: Mapping[str, Shortage]) -> list[Shortage]:
        """Return the shortages whose next try is due."""
        now = iso(self.ledger.now())
        return [shortage for shortage in shortages.values() if shortage.try_at <= now]

    def _take_lease(self, who: str, done: Done | None) -> str | None:
        return self.table.take_lease(who, self.ledger.now(), self.ledger.now() + LEASE, done)

    def _grant(self, who: str, served: str, seen: _Seen) -> str:
        """Grant slots under the lease of `who`, after the owner that was `served` last; return the last one now."""
        renew_at = self.ledger.now() + LEASE / 2
        while True:
            if self.ledger.now() > renew_at:
                if self._take_lease(who, Done(served, len(seen.held))) is None:
                    return served
                seen.held, renew_at = self._held(), self.ledger.now() + LEASE / 2
                seen.queue, seen.shortages = None, self.shortages.every()
                seen.due = self._due(seen.shortages)
            free = [number for number in range(self.limit) if number not in seen.held]
            over = [slot for number, slot in seen.held.items() if number >= self.limit]
            if not free:
                return served
            if over:  # the limit was lowered: no job is admitted until the holders are within it
                self._move(over[0], free[0])
                seen.held = self._held()
                continue
            choice = self._choose(seen, served, len(free))
            granted = self._grant_all(choice, free, seen)
            if granted and not choice.trying:
                served = granted[-1].owner
            if choice.is_final and len(granted) == len(choice.jobs):
                return served

    def _held(self) -> dict[int, Slot]:
        return {slot.number: slot for slot in self.table.held()}

    def _choose(self, seen: _Seen, served: str, most: int) -> _Choice:
        """Return a held-back job if a try is due, or else up to `most` jobs that are next in the queue."""
        if seen.due:
            trying = seen.due.pop()
            job = self.table.next_held_back(trying.model, trying.served)
            return _Choice([job] if job else [], trying, is_final=False)
        view, kept = self._view(seen, served)
        self.table.hold_back(kept, self.ledger.now())
        taken = view.take(min(most, AT_ONCE))
        jobs = list({job.generation_id: job for job in taken}.values())  # a job may be in the queue twice
        is_all = not taken or (view.is_empty and len(jobs) == len(taken))
        return _Choice(jobs, None, is_final=is_all and not kept)

    def _grant_all(self, choice: _Choice, free: list[int], seen: _Seen) -> list[Waiting]:
        """Grant slots to the chosen jobs and wake their workflows. Return the jobs that were granted one now."""
        # A job that continues after an operator resolved its submission may still have its slot.
        kept = {slot.holder: number for number, slot in seen.held.items()}
        numbers = iter(free)
        pairs = [(job, kept[job.generation_id] if job.generation_id in kept else next(numbers)) for job in choice.jobs]
        if len(pairs) > 1:
            with suppress(Refused):
                self.table.grant_all(pairs, self.ledger.now())
                for job, number in pairs:
                    seen.held[number] = Slot(number, job.generation_id, job.owner, self.ledger.now())
                self._wake_all(choice.jobs)
                return choice.jobs
        return [job for job, number in pairs if self._grant_to(job, choice.trying, number, seen)]

    def _wake_all(self, jobs: Sequence[Waiting]) -> None:
        with ThreadPoolExecutor(WOKEN_AT_ONCE) as pool:
            list(pool.map(self.wake, [job.generation_id for job in jobs]))

    def _grant_to(self, job: Waiting, trying: Shortage | None, number: int, seen: _Seen) -> bool:
        """Grant a slot to a job and wake its workflow. Return whether it was granted now."""
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

    def _view(self, seen: _Seen, served: str) -> tuple[View, list[Waiting]]:
        """Read the queue from the owner after the one who was `served` last, as far as the next choice needs it.

        Usually the first page contains an owner without a slot. Also return the jobs that were skipped because they are
        held back. If there are any, their owners may have more jobs behind them.
        """
        view, kept = View(slot.owner for slot in seen.held.values()), list[Waiting]()
        start = after_owner(served) if served else ""
        for page, has_more in self._pages(seen, start):
            for job in page:
                if (shortage := seen.shortages.get(job.model)) and shortage.holds_back(job):
                    kept.append(job)
                else:
                    view.add(job)
            if has_more:
                view.has_more_of(page[-1].owner)
            if view.is_enough and seen.queue is None:
                return view, kept
        view.is_whole = True
        seen.queue = None
        return view, kept

    def _pages(self, seen: _Seen, start: str) -> Iterator[tuple[list[Waiting], bool]]:
        """Yield the queue from the sort key `start` on and then what is before it, and whether a page's last owner may
        have more jobs."""
        if seen.queue is not None:
            yield sorted(seen.queue, key=lambda job: (job.sort_key <= start, job.sort_key)), False
            return
        after, has_wrapped = start, not start
        for _ in range(MOST_PAGES):
            page, has_more = self.table.waiting(after)
            if has_wrapped and start and page and page[-1].sort_key > start:
                page, has_more = [job for job in page if job.sort_key <= start], False
            yield page, has_more
            if has_more:
                after = after_owner(page[-1].owner)
            elif not has_wrapped:
                after, has_wrapped = "", True
            else:
                return
            if has_wrapped and start and after >= start:
                return

    def end(self, task_token: str) -> None:
        """Let the workflow of a generation that has ended continue. Submit then finds that it has ended."""
        self._answer(task_token)

    def _answer(self, task_token: str) -> None:
        errors = self.stepfunctions.exceptions
        try:
            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))
        except (errors.TaskDoesNotExist, errors.TaskTimedOut, errors.InvalidToken):
            return  # answered before, or its workflow has ended
