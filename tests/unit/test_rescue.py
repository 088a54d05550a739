"""Test that a failed generation continues with the provider's job and is never submitted twice."""

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import GenerationEnded, NotRescuable
from core.generation import Failure, Generation, Status, Submission
from core.records.claim import Claim
from core.records.ledger import LONGEST_FUNCTION, Ledger
from core.rescue import rescue, resolve
from core.workflow import Run
from tests.support.generations import START, Clock, archived, claimed, failed, generation
from tests.support.stepfunctions import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    ledger = Ledger(dynamodb, "generations", Clock())
    ledger.add(generation())
    return ledger


def run(ledger: Ledger) -> tuple[Generation, list[str]]:
    workflow: Any = Workflow()
    return rescue("g1", ledger, workflow), workflow.started


def told(ledger: Ledger, provider_id: str | None) -> tuple[Generation, list[str]]:
    """Resolve the submission as an operator."""
    workflow: Any = Workflow()
    return resolve("g1", ledger, workflow, provider_id), workflow.started


def test_an_accepted_job_is_checked_and_not_sent_again(ledger: Ledger) -> None:
    claimed(ledger, Run("g1")).submitted("p1")
    failed(ledger, Run("g1"), "VideoForbidden")
    record, started = run(ledger)
    assert (record.status, record.submission, record.provider_id) == (Status.GENERATING, Submission.SUBMITTED, "p1")
    assert (record.error, record.ended_at, record.announced_at) == (None, None, None)
    assert started == ["g1-1"]


def test_a_request_that_was_certainly_not_accepted_is_sent(ledger: Ledger) -> None:
    failed(ledger, Run("g1"), "ProviderOutOfCredits")
    record, started = run(ledger)
    assert (record.status, record.submission, started) == (Status.QUEUED, None, ["g1-1"])


def test_an_unknown_submission_continues_with_the_operators_id(ledger: Ledger) -> None:
    claimed(ledger, Run("g1"))
    failed(ledger, Run("g1"), "SubmissionUnknown")
    with pytest.raises(NotRescuable, match="client_request_id"):
        run(ledger)
    record, started = told(ledger, "p7")
    assert (record.status, record.submission, record.provider_id) == (Status.GENERATING, Submission.SUBMITTED, "p7")
    assert started == ["g1-1"]


def test_an_unknown_submission_is_repeated_only_if_an_operator_rules_out_acceptance(
    ledger: Ledger,
) -> None:
    claimed(ledger, Run("g1"))
    failed(ledger, Run("g1"), "SubmissionUnknown")
    record, started = told(ledger, None)
    assert (record.status, record.submission, started) == (Status.QUEUED, None, ["g1-1"])
    assert Claim.begin(ledger, record.run)


@pytest.mark.parametrize("provider_id", ["p7", None])
def test_a_submission_that_is_still_searched_is_resolved_in_its_run(ledger: Ledger, provider_id: str | None) -> None:
    claimed(ledger, Run("g1"))
    if provider_id is None:
        with pytest.raises(NotRescuable, match="may still be being sent"):
            told(ledger, None)
        ledger.now = lambda: START + LONGEST_FUNCTION
    record, started = told(ledger, provider_id)
    assert (record.provider_id, record.submission) == (provider_id, Submission.SUBMITTED if provider_id else None)
    assert started == []
    with pytest.raises(NotRescuable, match="already known"):
        told(ledger, "p8")


def test_an_earlier_run_cannot_change_the_rescued_one(ledger: Ledger) -> None:
    failed(ledger, Run("g1"), "ProviderOutOfCredits")
    ended = ledger.get("g1")
    record, _ = run(ledger)
    assert not ledger.fail(Run("g1"), Failure("WorkflowStopped", "a late event"))
    ledger.announced(ended)
    assert ledger.get("g1") == record
    with pytest.raises(GenerationEnded):
        ledger.get_for(Run("g1"))


def test_each_rescue_is_a_separate_execution(ledger: Ledger) -> None:
    for number in (1, 2):
        failed(ledger, Run("g1", number - 1), "RequestRefused")
        assert run(ledger)[1] == [f"g1-{number}"]


def test_a_failure_that_is_not_announced_yet_is_not_rescued(ledger: Ledger) -> None:
    """Its hold is still open."""
    ledger.fail(Run("g1"), Failure("RequestRefused", "no"))
    with pytest.raises(NotRescuable, match="not announced yet"):
        run(ledger)
    assert not ledger.reopen(ledger.get("g1"), None)
    ledger.announced(ledger.get("g1"))
    assert run(ledger)[1] == ["g1-1"]


def test_a_rescue_that_crashed_before_its_workflow_started_is_finished(ledger: Ledger) -> None:
    failed(ledger, Run("g1"), "RequestRefused")
    ledger.reopen(ledger.get("g1"), None)
    assert run(ledger)[1] == ["g1-1"]


def test_a_job_that_the_provider_failed_is_polled_again_and_never_sent_again(ledger: Ledger) -> None:
    """The provider may have used a word that only looked like an end."""
    claimed(ledger, Run("g1")).submitted("p1")
    failed(ledger, Run("g1"), "GenerationFailed")
    record, started = run(ledger)
    assert (record.status, record.provider_id, started) == (Status.GENERATING, "p1", ["g1-1"])
    assert Claim.begin(ledger, record.run) is None


def test_a_job_that_failed_without_an_id_of_the_provider_is_not_rescued(ledger: Ledger) -> None:
    failed(ledger, Run("g1"), "GenerationFailed")
    with pytest.raises(NotRescuable, match="Create a new one"):
        run(ledger)


def test_a_completed_generation_is_not_rescued(ledger: Ledger) -> None:
    claimed(ledger, Run("g1")).submitted("p1")
    ledger.provider_finished(Run("g1"), {"url": "https://x"}, 1)
    ledger.complete(Run("g1"), archived("g1"), START)
    with pytest.raises(NotRescuable, match="needs no rescue"):
        run(ledger)


def test_an_attempt_that_names_its_replacement_is_not_continued(ledger: Ledger) -> None:
    """Otherwise a row of a batch could have two attempts that may be paid, even if the rescue has read it before."""
    claimed(ledger, Run("g1")).submitted("p1")
    failed(ledger, Run("g1"), "GenerationFailed")
    seen = ledger.get("g1")
    assert ledger.retried_as(seen, "g2")
    assert not ledger.reopen(seen, "p1")
    with pytest.raises(NotRescuable, match="Rescue g2"):
        run(ledger)
