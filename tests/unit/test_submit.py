"""Test that the provider accepts at most one create call, however often and concurrently Submit is invoked."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from core.errors import (
    BudgetExceeded,
    Conflict,
    GenerationEnded,
    GenerationError,
    ProviderKeyMissing,
    ProviderUnavailable,
    RequestRefused,
    SubmissionTimedOut,
    SubmissionUnknown,
)
from core.generation import Cost, Failure, Status, Submission, Tombstone
from core.inputs.links import Links
from core.learned.times import Times
from core.money.budgets import scope_of
from core.provider.client import Throttled
from core.provider.waiting import SubmitSchedule
from core.records.claim import Claim
from core.records.ledger import LONGEST_FUNCTION, Ledger
from core.slots.credits import Credits
from core.submit import Submit
from core.workflow import Run
from tests.support.generations import START, Clock, archived, claimed, failed, generation
from tests.support.house import House
from tests.support.money import USD, accounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEDULE = SubmitSchedule(deadline=3600, timeout=90, first=30)


class Provider:
    """A provider that answers each create call with the next of `outcomes`: an exception to raise, or an id."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[tuple[dict[str, Any], str]] = []
        self.key = self
        self.during: Callable[[], None] = lambda: None

    def get(self) -> str:
        return "key"

    def create(self, request: dict[str, Any], client_request_id: str) -> str:
        self.calls.append((request, client_request_id))
        self.during()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", clock: Clock) -> Ledger:
    ledger = Ledger(dynamodb, "generations", clock)
    ledger.add(generation())
    return ledger


class NoTimes:
    """Nothing is known."""

    def times_of(self, *_: object) -> Times:
        return Times()


def invoke(ledger: Ledger, provider: Any) -> int:
    """Run Submit and return the seconds until it must be invoked again, 0 if the request was accepted."""
    dynamodb = cast("Any", ledger.table)._dynamodb
    step = Submit(
        ledger=ledger,
        provider=provider,
        links=Links(ledger, "videos", lambda bucket, key: f"https://{bucket}/{key}"),
        schedule=SCHEDULE,
        learned=cast("Any", NoTimes()),
        credits=Credits(House(dynamodb).admission),
        budgets=accounts(dynamodb, ledger.now).budgets,
    )
    submitted = step.submit(Run("g1"))
    if submitted.status is Status.GENERATING:
        assert submitted.wait_seconds == SCHEDULE.first
        return 0
    return submitted.wait_seconds


def test_the_request_is_sent_once_and_a_second_invocation_returns_what_the_first_got(ledger: Ledger) -> None:
    provider = Provider("p1")
    assert [invoke(ledger, provider), invoke(ledger, provider)] == [0, 0]
    [(request, name)] = provider.calls
    assert request == {"model": "veo2", "prompt": "a boat", "seed": 7}
    assert name.startswith("g1."), "the call can be found in the provider's log"
    record = ledger.get("g1")
    assert (record.status, record.submission, record.provider_id, record.submitted_at) == (
        Status.GENERATING,
        Submission.SUBMITTED,
        "p1",
        START,
    )


def test_a_job_is_not_sent_after_its_budget_was_exceeded(dynamodb: "DynamoDBClient", clock: Clock) -> None:
    ledger, bank = Ledger(dynamodb, "generations", clock), accounts(dynamodb, clock)
    budgets = bank.budgets
    new = generation(owner="ann", cost=Cost(USD, USD, "price"))
    ledger.add(new, bank.opening(new, None))
    budgets.set(scope_of("ann"), {"day": 0})
    provider = Provider("p1")
    with pytest.raises(BudgetExceeded, match=r"0\.00 USD a day of owner ann no longer has room for this video"):
        invoke(ledger, provider)
    assert (provider.calls, ledger.get("g1").submission) == ([], None)
    budgets.set(scope_of("ann"), {"day": 2 * USD})
    assert invoke(ledger, provider) == 0


def test_only_one_of_two_concurrent_invocations_sends(ledger: Ledger) -> None:
    assert Claim.begin(ledger, Run("g1"))
    assert Claim.begin(ledger, Run("g1")) is None


def test_an_unknown_outcome_is_never_sent_again(ledger: Ledger, clock: Clock) -> None:
    provider = Provider(SubmissionUnknown("lost"), "p2")
    with pytest.raises(SubmissionUnknown):
        invoke(ledger, provider)
    clock.forward(SCHEDULE.timeout)
    with pytest.raises(SubmissionUnknown):
        invoke(ledger, provider)
    assert len(provider.calls) == 1


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), MemoryError(), ValueError("a bug")])
def test_an_invocation_that_dies_while_sending_blocks_all_later_ones(
    ledger: Ledger, clock: Clock, fault: BaseException
) -> None:
    provider = Provider("never used")
    provider.during = lambda: (_ for _ in ()).throw(fault)
    with pytest.raises(type(fault)):
        invoke(ledger, provider)
    assert invoke(ledger, provider) == SCHEDULE.timeout, "it may still be running: wait until that is impossible"
    clock.forward(SCHEDULE.timeout)
    with pytest.raises(SubmissionUnknown, match="died"):
        invoke(ledger, provider)
    assert len(provider.calls) == 1


def test_an_invocation_that_waits_for_a_slow_one_finds_its_result(ledger: Ledger, clock: Clock) -> None:
    provider = Provider("p1")
    waits: list[int] = []

    def meanwhile() -> None:
        clock.forward(30)
        waits.append(invoke(ledger, Provider()))

    provider.during = meanwhile
    assert invoke(ledger, provider) == 0
    assert waits == [60]
    assert invoke(ledger, Provider()) == 0


@pytest.mark.parametrize("error", [RequestRefused("no"), ProviderUnavailable("not reached")])
def test_a_certain_rejection_clears_the_claim(ledger: Ledger, error: GenerationError) -> None:
    provider = Provider(error, "p2")
    with pytest.raises(type(error)):
        invoke(ledger, provider)
    assert ledger.get("g1").submission is None
    assert invoke(ledger, provider) == 0
    assert ledger.get("g1").provider_id == "p2"


@pytest.mark.parametrize(
    ("retry_after", "wait"), [(7.0, 7), (0.0, 2), (None, 2), (99999.0, 3600), (float("inf"), 3600)]
)
def test_a_throttled_request_waits_for_retry_after_or_the_longer_backoff(
    ledger: Ledger, retry_after: float | None, wait: int
) -> None:
    provider = Provider(Throttled("slow down", retry_after), "p2")
    assert invoke(ledger, provider) == wait
    assert invoke(ledger, provider) == 0


@pytest.mark.parametrize("error", [Throttled("slow down", 1), ProviderUnavailable("not reached")])
def test_past_the_deadline_the_provider_is_not_asked_again(ledger: Ledger, clock: Clock, error: Exception) -> None:
    clock.forward(SCHEDULE.deadline)
    with pytest.raises(SubmissionTimedOut, match=r"did not accept the request within 1:00:00\. The last reason: "):
        invoke(ledger, Provider(error))


def test_a_missing_key_is_reported_before_the_claim(ledger: Ledger) -> None:
    provider = Provider()
    provider.get = lambda: (_ for _ in ()).throw(ProviderKeyMissing("none"))  # type: ignore[method-assign]  # this once
    with pytest.raises(ProviderKeyMissing):
        invoke(ledger, provider)
    assert ledger.get("g1").submission is None


def test_nothing_is_sent_for_a_generation_that_has_ended(ledger: Ledger) -> None:
    ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    provider = Provider("p1")
    with pytest.raises(GenerationEnded):
        invoke(ledger, provider)
    assert provider.calls == []


def test_an_id_that_arrives_after_the_end_is_kept_because_it_is_paid_for(ledger: Ledger) -> None:
    provider = Provider("p1")
    provider.during = lambda: (ledger.fail(Run("g1"), Failure("Cancelled", "by its owner")), None)[1]
    with pytest.raises(GenerationEnded):
        invoke(ledger, provider)
    record = ledger.get("g1")
    assert (record.status, record.submission, record.provider_id) == (Status.ERROR, Submission.SUBMITTED, "p1")


def test_an_unrecorded_id_is_in_the_error(
    ledger: Ledger, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    update = dynamodb.update_item

    def broken(**kwargs: Any) -> Any:
        if ":provider_id" in kwargs["ExpressionAttributeValues"]:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")
        return update(**kwargs)

    monkeypatch.setattr(dynamodb, "update_item", broken)
    with pytest.raises(SubmissionUnknown, match="accepted the request as p1, but this could not"):
        invoke(ledger, Provider("p1"))


def test_a_claim_with_a_lost_response_is_recognised(
    ledger: Ledger, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK repeats a write with a lost response. The second write then fails its condition because of the first."""
    update = dynamodb.update_item
    monkeypatch.setattr(dynamodb, "update_item", lambda **kwargs: (update(**kwargs), update(**kwargs))[1])
    assert Claim.begin(ledger, Run("g1")) is not None


def test_an_id_that_arrives_after_a_deletion_is_kept(ledger: Ledger, clock: Clock) -> None:
    """It was cancelled and deleted during a call that froze. The provider works on it, so its id must not be lost."""
    provider = Provider("p1")

    def deleted() -> None:
        ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
        ledger.announced(ledger.get("g1"))
        clock.forward(LONGEST_FUNCTION.total_seconds())
        ledger.delete(ledger.get("g1"))

    provider.during = deleted
    with pytest.raises(GenerationEnded):
        invoke(ledger, provider)
    left = ledger.submission("g1")
    assert isinstance(left, Tombstone)
    assert (left.provider_id, left.submission) == ("p1", Submission.SUBMITTED)


def test_a_deletion_does_not_overwrite_a_concurrent_write(ledger: Ledger) -> None:
    ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    ledger.announced(ledger.get("g1"))
    seen = ledger.get("g1")
    ledger.reopen(seen, "p7")
    with pytest.raises(Conflict):
        ledger.delete(seen)
    assert ledger.get("g1").provider_id == "p7"


def test_a_write_that_conflicts_with_a_transaction_is_retried(
    ledger: Ledger, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    update, conflicts = dynamodb.update_item, iter([True, True, False])

    def in_the_way(**kwargs: Any) -> Any:
        if next(conflicts):
            error = {"Error": {"Code": "TransactionConflictException", "Message": ""}}
            raise dynamodb.exceptions.TransactionConflictException(error, "UpdateItem")  # type: ignore[arg-type]  # short
        return update(**kwargs)

    monkeypatch.setattr(dynamodb, "update_item", in_the_way)
    assert Claim.begin(ledger, Run("g1"))


@pytest.mark.parametrize("step", ["submitted", "reopen", "fail", "complete"])
def test_a_write_with_a_lost_response_recognises_itself(
    ledger: Ledger, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The SDK repeats the write, and the repetition finds the result of the first one."""
    run = Run("g1")
    claim = claimed(ledger, run)
    if step != "submitted":
        claim.submitted("p1")
    if step == "complete":
        ledger.provider_finished(run, {"url": "https://x"}, 1)
    if step == "reopen":
        failed(ledger, run, "VideoForbidden")
    update = dynamodb.update_item
    monkeypatch.setattr(dynamodb, "update_item", lambda **kwargs: (update(**kwargs), update(**kwargs))[1])
    match step:
        case "submitted":
            claim.submitted("p1")
            assert ledger.get("g1").status is Status.GENERATING
        case "reopen":
            assert ledger.reopen(ledger.get("g1"), "p1")
        case "fail":
            assert ledger.fail(run, Failure("RequestRefused", "no"))
        case "complete":
            ledger.complete(run, archived("g1"), START)
