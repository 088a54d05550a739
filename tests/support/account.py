"""A provider's account and a ledger, on a clock that a test can set to any time."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3

from core.generation import Failure, Generation, Source
from core.provider.client import Provider
from core.reconciliation.day import Reconciliation
from core.reconciliation.line import Kind, Line
from core.reconciliation.shelf import Shelf
from core.records.ledger import Ledger
from local.simulator.control import SimulatorControl
from tests.support.generations import claimed
from tests.support.simulator_client import KEY, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATE = timedelta(days=1)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Key:
    """A key that is never renewed."""

    def get(self) -> str:
        return KEY

    def renew(self) -> bool:
        return False


class World:
    """`clock` is everybody's."""

    def __init__(self, dynamodb: "DynamoDBClient", simulator: SimulatorControl, clock: Clock) -> None:
        self.clock = clock
        self.simulator = simulator
        self.ledger = Ledger(dynamodb, "generations", self.now)
        self.provider = Provider(simulator.url, Key())
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now, UTC)

    def at(self, time: str) -> None:
        """Set the clock, for example to "2026-11-24 23:59"."""
        self.clock.now = datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds

    def sent(self, time: str, **script: Any) -> Generation:
        """Return a generation that the provider accepts at a time. By default it takes a minute."""
        self.at(time)
        generation_id = uuid4().hex
        self.simulator.script(generation_id, **{"seconds": 60, **script})
        request = {"model": "veo2", "prompt": generation_id}
        made = Generation(generation_id, "ann", request, Source("api", "r"), self.now(), self.now())
        self.ledger.add(made)
        claim = claimed(self.ledger, made.run)
        claim.submitted(self.provider.create(request, claim.client_request_id))
        return self.ledger.get(generation_id)

    def noticed(self, generation: Generation, after: float = 60) -> Generation:
        """Notice, this many seconds after the generation was sent, that the provider has finished it."""
        assert generation.submitted_at
        self.clock.now = generation.submitted_at.timestamp() + after
        found = self.provider.fetch(str(generation.provider_id))
        assert found.video
        self.ledger.provider_finished(generation.run, found.video, found.credits_used)
        return self.ledger.get(generation.generation_id)

    def made(self, time: str, **script: Any) -> str:
        """Return the id of a generation that was sent at a time and noticed immediately after it was done."""
        generation = self.sent(time, **script)
        return self.noticed(generation, script.get("seconds", 60)).generation_id

    def ended(self, generation: Generation, error: str = "Cancelled") -> Generation:
        """Record and announce the generation's failure."""
        self.ledger.fail(generation.run, Failure(error, "a reason"))
        return self.announced(generation)

    def announced(self, generation: Generation) -> Generation:
        ended = self.ledger.get(generation.generation_id)
        self.ledger.announced(ended)
        return self.ledger.get(generation.generation_id)

    def reconciliation(self, *, is_shared: bool = False) -> Reconciliation:
        shelf = Shelf(boto3.client("s3"), "videos")
        return Reconciliation(self.provider, self.ledger.table, shelf, LATE, is_shared, self.now, self.sleep)

    def judged(self, day: str, time: str, path: Path, *, is_shared: bool = False) -> list[Line]:
        """Return the findings of a day, judged at a time, after reading the day again."""
        self.at(time)
        path.mkdir(exist_ok=True)
        how = self.reconciliation(is_shared=is_shared)
        try:
            return list(how.judge(date.fromisoformat(day), path, NEVER, again=True).lines)
        finally:
            shutil.rmtree(path)

    def strays(self, day: str, path: Path) -> list[date]:
        """Return the other days that a day's charges belong to, judged now."""
        path.mkdir()
        judged = self.reconciliation().judge(date.fromisoformat(day), path, NEVER)
        assert list(judged.lines) == []
        shutil.rmtree(path)
        return [home for home, _ in judged.strays]


def kinds(lines: list[Line]) -> dict[str | None, Kind]:
    """Return the findings by generation, or by reference if the charge belongs to no generation."""
    found = {line.generation_id or line.provider_id: line.kind for line in lines}
    assert len(found) == len(lines), "each is told once"
    return found
