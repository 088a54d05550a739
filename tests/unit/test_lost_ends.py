"""Test that an end whose event is lost is announced within minutes, however old its job is."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.generation import Failure, Status
from core.records.ledger import SOON
from core.workflow import Ended, Run
from tests.support.generations import archived, generation
from tests.support.house import House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

End = Callable[[House], None]
DAYS = timedelta(days=5).total_seconds()
RUN = Run("ann1")


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    """A job that has run for days, so that the sweep visits it every six hours."""
    house = House(dynamodb, limit=1)
    house.arrive("ann1")
    house.submit("ann1")
    house.provider.working.add("ann1")
    house.sweep(DAYS)
    house.sweep(SOON.total_seconds() + 1)
    assert house.announcer.announced == []
    return house


def failed(house: House) -> None:
    """RecordFailure died between its write and the announcement, and its execution was ended by hand."""
    assert house.ledger.fail(RUN, Failure("GenerationFailed", "no luck"))
    house.executions.known["ann1"] = Ended("ABORTED")


def completed(house: House) -> None:
    """Finalize died between its write and the announcement."""
    house.ledger.provider_finished(RUN, {"url": "https://x"}, 1)
    house.ledger.complete(RUN, archived("ann1"), house.clock.time)
    house.executions.known["ann1"] = Ended("FAILED")


def cancelled(house: House) -> None:
    """The event of the stopped execution is lost."""
    house.ledger.fail(RUN, Failure("Cancelled", "by its owner"))
    house.executions.stop(RUN)


def cancelled_without_a_stop(house: House) -> None:
    """The API died before it stopped the execution."""
    house.ledger.fail(RUN, Failure("Cancelled", "by its owner"))


def completed_while_its_execution_hangs(house: House) -> None:
    """Finalize is retried again and again, for example because the topic rejects the announcement."""
    house.ledger.provider_finished(RUN, {"url": "https://x"}, 1)
    house.ledger.complete(RUN, archived("ann1"), house.clock.time)


@pytest.mark.parametrize(
    "end", [failed, completed, cancelled, cancelled_without_a_stop, completed_while_its_execution_hangs]
)
def test_a_lost_event_costs_minutes(house: House, end: End) -> None:
    end(house)
    house.sweep(SOON.total_seconds() + 1)
    assert house.announcer.announced == ["ann1"]
    assert list(house.ledger.watched()) == []
    error = house.record("ann1").error
    if error and error.name == "Cancelled":
        assert house.executions.known["ann1"] is not None, "it was stopped"


def test_a_request_that_failed_before_it_began_is_announced_within_minutes(house: House) -> None:
    house.ledger.add_failed(generation("ann2", created_at=house.clock.time), Failure("InvalidRequest", "no"))
    house.sweep(SOON.total_seconds() + 1)
    assert house.announcer.announced == ["ann2"]


def test_a_job_that_the_sweep_itself_fails_is_announced_within_minutes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds that an input failed, and dies before it wakes the workflow, which waits for a slot."""
    house.arrive("ann2", takes=["ann1"])
    house.ledger.fail(RUN, Failure("GenerationFailed", "no luck"))
    house.ledger.announced(house.record("ann1"))  # the function that announced it died before it resumed the others

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(house.admission), "wake", die)
        with pytest.raises(KeyboardInterrupt):
            house.sweep(DAYS)
    assert house.record("ann2").status is Status.ERROR
    house.sweep(SOON.total_seconds() + 1)
    assert house.announcer.announced == ["ann2"]
    assert "ann2" in house.admitted, "its workflow continues, and ends"
