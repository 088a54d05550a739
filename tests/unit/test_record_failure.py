"""Why a generation failed is recorded in words for its owner, once, and announced."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.ledger import Ledger
from core.record_failure import Failure, from_catch, record_failure
from tests.unit.generations import Clock, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Announcer:
    def __init__(self) -> None:
        self.announced: list[dict[str, str] | None] = []

    def announce(self, generation: Any, ledger: Ledger) -> None:
        if generation.status.ended and not generation.announced_at:
            self.announced.append(generation.error)
            ledger.announced(generation.generation_id)


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    ledger = Ledger(dynamodb, "generations", Clock())
    ledger.add(generation())
    return ledger


def test_an_error_of_ours_is_recorded_with_its_message() -> None:
    cause = json.dumps({"errorMessage": "The provider refused.", "errorType": "RequestRefused", "stackTrace": []})
    assert from_catch("RequestRefused", cause, "g1") == Failure("RequestRefused", "The provider refused.")


@pytest.mark.parametrize("error", ["KeyError", "Lambda.Unknown", "States.Timeout", "Sandbox.Timedout", ""])
def test_anything_unforeseen_is_an_internal_error_that_shows_nothing_of_its_text(error: str) -> None:
    failure = from_catch(error, '{"errorMessage": "Bearer secret"}', "g1")
    assert failure.name == "InternalError"
    assert "g1" in failure.message
    assert "secret" not in failure.message


def test_the_first_end_stays_and_is_announced_once(ledger: Ledger) -> None:
    announcer: Any = Announcer()
    first, second = Failure("RequestRefused", "no"), Failure("WorkflowStopped", "stopped")
    assert record_failure("g1", first, ledger, announcer) == (first, True)
    assert record_failure("g1", second, ledger, announcer) == (first, False)
    assert announcer.announced == [{"name": "RequestRefused", "message": "no"}]


def test_a_crash_while_sending_is_an_unknown_submission(ledger: Ledger) -> None:
    ledger.begin_submission("g1")
    announcer: Any = Announcer()
    failure, _ = record_failure("g1", Failure("InternalError", "Lambda.Unknown"), ledger, announcer)
    assert failure.name == "SubmissionUnknown"


def test_an_execution_without_a_record_is_nobodys(ledger: Ledger) -> None:
    announcer: Any = Announcer()
    assert record_failure("nobody", Failure("RequestRefused", "no"), ledger, announcer)[1] is False
    assert announcer.announced == []
