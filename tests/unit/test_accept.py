"""Test that a request has one record and one execution, however often it arrives."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from core.errors import IdempotencyConflict, InvalidRequest
from core.generation import Failure, Source, Status, generation_id_for
from core.intake.accept import Envelope, Intake
from core.models import offered
from core.records.ledger import Ledger
from core.workflow import Run
from tests.support.generations import Clock
from tests.support.money import accounts
from tests.support.stepfunctions import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUEST = {"model": "veo2", "prompt": "a boat", "seed": 7}


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    return Ledger(dynamodb, "generations", Clock())


def take(ledger: Ledger, workflow: Any, key: str | None, request: object = REQUEST, owner: str = "ann") -> str:
    generation_id = generation_id_for(owner, "api", key)
    no_inputs: Any = None  # no request here names a file
    source = Source("api", "r1")
    money = accounts(cast("Any", ledger.table)._dynamodb, ledger.now)
    intake = Intake(offered(), ledger, no_inputs, money, workflow)
    return intake.accept(request, Envelope(generation_id, owner, source)).generation_id


def test_without_a_key_each_request_is_a_new_generation(ledger: Ledger) -> None:
    workflow = Workflow()
    assert take(ledger, workflow, None) != take(ledger, workflow, None)
    assert len(workflow.started) == 2


def test_a_repetition_with_a_key_finds_the_same_generation(ledger: Ledger) -> None:
    workflow = Workflow()
    first = take(ledger, workflow, "k")
    assert take(ledger, workflow, "k", dict(reversed(REQUEST.items()))) == first
    assert set(workflow.started) == {first}, "started again in case the first call died"


def test_a_generation_that_has_ended_is_returned_and_not_started_again(ledger: Ledger) -> None:
    first = take(ledger, Workflow(), "k")
    ledger.fail(Run(first), Failure("GenerationFailed", "no"))
    workflow = Workflow()
    assert take(ledger, workflow, "k") == first
    assert workflow.started == []
    assert ledger.get(first).status is Status.ERROR


def test_reusing_a_key_for_another_request_is_a_conflict(ledger: Ledger) -> None:
    take(ledger, Workflow(), "k")
    with pytest.raises(IdempotencyConflict, match="use a new key"):
        take(ledger, Workflow(), "k", {**REQUEST, "prompt": "another"})


def test_the_same_key_of_another_owner_is_another_generation(ledger: Ledger) -> None:
    assert take(ledger, Workflow(), "k") != take(ledger, Workflow(), "k", owner="bob")


def test_owner_and_key_cannot_be_mixed_up() -> None:
    assert generation_id_for("a", "b", "c") != generation_id_for("a:b", "", "c")


def test_a_bad_request_leaves_nothing_behind(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    workflow = Workflow()
    with pytest.raises(InvalidRequest):
        take(ledger, workflow, "k", {"model": "veo2"})
    assert dynamodb.scan(TableName="generations")["Count"] == 0
    assert workflow.started == []
