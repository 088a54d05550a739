"""A failed generation goes on from what the provider already has, and is never submitted twice."""

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import NotRescuable
from core.generation import Failure, Generation, Status, Submission
from core.records.ledger import Ledger
from core.rescue import rescue
from tests.unit.generations import Clock, archived, generation
from tests.unit.test_accept import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    ledger = Ledger(dynamodb, "generations", Clock())
    ledger.add(generation())
    return ledger


def run(ledger: Ledger, provider_id: str | None = None) -> tuple[Generation, list[str]]:
    workflow: Any = Workflow()
    return rescue("g1", ledger, workflow, provider_id), workflow.started


def test_what_the_provider_accepted_is_checked_and_not_sent_again(ledger: Ledger) -> None:
    ledger.submitted("g1", ledger.begin_submission("g1") or "", "p1")
    ledger.fail("g1", Failure("VideoForbidden", "no"))
    ledger.announced("g1")
    record, started = run(ledger)
    assert (record.status, record.submission, record.provider_id) == (Status.GENERATING, Submission.SUBMITTED, "p1")
    assert (record.error, record.ended_at, record.announced_at) == (None, None, None)
    assert started == ["g1-1"]


def test_what_was_certainly_not_accepted_is_sent(ledger: Ledger) -> None:
    ledger.fail("g1", Failure("ProviderOutOfCredits", "no"))
    record, started = run(ledger)
    assert (record.status, record.submission, started) == (Status.QUEUED, None, ["g1-1"])


def test_an_unknown_submission_needs_the_providers_id(ledger: Ledger) -> None:
    ledger.begin_submission("g1")
    ledger.fail("g1", Failure("SubmissionUnknown", "lost"))
    with pytest.raises(NotRescuable, match="client_request_id"):
        run(ledger)
    record, started = run(ledger, provider_id="p7")
    assert (record.status, record.submission, record.provider_id) == (Status.GENERATING, Submission.SUBMITTED, "p7")
    assert started == ["g1-1"]


def test_each_rescue_is_an_execution_of_its_own(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.fail("g1", Failure("RequestRefused", "no"))
        assert run(ledger)[1] == [f"g1-{number}"]


def test_a_rescue_that_died_before_it_started_the_workflow_is_finished(ledger: Ledger) -> None:
    ledger.fail("g1", Failure("RequestRefused", "no"))
    ledger.reopen(ledger.get("g1"), None)
    assert run(ledger)[1] == ["g1-1"]


def test_what_the_provider_itself_failed_at_is_not_rescued(ledger: Ledger) -> None:
    ledger.fail("g1", Failure("GenerationFailed", "no"))
    with pytest.raises(NotRescuable, match="create a new one"):
        run(ledger)


def test_what_is_completed_is_not_rescued(ledger: Ledger) -> None:
    ledger.submitted("g1", ledger.begin_submission("g1") or "", "p1")
    ledger.provider_finished("g1", {"url": "https://x"}, 1)
    ledger.complete("g1", archived("g1"))
    with pytest.raises(NotRescuable, match="nothing to rescue"):
        run(ledger)
