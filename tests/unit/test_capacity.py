"""Never more at the provider than allowed, in order of arrival, fairly between owners, and no place is ever lost."""

from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from core.errors import GenerationEnded
from core.generation import Failure
from core.records.capacity import Capacity
from core.records.ledger import Ledger
from tests.unit.generations import Clock, generation
from tests.unit.test_accept import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIMIT = 2


class StepFunctions:
    """Hears which workflows may go on: a token is answered once, and unknown after that."""

    exceptions = boto3.client("stepfunctions").exceptions

    def __init__(self) -> None:
        self.answered: list[str] = []

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - the SDK's names
        assert output == "{}"
        if taskToken in self.answered:
            raise self.exceptions.TaskDoesNotExist({"Error": {"Code": "TaskDoesNotExist"}}, "SendTaskSuccess")
        self.answered.append(taskToken)


class House:
    """A table, a clock and the capacity, with jobs that are named after their owner: `ann1`."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.clock = Clock()
        self.stepfunctions = StepFunctions()
        self.ledger = Ledger(dynamodb, "generations", self.clock)
        self.capacity = Capacity(dynamodb, "generations", cast("Any", self.stepfunctions), LIMIT, self.clock)
        self.dynamodb = dynamodb

    def arrive(self, *names: str) -> None:
        for name in names:
            self.clock.forward(0.001)
            self.ledger.add(generation(name, owner=name[:3], created_at=self.clock.time, updated_at=self.clock.time))
            self.capacity.admit(name, name)

    def end(self, *names: str) -> None:
        for name in names:
            self.ledger.fail(name, Failure("GenerationFailed", "no"))
            self.capacity.release(name)

    @property
    def admitted(self) -> list[str]:
        return list(self.stepfunctions.answered)

    @property
    def in_flight(self) -> int:
        item = self.dynamodb.get_item(TableName="generations", Key={"generation_id": {"S": "#capacity"}})["Item"]
        return int(item["in_flight"]["N"])


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    return House(dynamodb)


def test_no_more_than_the_limit_are_admitted_and_the_next_when_one_ends(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    assert (house.admitted, house.in_flight) == (["ann1", "ann2"], LIMIT)
    house.end("ann2")
    assert (house.admitted, house.in_flight) == (["ann1", "ann2", "ann3"], LIMIT)
    house.end("ann1", "ann3", "ann4")
    assert house.in_flight == 0


def test_an_owner_with_many_jobs_does_not_keep_another_waiting(house: House) -> None:
    house.arrive(*(f"ann{n}" for n in range(9)), "bob1", "bob2", "cyd1")
    while house.in_flight:
        house.end(next(name for name in house.admitted if house.ledger.get(name).place))
    assert house.admitted[:2] == ["ann0", "ann1"]
    assert house.admitted.index("bob1") < house.admitted.index("ann4")
    assert house.admitted.index("cyd1") < house.admitted.index("ann4")
    assert [name for name in house.admitted if name.startswith("ann")] == [f"ann{n}" for n in range(9)]
    assert len(house.admitted) == 12


def test_giving_back_twice_gives_back_once(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.end("ann1", "ann1")
    house.capacity.release("ann1")
    assert house.in_flight == LIMIT


def test_one_that_is_cancelled_while_it_waits_is_passed_over(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    house.ledger.fail("ann3", Failure("Cancelled", "by its owner"))
    house.end("ann1")
    assert house.ledger.get("ann4").place is not None
    assert "ann3" in house.admitted, "its workflow goes on, and finds that it has ended"
    assert house.in_flight == LIMIT


def test_admit_entered_again_keeps_its_turn_and_answers_the_new_token(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    house.capacity.admit("ann3", "ann3-again")
    house.end("ann1")
    assert house.admitted[-1] == "ann3-again"
    house.capacity.admit("ann3", "ann3-yet-again")
    assert house.admitted[-1] == "ann3-yet-again"
    assert house.in_flight == LIMIT


def test_what_has_ended_waits_for_nothing(house: House) -> None:
    house.ledger.add_failed(generation("ann1"), Failure("InvalidRequest", "no"))
    with pytest.raises(GenerationEnded):
        house.capacity.admit("ann1", "ann1")


def test_a_sweep_wakes_whom_a_dead_grantor_did_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(house.capacity, "_wake", lambda _: None)
        house.arrive("ann1")
    assert house.admitted == []
    house.capacity.sweep(Workflow())  # type: ignore[arg-type]  # it has what is used
    assert house.admitted == ["ann1"]


def test_a_sweep_starts_what_was_accepted_and_never_started(house: House) -> None:
    house.ledger.add(generation("ann1", owner="ann"))
    workflow: Any = Workflow()
    house.clock.forward(30)
    house.capacity.sweep(workflow)
    assert workflow.started == [], "its door may still be about to start it"
    house.clock.forward(31)
    house.capacity.sweep(workflow)
    assert workflow.started == ["ann1"]


def test_a_sweep_takes_back_a_place_whose_holder_ended_without_giving_it_back(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.ledger.fail("ann1", Failure("GenerationFailed", "no"))
    house.capacity.sweep(Workflow())  # type: ignore[arg-type]  # it has what is used
    assert house.ledger.get("ann3").place is not None
    assert house.in_flight == LIMIT
