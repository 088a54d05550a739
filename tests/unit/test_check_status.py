"""Test checks, with one poll or with several in the same invocation."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from core.check_status import Checked, CheckStatus
from core.errors import GenerationEnded, GenerationFailed, GenerationTimedOut, ProviderUnavailable
from core.generation import Status
from core.learned.records import Learned
from core.provider.client import ProviderGeneration
from core.provider.waiting import Poll, Schedule
from core.records.ledger import Ledger
from core.workflow import Run
from tests.support.generations import Clock, claimed, failed, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RUN = Run("g1")
SUBMITTED = Poll(0, 30)


class House:
    """A generation that was just submitted and takes `takes` seconds at the provider."""

    def __init__(self, dynamodb: "DynamoDBClient", stay: int = 100, slot: int | None = None) -> None:
        self.clock, self.takes, self.polled_at = Clock(), 45.0, list[float]()
        self.released, self.slot = 0, slot
        self.limit, self.slots_in_use = 20, cast("int | None", None)
        self.ledger = Ledger(dynamodb, "generations", self.clock)
        self.learned = Learned(dynamodb, "slots")
        self.before_poll: Callable[[float], None] = lambda _: None
        schedule = Schedule(first=30, every=2.5, stay=stay, deadline=1800, slow=900, give_up=86400, polls_per_second=50)
        self.step = CheckStatus(
            self.ledger, cast("Any", self), schedule, self.learned, cast("Any", self), self.clock.forward
        )
        self.ledger.add(generation(slot=slot))
        self.start = self.clock.time
        claimed(self.ledger, RUN).submitted("p1")

    @property
    def age(self) -> float:
        return (self.clock.time - self.start).total_seconds()

    def fetch(self, provider_id: str) -> ProviderGeneration:
        assert provider_id == "p1"
        self.polled_at.append(self.age)
        self.before_poll(self.age)
        if self.age < self.takes:
            return ProviderGeneration("pending", "generating", None, "", None)
        return ProviderGeneration("completed", "completed", {"url": "https://cdn.example/v"}, "", 1)

    def release(self, generation_id: str, *, number: int | None) -> None:
        """Replace the admission's method that frees a slot."""
        assert (generation_id, number) == ("g1", self.slot)
        self.released += 1

    @property
    def table(self) -> "House":
        """Replace the table of slots."""
        return self

    def in_use(self) -> int:
        """Replace the number of slots in use."""
        assert self.slots_in_use is not None, "it costs a read"
        return self.slots_in_use

    def check(self, after: float, before: Poll = SUBMITTED) -> Checked:
        self.clock.forward(after)
        return self.step.check(RUN, before)

    @property
    def known(self) -> tuple[float, ...]:
        return self.learned.times_of({"model": "veo2"}, "ann").seconds


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    return House(dynamodb)


@pytest.fixture
def crowded(dynamodb: "DynamoDBClient") -> House:
    """A job in one of 500 slots. Its turn is every 10 seconds, first at the age of 0."""
    house = House(dynamodb, slot=0)
    house.limit = house.slots_in_use = 500
    return house


def test_a_check_polls_until_the_end_and_notes_the_time(house: House) -> None:
    assert house.check(30) == Checked(Status.ARCHIVING)
    assert house.polled_at == [30, 32.5, 35, 37.5, 40, 42.5, 45]
    assert house.ledger.get("g1").status is Status.ARCHIVING
    assert house.known == (43.75,), "between the last two polls"
    assert house.released == 1, "its slot is free from then on"


def test_a_long_check_returns_and_the_next_one_continues_its_measurement(house: House) -> None:
    house.takes = 131
    left = house.check(30)
    assert (left.status, house.age) == (Status.GENERATING, 130)
    assert (left.wait_seconds, left.pending_seconds) == (2, 130)
    assert house.check(left.wait_seconds, Poll(left.pending_seconds, left.wait_seconds)).status is Status.ARCHIVING
    assert house.known == (131,)


def test_a_stage_can_limit_checks_to_one_poll(dynamodb: "DynamoDBClient") -> None:
    house = House(dynamodb, stay=0)
    assert house.check(30) == Checked(Status.GENERATING, 2, 30)
    assert house.polled_at == [30]


def test_a_repeated_invocation_finds_the_end_and_learns_nothing_twice(house: House) -> None:
    house.check(30)
    before = house.known
    house.clock.forward(100)
    assert house.check(0) == Checked(Status.ARCHIVING)
    assert (house.known, len(house.polled_at)) == (before, 7)


@pytest.mark.parametrize("what", ["cancelled", "deleted", "rescued"])
def test_a_running_check_notices_the_end_of_its_generation(house: House, what: str) -> None:
    def happen(age: float) -> None:
        if age != 40:
            return
        failed(house.ledger, RUN, "Cancelled")
        if what == "deleted":
            house.ledger.delete(house.ledger.get("g1"))
        if what == "rescued":
            house.ledger.reopen(house.ledger.get("g1"), "p1")

    house.before_poll = happen
    with pytest.raises(GenerationEnded):
        house.check(30)
    assert house.polled_at[-1] == 40, "it does not poll again"
    assert house.known == ()


def test_an_unavailable_provider_ends_the_check_immediately(house: House) -> None:
    def down(age: float) -> None:
        if age >= 35:
            raise ProviderUnavailable("down")

    house.before_poll = down
    with pytest.raises(ProviderUnavailable):
        house.check(30)
    assert house.age == 35
    with pytest.raises(GenerationTimedOut):
        house.check(2 * 86400)


def test_a_job_that_ended_during_an_outage_does_not_count_as_slow(house: House) -> None:
    assert house.check(600).status is Status.ARCHIVING
    assert house.known == ()


def test_nothing_is_learned_from_a_rescued_job(house: House) -> None:
    failed(house.ledger, RUN, "VideoInvalid")
    house.ledger.reopen(house.ledger.get("g1"), "p1")
    house.clock.forward(30)
    assert house.step.check(Run("g1", 1), SUBMITTED) == Checked(Status.ARCHIVING)
    assert house.known == ()


def test_nothing_is_learned_from_a_job_that_exceeds_its_deadline(house: House) -> None:
    assert house.check(2000, Poll(1990, 10)) == Checked(Status.ARCHIVING)
    assert house.known == ()


def test_nothing_is_learned_from_a_failed_job(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "fetch", lambda _: ProviderGeneration("error", "error", None, "Nsfw", None))
    with pytest.raises(GenerationFailed, match="Nsfw"):
        house.check(30)
    assert house.known == ()


def test_an_unsubmitted_job_returns_to_submit(dynamodb: "DynamoDBClient") -> None:
    house = House(dynamodb)
    house.ledger.add(generation("g2"))
    assert house.step.check(Run("g2"), SUBMITTED) == Checked(Status.QUEUED)
    assert house.polled_at == []


def test_a_job_completes_although_its_time_cannot_be_noted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.learned, "_name", "no-such-table")
    assert house.check(30) == Checked(Status.ARCHIVING)


def test_with_many_slots_in_use_each_job_polls_in_its_turn(crowded: House) -> None:
    crowded.check(27)
    assert crowded.polled_at == pytest.approx([30, 40, 50], abs=1e-3)


def test_turns_follow_the_number_of_slots_in_use(crowded: House) -> None:
    def few_are_left(_: float) -> None:
        crowded.slots_in_use = 3

    crowded.before_poll = few_are_left
    crowded.takes = 60
    crowded.check(30)
    pauses = [later - earlier for earlier, later in zip(crowded.polled_at, crowded.polled_at[1:], strict=False)]
    assert set(pauses) == {2.5}


def test_a_function_that_starts_late_does_not_wait_for_the_next_turn(crowded: House) -> None:
    crowded.check(31.9, Poll(20, 10))
    assert crowded.polled_at == pytest.approx([31.9, 40, 50], abs=1e-3)


def test_a_check_after_an_outage_waits_for_its_turn(crowded: House) -> None:
    crowded.check(42, Poll(20, 10))
    assert crowded.polled_at == pytest.approx([50], abs=1e-3)


def test_the_wait_for_a_turn_is_no_outage(crowded: House) -> None:
    """So the time of a job that ends before its first turn is known."""
    crowded.takes, crowded.slots_in_use = 30, 1000
    assert crowded.check(25, Poll(0, 25)).status is Status.ARCHIVING
    assert crowded.polled_at == [40]
    assert crowded.known == (32,)


def test_a_stage_that_limits_checks_to_one_poll_does_not_wait_for_a_turn(dynamodb: "DynamoDBClient") -> None:
    house = House(dynamodb, stay=0, slot=0)
    house.limit = house.slots_in_use = 500
    assert house.check(23) == Checked(Status.GENERATING, 7, 23)
    assert house.polled_at == [23]


def test_jobs_without_a_slot_do_not_all_wait_for_the_same_moment(house: House) -> None:
    house.limit = 500
    house.check(33)
    assert house.polled_at[0] == 33


def test_a_job_does_not_wait_long_for_its_turn_before_its_first_poll(crowded: House) -> None:
    """Its function would time out."""
    crowded.limit = crowded.slots_in_use = 50_000
    assert crowded.check(30).status is Status.GENERATING
    assert crowded.polled_at == [30]
