"""Test that a submission with a lost response is found in the provider's log, patiently, and never sent again."""

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import GenerationEnded, GenerationFailed, ProviderUnavailable, SubmissionUnknown
from core.generation import Failure, Status, Submission
from core.look_up_submission import LookedUp, LookUpSubmission
from core.provider.account import LoggedCall
from core.provider.waiting import LookUpSchedule
from core.records.claim import Claim, found, not_accepted
from core.records.ledger import Ledger
from core.workflow import Run
from tests.support.generations import START, Clock, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RUN = Run("g1")
SCHEDULE = LookUpSchedule(first=30, slow=900, give_up=86_400)


class Log:
    """A log that answers each search with the next of `outcomes`."""

    def __init__(self, *outcomes: LoggedCall | Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[str] = []

    def find(self, client_request_id: str, sent_at: object) -> LoggedCall | None:
        self.asked.append(client_request_id)
        assert sent_at == START
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", clock: Clock) -> Ledger:
    """Return a ledger with a generation whose create call started at START and whose result is unknown."""
    ledger = Ledger(dynamodb, "generations", clock)
    ledger.add(generation())
    assert Claim.begin(ledger, RUN)
    return ledger


def look(ledger: Ledger, log: Any) -> LookedUp:
    return LookUpSubmission(ledger, log, SCHEDULE).look_up(RUN)


def test_a_listed_submission_continues_normally(ledger: Ledger, clock: Clock) -> None:
    clock.forward(100)
    log = Log(LoggedCall("p1", has_failed=False))
    assert look(ledger, log) == LookedUp("generating", SCHEDULE.first)
    assert log.asked == [f"g1.{ledger.get('g1').attempt}"]
    record = ledger.get("g1")
    assert (record.status, record.submission, record.provider_id) == (Status.GENERATING, Submission.SUBMITTED, "p1")
    assert record.submitted_at == START, "polling times count from the submission"
    assert look(ledger, Log()) == LookedUp("generating", SCHEDULE.first), "a repeated invocation sends no request"


@pytest.mark.parametrize("outcome", [None, ProviderUnavailable("503")])
def test_an_unlisted_submission_is_searched_less_and_less_often(
    ledger: Ledger, clock: Clock, outcome: Exception | None
) -> None:
    """A missing row proves nothing, because a job may be listed only after its end."""
    waits = []
    for _ in range(4):
        looked_up = look(ledger, Log(outcome))
        assert looked_up.status == "queued"
        waits.append(looked_up.wait_seconds)
        clock.forward(1800)
    assert waits == [30, 450, 900, 900]
    assert ledger.get("g1").submission is Submission.SENDING, "nothing is ever sent again"


def test_after_a_day_it_is_unknown(ledger: Ledger, clock: Clock) -> None:
    clock.forward(SCHEDULE.give_up - 1)
    assert look(ledger, Log(None)).status == "queued"
    clock.forward(1)
    with pytest.raises(SubmissionUnknown, match="answer was lost"):
        look(ledger, Log(None))
    assert ledger.get("g1").submission is Submission.SENDING


def test_a_submission_listed_as_failed_was_not_charged(ledger: Ledger) -> None:
    with pytest.raises(GenerationFailed, match="not charged"):
        look(ledger, Log(LoggedCall("p1", has_failed=True)))


def test_an_operators_decision_in_the_meantime_counts(ledger: Ledger) -> None:
    not_accepted(ledger, ledger.get("g1"))
    assert look(ledger, Log()) == LookedUp("unsent", 0)


def test_two_concurrent_lookups_both_find_it(ledger: Ledger) -> None:
    log: Any = Log()

    def find(*_: object) -> LoggedCall:
        found(ledger, RUN, "p1")
        return LoggedCall("p1", has_failed=False)

    log.find = find
    assert look(ledger, log) == LookedUp("generating", SCHEDULE.first)


def test_a_generation_cancelled_during_the_lookup_has_ended(ledger: Ledger) -> None:
    log: Any = Log()

    def find(*_: object) -> LoggedCall:
        ledger.fail(RUN, Failure("Cancelled", "by its owner"))
        return LoggedCall("p1", has_failed=False)

    log.find = find
    with pytest.raises(GenerationEnded):
        look(ledger, log)
