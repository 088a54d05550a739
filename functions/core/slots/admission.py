"""Who is next: the owner who holds the fewest slots; among equals the next one after who was served last, all around.

That is decided when a slot is given out, from what each owner holds and has waiting at that moment. An owner with a
thousand jobs has no thousandth turn to wait for, one who was served for long has no debt, and one who comes late, where
many wait for few slots, waits for one round and not for all that came before. Of one owner the first to come is first.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from core.errors import InputUnavailable, NotFound
from core.generation import Failure, Generation, Given, Status
from core.inputs.links import source_of
from core.records.ledger import Ledger
from core.slots.table import Refused, Slot, SlotsTable, Waiting, after_owner
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

TURN = timedelta(seconds=10)  # after which who gives slots out is taken for dead
MOST_LOOKS = 40  # pages of the queue that are looked at for the next one; an owner takes one at most


@dataclass(frozen=True)
class Admission:
    """Lets generations to the provider, `limit` at once."""

    table: SlotsTable
    ledger: Ledger
    stepfunctions: "SFNClient"
    limit: int
    keep: Callable[[Generation], None] = lambda _: None  # the files that it names, where its workflow begins

    def admit(self, run: Run, task_token: str) -> None:
        """Let the workflow that waits with `task_token` go on when its generation has a slot: perhaps at once.

        Invoking it again changes nothing but the token. Before it waits for a slot, it waits for the generations whose
        videos it takes. Raises `GenerationEnded` for a run that has nothing left to do, `InputUnavailable` for one that
        cannot be made.
        """
        # Before it can be let in, whoever does that: only who answers the token lets it go on.
        self.keep(self.ledger.get_for(run))
        self.ledger.wait_with(run, task_token)
        generation = self.ledger.get_for(run)
        if not generation.waits_for_slot:
            self._answer(task_token)
        elif self._has_inputs(generation):
            self.table.wait(Waiting.of(generation))
            self.give_out()

    def resume(self, generation: Generation) -> None:
        """Look again at one that waits for others to end: it waits for its slot, still for another, or it has failed.

        Whoever calls this gives slots out.
        """
        if not generation.waits_for_slot or not generation.given:
            return
        try:
            if self._has_inputs(generation):
                self.table.wait(Waiting.of(generation))
        except InputUnavailable as error:
            self.ledger.fail(generation.run, Failure(type(error).__name__, str(error)), unless_sent=True)
            self.wake(generation.generation_id)  # its workflow finds that it has ended

    def has_ended(self, generation: Generation) -> None:
        """Let those go on that wait for this one, which was read after it had ended; again, if need be."""
        if not generation.is_awaited:
            return
        for waiting_id, execution in self.table.awaiting(generation.generation_id):
            with suppress(NotFound):
                self.resume(self.ledger.get(waiting_id))
            # Not if this one was rescued meanwhile, and is waited for again.
            self.table.stop_awaiting(generation.generation_id, waiting_id, execution)
        self.give_out()

    def _has_inputs(self, generation: Generation) -> bool:
        """Whether the videos that it takes are there; if not, it waits for one of them. `InputUnavailable`."""
        return all(self._is_there(generation, given) for given in generation.given or () if given.generation_id)

    def _is_there(self, generation: Generation, given: Given) -> bool:
        """Whether the other one has a video; if it has not ended, this one waits for its end."""
        while (source := source_of(given, generation.owner, self.ledger)).status is not Status.COMPLETED:
            self.table.await_end(source.run, generation.generation_id)
            if self.ledger.await_end(source.generation_id):
                return False
            # It has ended just now.
            self.table.stop_awaiting(source.generation_id, generation.generation_id, source.run.execution)
        return True

    def leave(self, generation: Generation) -> None:
        """The generation has ended: it waits no longer, and its slot is free if the provider does not work on it."""
        self.table.leave(Waiting.of(generation))
        if not generation.at_provider:
            self.release(generation.generation_id)

    def release(self, generation_id: str) -> None:
        """The provider's work on it is over: give its slot back, and let the next one in."""
        for slot in self.table.held():
            if slot.holder == generation_id:
                self.table.release(slot)
        self.give_out()

    def wake(self, generation_id: str) -> None:
        """Tell the generation's workflow that it may go on; telling it again does no harm."""
        token = self.ledger.task_token(generation_id)
        if token is not None:
            self._answer(token)

    def give_out(self) -> None:
        """Give out slots until none is free or nobody waits.

        One at a time does it, so that they are not in each other's way; who comes meanwhile makes that one look again.
        Nothing but speed depends on it: two that do it at once, or one that dies, can do no wrong.
        """
        if not self._may_give_out():
            return
        who = uuid4().hex
        served: str | None = None
        while (served := self._take_turn(who, served)) is not None:
            try:
                served = self._give_out(who, served)
            finally:
                is_over = self.table.end_turn(who, served)
            if is_over:
                return

    def _may_give_out(self) -> bool:
        """Whether somebody waits and a slot is free: a look, which costs a tenth of a turn.

        Who comes or goes has written so before this look, and reads what all the others have: of two who do at once,
        the later one sees both.
        """
        waiting, _ = self.table.waiting()
        return bool(waiting) and len({slot.number for slot in self.table.held()} & {*range(self.limit)}) < self.limit

    def _take_turn(self, who: str, served: str | None) -> str | None:
        return self.table.take_turn(who, self.ledger.now(), self.ledger.now() + TURN, served)

    def _give_out(self, who: str, served: str) -> str:
        """Give slots out in the turn of `who`, after the owner that was `served` last; who that is then."""
        held = {slot.number: slot for slot in self.table.held()}
        renew_at = self.ledger.now() + TURN / 2
        while True:
            if self.ledger.now() > renew_at:
                if self._take_turn(who, served) is None:
                    return served
                held = {slot.number: slot for slot in self.table.held()}
                renew_at = self.ledger.now() + TURN / 2
            free = [number for number in range(self.limit) if number not in held]
            over = [slot for number, slot in held.items() if number >= self.limit]
            if over:  # the limit is lower than it was: until they are within it, nobody else is let in
                if not free:
                    return served
                self._move(over[0], free[0])
                held = {slot.number: slot for slot in self.table.held()}
                continue
            if not free or (waiting := self._next(held.values(), served)) is None:
                return served
            # One that goes on after an operator resolved its submission may still have its slot.
            number = next((slot.number for slot in held.values() if slot.holder == waiting.generation_id), free[0])
            try:
                self.table.grant(waiting, number, self.ledger.now())
            except Refused as refused:
                if refused.is_settled:
                    self.table.leave(waiting)
                held = {slot.number: slot for slot in self.table.held()}
                if not refused.is_settled:
                    continue
            else:
                held[number] = Slot(number, waiting.generation_id, waiting.owner, self.ledger.now())
                served = waiting.owner
            self.wake(waiting.generation_id)

    def _move(self, slot: Slot, number: int) -> None:
        try:
            self.table.move(slot, number)
        except Refused:
            return  # given back, or taken, meanwhile

    def _next(self, held: Collection[Slot], served: str) -> Waiting | None:
        """The first of each owner is looked at, beginning behind the owner who was served last, all around.

        Most often the first look finds somebody who holds nothing, and nobody can hold less.
        """
        slots = Counter(slot.owner for slot in held)
        start = after = after_owner(served) if served else ""
        has_wrapped = not start
        heads: dict[str, Waiting] = {}
        for _ in range(MOST_LOOKS):
            page, has_more = self.table.waiting(after)
            for waiting in page:
                if not slots[waiting.owner]:
                    return waiting
                heads.setdefault(waiting.owner, waiting)
            if has_more:
                after = after_owner(page[-1].owner)
            elif not has_wrapped:
                after, has_wrapped = "", True
            else:
                break
            if has_wrapped and start and after >= start:
                break
        return min(heads.values(), key=lambda head: slots[head.owner], default=None)

    def _answer(self, task_token: str) -> None:
        errors = self.stepfunctions.exceptions
        try:
            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))
        except (errors.TaskDoesNotExist, errors.TaskTimedOut, errors.InvalidToken):
            return  # answered before, or its workflow has ended
