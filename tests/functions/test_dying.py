"""Kill functions at every point, one after another: nothing may be lost or paid twice.

A driver does what Step Functions does with the shipped definition: it invokes the function of each state in order, and
invokes a function again if it died. Before and after every call that a function makes to AWS or the provider, it is
killed once. The expected result is the same for every point.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest

import admit
from core.generation import Status
from core.money.accounts import Accounts, Tables
from core.money.budgets import Limits
from tests.support.dying import FUNCTIONS, INVOCATIONS, Death, Driver, Killed, dying
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, call
from wiring import now

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]  # a busy machine may need them
PROMPT = "a boat"
READERS = {"console", "make_poster", "reconcile"}  # they change no job: a page, a picture and a report
PARTS = 8  # of the points, to run them in parallel


def one_job(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, at: int) -> Death:
    """Run a job, kill a function at point `at`, and assert what must be true of every job."""
    death = Death(at)
    # A function that died in an earlier job while granting slots kept its lease for some seconds.
    boto3.client("dynamodb").delete_item(TableName="slots", Key={"pk": {"S": "lease"}, "sk": {"S": "lease"}})
    body, key = {"model": "veo2", "prompt": PROMPT}, f"key-{at}"
    before, spent_before = cloud.simulator.counts().creates, spent()
    with dying(monkeypatch, death):
        for _ in range(INVOCATIONS):
            try:
                _, created = call(cloud, "POST", PATHS[0], body=body, idempotency_key=key)
                break
            except Killed:
                continue  # the client gets a 5xx and repeats the request
        driver = Driver(cloud, created["id"])
        driver.run()
        driver.invoke("sweep", {})
    record = cloud.ledger.get(created["id"])
    paid = cloud.simulator.counts().creates - before
    where = f"killed {death.points[at - 1] if at <= len(death.points) else 'nowhere'}"
    assert paid <= 1, where
    assert record.status.ended, where
    assert record.announced_at is not None, where
    assert cloud.holders == [], where
    held, ended = (after - so_far for after, so_far in zip(spent(), spent_before, strict=True))
    assert (held, ended) == (record.charged, 1), where
    if record.status is Status.ERROR:
        assert record.error is not None
        assert record.error.name == "SubmissionUnknown", where
    else:
        assert paid == 1, where
    return death


# A job without credits passes many points. make test tries every eighth of them, and make nightly the others.
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.nightly) for part in range(1, PARTS))])
def test_a_job_without_credits_survives_a_death_at_every_point(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """The provider rejects it once for lack of credits. It gives its slot back, tries again, and is accepted."""
    cloud.invoke("sweep", {})

    def run(at: int) -> tuple[list[str], str]:
        cloud.simulator.script(PROMPT, create=[{"status": 402}])
        # What an earlier job left would change the calls.
        boto3.client("dynamodb").delete_item(TableName="slots", Key={"pk": {"S": "shortage"}, "sk": {"S": "veo2"}})
        before = len([one for one in cloud.simulator.calls() if one.method == "POST"])
        death = one_job(cloud, monkeypatch, at)
        assert len([one for one in cloud.simulator.calls() if one.method == "POST"]) - before <= 3, "tries"
        [message, *_] = reversed(cloud.messages())
        return death.points, json.loads(message["Message"])["status"]

    points, status = run(0)
    assert status == "completed"
    assert points.count("before POST") == 2
    # An answer that was not recorded may have been any, for the first call as for the second.
    unknown: set[int] = set()
    for post in (at for at, point in enumerate(points, 1) if point == "before POST"):
        recorded = next(
            at
            for at, point in enumerate(points, 1)
            if at > post and point in ("before dynamodb TransactWriteItems", "before dynamodb UpdateItem")
        )
        unknown |= set(range(post - 1, recorded + 1))
    for at in range(1 + part, len(points) + 1, PARTS):
        passed, status = run(at)
        if passed[:at] == points[:at]:  # a slow machine renews a lease, which moves the points
            assert (status == "error") <= (at in unknown), points[at - 1]


def spent() -> tuple[int, int]:
    """Return the credits that budgets count for the owner this month, and the number of summed ends."""
    dynamodb: Any = boto3.client("dynamodb")
    accounts = Accounts.at(dynamodb, Tables("money", "slots"), now, Limits(), 0)
    [_, own] = accounts.budgets.of("ann", None)
    sums = accounts.usage.of("ann", "model", date(2020, 1, 1), date(2100, 1, 1))
    return own.used.month_credits, sum(one.completed + one.failed for one in sums)


def test_every_function_is_killed_somewhere() -> None:
    """The doors are in `DOORS` of test_dying_doors.py."""
    assert {path.stem for path in Path(admit.__file__).parent.glob("*.py")} - READERS == FUNCTIONS, (
        "invoke it in tests/support/dying.py and name it in FUNCTIONS there, or name it in READERS"
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_a_job_survives_a_death_at_every_point(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    cloud.invoke("sweep", {})  # it reads the prices, so that all jobs make the same calls
    points = one_job(cloud, monkeypatch, at=0).points
    assert len(points) > 40
    # A claimed request may or may not have been sent. This is reported and raises an alarm. A sent one is found.
    post = points.index("before POST") + 1
    unknown = {post - 1: "after dynamodb UpdateItem", post: "before POST"}
    assert unknown == {at: points[at - 1] for at in unknown}
    for at in range(1 + part, len(points) + 1, PARTS):
        one_job(cloud, monkeypatch, at)
        told = any("SubmissionUnknown" in str(message["Message"]) for message in cloud.messages())
        assert told == (at in unknown), points[at - 1]


def test_an_externally_stopped_execution_is_recorded_despite_crashes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, points = 0, 1
    while at <= points:
        _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": PROMPT})
        aborted = event("execution_aborted")
        aborted["detail"]["name"] = created["id"]
        death = Death(at)
        with dying(monkeypatch, death):
            Driver(cloud, created["id"]).invoke("record_failure", aborted)
        record = cloud.ledger.get(created["id"])
        assert (record.status, record.announced_at is None) == (Status.ERROR, False)
        at, points = at + 1, max(points, len(death.points) if at == 0 else points)
    assert points > 10
