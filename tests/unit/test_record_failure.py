"""Test that the reason of a failed generation is recorded once, in words for its owner."""

import json
from typing import TYPE_CHECKING

import pytest

from core.generation import Failure, Status
from core.record_failure import fail, from_catch
from core.records.ledger import Ledger
from core.workflow import Run
from tests.support.generations import START, Clock, archived, claimed, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    ledger = Ledger(dynamodb, "generations", Clock())
    ledger.add(generation())
    return ledger


def test_an_error_of_ours_is_recorded_with_its_message() -> None:
    cause = json.dumps({"errorMessage": "The provider refused.", "errorType": "RequestRefused", "stackTrace": []})
    assert from_catch("RequestRefused", cause, "g1") == Failure("RequestRefused", "The provider refused.")


@pytest.mark.parametrize("error", ["KeyError", "Lambda.Unknown", "States.Timeout", "Sandbox.Timedout", ""])
def test_an_unexpected_error_is_an_internal_error_without_its_text(error: str) -> None:
    failure = from_catch(error, '{"errorMessage": "Bearer secret"}', "g1")
    assert failure.name == "InternalError"
    assert "g1" in failure.message
    assert "secret" not in failure.message


def test_the_first_end_stays(ledger: Ledger) -> None:
    for failure in (Failure("RequestRefused", "no"), Failure("WorkflowStopped", "stopped")):
        record = fail(Run("g1"), failure, ledger)
        assert record is not None
        assert (record.status, record.error) == (Status.ERROR, Failure("RequestRefused", "no"))


def test_a_completed_generation_stays_completed(ledger: Ledger) -> None:
    claimed(ledger, Run("g1")).submitted("p1")
    ledger.provider_finished(Run("g1"), {"url": "https://x"}, 1)
    ledger.complete(Run("g1"), archived("g1"), START)
    record = fail(Run("g1"), Failure("InternalError", "late"), ledger)
    assert record is not None
    assert (record.status, record.error) == (Status.COMPLETED, None)


def test_a_crash_while_sending_is_an_unknown_submission(ledger: Ledger) -> None:
    claimed(ledger, Run("g1"))
    record = fail(Run("g1"), Failure("InternalError", "Lambda.Unknown"), ledger)
    assert record is not None
    assert record.error is not None
    assert record.error.name == "SubmissionUnknown"


def test_an_execution_without_a_record_is_ignored(ledger: Ledger) -> None:
    assert fail(Run("nobody"), Failure("RequestRefused", "no"), ledger) is None
