"""A provider account with a balance, and the shipped workflow in front of it, on a simulated clock and in memory."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, cast

from bench.scale.dynamodb import DynamoDB
from bench.scale.slots import KEYS
from core.check_status import CheckStatus
from core.errors import GenerationEnded, ProviderOutOfCredits, SubmissionUnknown
from core.generation import Cost, Generation
from core.learned.times import Times
from core.provider.client import ProviderGeneration
from core.provider.waiting import Poll, Schedule, SubmitSchedule
from core.record_failure import RecordFailure, close, from_catch
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.slots.credits import Credits
from core.slots.shortages import Patience, Shortages
from core.slots.table import SlotsTable
from core.submit import Submit
from core.sweep import Sweep
from core.workflow import Run
from tests.support.generations import Clock, archived, generation
from tests.support.house import Announcer
from tests.support.machine import Died, Machine, Task

CHEAP, DEAR = 1, 5  # credits
VIDEO_SECONDS = 60
_SCHEDULE = SubmitSchedule(deadline=3600, timeout=90, first=30)
_CHECKS = Schedule(first=30, every=5, stay=0, deadline=1800, slow=900, give_up=86400)


class _NotWatching(Ledger):
    """A ledger without the index of the sweep's visits: no event is lost here."""

    def watched(self) -> Iterator[str]:
        return iter(())


class Account:
    """The provider. It rejects what the balance does not cover, and jobs of the seeds in `bad` always."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.key = self
        self.balance = 0
        self.costs: dict[int, int] = {}  # by seed
        self.bad: set[int] = set()
        self.calls: list[tuple[datetime, str, int, bool]] = []  # when, the model, the seed, and whether it was accepted
        self.before: Callable[[int], None] = lambda _: None  # called with the seed before each answer
        self._done_at: dict[str, datetime] = {}

    def get(self) -> str:
        return "key"

    def create(self, request: dict[str, Any], client_request_id: str) -> str:
        """Accept a request, or reject it for lack of credits."""
        seed = request["seed"]
        self.before(seed)
        is_accepted = seed not in self.bad and self.balance >= self.costs[seed]
        self.calls.append((self.clock.time, request["model"], seed, is_accepted))
        if not is_accepted:
            raise ProviderOutOfCredits("The provider account is out of credits (403).")
        self.balance -= self.costs[seed]
        self._done_at[client_request_id] = self.clock.time + timedelta(seconds=VIDEO_SECONDS)
        return client_request_id

    def fetch(self, provider_id: str) -> ProviderGeneration:
        """Return the status of a job, which takes a minute."""
        if self.clock.time < self._done_at[provider_id]:
            return ProviderGeneration("pending", "generating", None, "", None)
        return ProviderGeneration("completed", "completed", {"url": "https://cdn/v.mp4"}, "", None)

    def creates(self, seed: int | None = None) -> int:
        """Return the number of create calls, all or those of a job."""
        return sum(seed in (None, called) for _, _, called, _ in self.calls)


class _Nothing:
    """Stubs: nothing is learned, every budget has room, and no request has inputs."""

    def times_of(self, *_: object) -> Times:
        return Times()

    def note(self, *_: object) -> None:
        """Learn nothing."""

    def check(self, *_: object) -> None:
        """Every budget has room."""

    def request_of(self, generation: Generation) -> dict[str, Any]:
        return generation.request


class AccountWorld:
    """Jobs, their executions and the account. `limit` is the number of slots."""

    def __init__(self, limit: int = 2, patience: Patience | None = None) -> None:
        self.clock = Clock()
        self.dynamodb = DynamoDB(KEYS, {})
        self.account = Account(self.clock)
        self.ledger = _NotWatching(cast("Any", self.dynamodb), "generations", self.clock)
        self.machine = Machine(self.clock, {})
        anything, nothing = cast("Any", self.dynamodb), cast("Any", _Nothing())
        self.table = SlotsTable(anything, "slots", "generations")
        self.shortages = Shortages(anything, "slots", self.clock, patience or Patience())
        self.admission = Admission(self.table, self.ledger, cast("Any", self.machine), limit, self.shortages)
        self.announcer = Announcer()
        account = cast("Any", self.account)
        credits_ = Credits(self.admission)
        self.submit = Submit(self.ledger, account, nothing, _SCHEDULE, nothing, credits_, nothing)
        checks = CheckStatus(self.ledger, account, _CHECKS, nothing, self.admission)
        failures = RecordFailure(self.ledger, self.admission, cast("Any", self.announcer), lambda *_: None)
        self.machine.tasks = {
            "Admit": self._admit,
            "Submit": _or_ended(lambda run, _: {**vars(self.submit.submit(run)), "pending_seconds": 0}),
            "CheckStatus": _or_ended(
                lambda run, payload: vars(checks.check(run, Poll(payload["pending_seconds"], payload["wait_seconds"])))
            ),
            "LookUpSubmission": self._look_up,
            "Finalize": _or_ended(self._finalize),
            "RecordFailure": lambda payload: {
                **_id(payload),
                "error": asdict(
                    failures.record(_run(payload), from_catch(payload["error"]["Error"], payload["error"]["Cause"], ""))
                ),
            },
        }
        self.number = 0

    def _admit(self, payload: dict[str, Any]) -> None:
        try:
            self.admission.admit(_run(payload), payload["task_token"])
        except GenerationEnded:
            self.admission.end(payload["task_token"])

    def _look_up(self, _: dict[str, Any]) -> None:
        raise SubmissionUnknown("The log does not list the request.")

    def _finalize(self, run: Run, _: dict[str, Any]) -> dict[str, Any]:
        name = run.generation_id
        self.ledger.complete(run, archived(name), self.clock.time)
        close(self.ledger.get(name), self.ledger, self.admission, cast("Any", self.announcer))
        return {}

    def accept(self, *costs: int, owner: str = "ann", model: str = "veo2", is_bad: bool = False) -> list[str]:
        """Accept requests that cost so much, start their workflows, and return their ids."""
        return [self._accept(cost, owner, model, is_bad=is_bad) for cost in costs]

    def _accept(self, cost: int, owner: str, model: str, *, is_bad: bool) -> str:
        self.number += 1
        self.clock.forward(0.001)
        name, now = f"{owner}{self.number}", self.clock.time
        request = {"model": model, "prompt": "a boat", "seed": self.number}
        accepted = generation(name, owner=owner, request=request, created_at=now, updated_at=now)
        self.ledger.add(replace(accepted, cost=Cost(cost, cost, "price")))
        self.account.costs[self.number] = cost
        if is_bad:
            self.account.bad.add(self.number)
        self.machine.start(name)
        return name

    def run(self, minutes: float) -> None:
        """Run everything for some minutes, with a sweep at the end of each."""
        for _ in range(int(minutes)):
            self.machine.run(60)
            self.sweep()
        self.machine.run(60 * (minutes % 1))

    def sweep(self) -> None:
        """Run the sweep, which also runs when no event does."""
        sweep = Sweep(
            self.ledger,
            self.admission,
            cast("Any", None),
            cast("Any", self.announcer),
            cast("Any", self.account),
            cast("Any", None),
            timedelta(minutes=30),
            lambda *_: None,
        )
        with suppress(Died):
            sweep.run(until=self.clock.time)
        self.machine.run(0)

    def ends(self, names: list[str]) -> set[str]:
        """Return how these jobs ended: the names of their errors or `completed`, or `queued` and so on."""
        records = [self.ledger.get(name) for name in names]
        return {one.error.name if one.error else str(one.status) for one in records}

    def waited(self, names: list[str]) -> list[float]:
        """Return the seconds from the acceptance of these jobs to their submission."""
        records = [self.ledger.get(name) for name in names]
        return [(one.submitted_at - one.created_at).total_seconds() for one in records if one.submitted_at]

    @property
    def holders(self) -> list[str]:
        return [slot.holder for slot in self.table.held()]

    @property
    def held_back(self) -> list[str]:
        models = self.table.models_held_back()
        return [job.generation_id for model in models for job in self.table.held_back(model)]


def _or_ended(step: Callable[[Run, dict[str, Any]], dict[str, Any]]) -> Task:
    """Return a step as a function with a handler, which returns the status `ended` of a generation that has ended."""

    def invoked(payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return {**_id(payload), **step(_run(payload), payload)}
        except GenerationEnded:
            return {**_id(payload), "status": "ended", "wait_seconds": 0, "pending_seconds": 0}

    return invoked


def _run(payload: dict[str, Any]) -> Run:
    return Run.of_state(payload)


def _id(payload: dict[str, Any]) -> dict[str, Any]:
    return {"generation_id": payload["generation_id"]}
