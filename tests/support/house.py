"""Slots at a provider, with everything around them that can be told what to do."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from core.archive.objects import Objects
from core.generation import Failure, Generation, Given
from core.record_failure import close
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.slots.table import SlotsTable
from core.sweep import Sweep
from core.workflow import Run
from tests.support.generations import Clock, archived, claimed, generation
from tests.support.stepfunctions import StepFunctions, Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONGEST = timedelta(minutes=30)


class Announcer:
    """Marks as announced, and remembers what."""

    def __init__(self) -> None:
        self.announced: list[str] = []

    def announce(self, generation_id: str, ledger: Ledger, first: Callable[[Generation], None]) -> None:
        found = ledger.get(generation_id)
        if found.status.ended and not found.announced_at:
            first(found)
            self.announced.append(generation_id)
            ledger.announced(found)


class ProviderJobs:
    """What the provider says of its jobs, which have the ids of their generations; it works on those in `working`."""

    def __init__(self) -> None:
        self.working: set[str] = set()

    def fetch(self, provider_id: str) -> Any:
        return type("Answer", (), {"outcome": "pending" if provider_id in self.working else "completed"})


class House:
    """Tables, a clock and the admission, with jobs that are named after their owner: `ann1`."""

    def __init__(self, dynamodb: "DynamoDBClient", limit: int = 2) -> None:
        self.clock = Clock()
        self.stepfunctions, self.executions, self.announcer = StepFunctions(), Workflow(), Announcer()
        self.provider = ProviderJobs()
        self.ledger = Ledger(dynamodb, "generations", self.clock)
        self.table = SlotsTable(dynamodb, "slots", "generations")
        self.limit_to(limit)

    def limit_to(self, limit: int) -> None:
        """As a deployment with another limit would."""
        self.limit = limit
        self.admission = Admission(self.table, self.ledger, cast("Any", self.stepfunctions), limit)

    def arrive(self, *names: str, takes: Sequence[str] = ()) -> None:
        """Jobs, which take the videos of others."""
        for name in names:
            self.accept(name, takes)
            self.admission.admit(Run(name), name)

    def accept(self, name: str, takes: Sequence[str] = ()) -> None:
        self.clock.forward(0.001)
        given = [Given(f"generation:{source}", source) for source in takes] or None
        self.ledger.add(
            generation(name, owner=name[:3], created_at=self.clock.time, updated_at=self.clock.time, given=given)
        )
        self.executions.start(Run(name))

    def submit(self, name: str) -> None:
        """The provider has it, and works."""
        run = self.ledger.get(name).run
        self.provider.working.add(name)
        claimed(self.ledger, run).submitted(name)

    def generated(self, name: str) -> None:
        """The provider has made it."""
        self.provider.working.discard(name)
        self.ledger.provider_finished(self.ledger.get(name).run, {"url": "x"}, 1)
        self.admission.release(name)

    def complete(self, name: str) -> None:
        """Its video is archived, and its end announced."""
        self.ledger.complete(self.ledger.get(name).run, archived(name), self.clock.time)
        self.close(name)

    def make(self, name: str) -> None:
        """All that is done with one that has its slot."""
        self.submit(name)
        self.generated(name)
        self.complete(name)

    def end(self, *names: str) -> None:
        """The provider has failed at it, or it was never sent, and that is recorded."""
        for name in names:
            self.provider.working.discard(name)
            self.ledger.fail(self.ledger.get(name).run, Failure("GenerationFailed", "no"))
            self.close(name)

    def close(self, name: str) -> None:
        close(self.ledger.get(name), self.ledger, self.admission, cast("Any", self.announcer))

    def sweep(self, seconds: float = 61) -> None:
        """A sweep some time later."""
        self.clock.forward(seconds)
        self.sweeper().run(until=self.clock.time)

    def sweeper(self, objects: Objects | None = None) -> Sweep:
        return Sweep(
            self.ledger,
            self.admission,
            cast("Any", self.executions),
            cast("Any", self.announcer),
            cast("Any", self.provider),
            cast("Any", objects),
            LONGEST,
            lambda *_: None,
        )

    @property
    def admitted(self) -> list[str]:
        return list(self.stepfunctions.answered)

    @property
    def holders(self) -> list[str]:
        return [slot.holder for slot in self.table.held()]

    def record(self, name: str) -> Generation:
        return self.ledger.get(name)
