"""Slots at a provider, and fakes of everything around them."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from core.archive.objects import Objects
from core.generation import Failure, Generation, Given
from core.record_failure import close
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.slots.shortages import Patience, Shortages
from core.slots.table import SlotsTable
from core.sweep import Sweep
from core.workflow import Run
from tests.support.generations import Clock, archived, claimed, generation
from tests.support.stepfunctions import StepFunctions, Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONGEST = timedelta(minutes=30)


class Announcer:
    """An announcer that marks ends as announced and remembers them."""

    def __init__(self) -> None:
        self.announced: list[str] = []

    def announce(self, generation_id: str, ledger: Ledger, first: Callable[[Generation], None]) -> None:
        found = ledger.get(generation_id)
        if found.status.ended and not found.announced_at:
            first(found)
            self.announced.append(generation_id)
            ledger.announced(found)


class ProviderJobs:
    """The provider's status for its jobs, whose ids are those of their generations. Those in `working` are running."""

    def __init__(self) -> None:
        self.working: set[str] = set()

    def poll(self, provider_id: str) -> Any:
        return type("Answer", (), {"outcome": "pending" if provider_id in self.working else "completed"})


class House:
    """Tables, a clock and the admission, with jobs named after their owner: `ann1`."""

    def __init__(self, dynamodb: "DynamoDBClient", limit: int = 2) -> None:
        self.clock = Clock()
        self.stepfunctions, self.executions, self.announcer = StepFunctions(), Workflow(), Announcer()
        self.provider = ProviderJobs()
        self.ledger = Ledger(dynamodb, "generations", self.clock)
        self.table = SlotsTable(dynamodb, "slots", "generations")
        self.shortages = Shortages(dynamodb, "slots", self.clock, Patience())
        self.limit_to(limit)

    def limit_to(self, limit: int) -> None:
        """Change the limit, as a deployment would."""
        self.limit = limit
        self.admission = Admission(self.table, self.ledger, cast("Any", self.stepfunctions), limit, self.shortages)

    def arrive(self, *names: str, takes: Sequence[str] = ()) -> None:
        """Create jobs that take the videos of others."""
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
        """Record that the provider has accepted the job and is generating."""
        run = self.ledger.get(name).run
        self.provider.working.add(name)
        claimed(self.ledger, run).submitted(name)

    def generated(self, name: str) -> None:
        """Record that the provider has generated the video."""
        self.provider.working.discard(name)
        self.ledger.provider_finished(self.ledger.get(name).run, {"url": "x"}, 1)
        self.admission.release(name)

    def complete(self, name: str) -> None:
        """Archive the video and announce the end."""
        self.ledger.complete(self.ledger.get(name).run, archived(name), self.clock.time)
        self.close(name)

    def make(self, name: str) -> None:
        """Do everything for a job that has its slot."""
        self.submit(name)
        self.generated(name)
        self.complete(name)

    def end(self, *names: str) -> None:
        """Record that the provider failed, or that the job was never sent."""
        for name in names:
            self.provider.working.discard(name)
            self.ledger.fail(self.ledger.get(name).run, Failure("GenerationFailed", "no"))
            self.close(name)

    def close(self, name: str) -> None:
        close(self.ledger.get(name), self.ledger, self.admission, cast("Any", self.announcer))

    def sweep(self, seconds: float = 61) -> None:
        """Run a sweep after some time."""
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
