"""Nothing is lost and nothing is paid twice when a function dies at any point: each point is tried, one after another.

A driver does what Step Functions does with the shipped definition: it enters the states one after another, and enters a
state again when its function died. Before and after every single call that a function makes, to AWS or to the provider,
it is killed once. What must be true in the end does not depend on where.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

import admit
import wiring
from core import errors
from core.archive import download
from core.generation import Status, iso
from core.provider import client as provider
from core.record_failure import from_catch
from tests.functions.conftest import Cloud, event
from tests.functions.test_api import PATHS, call
from wiring import now

PROMPT = "a boat"
REENTRIES = 4
DOORS = {"api", "authorize", "ingest", "accept_row", "report_batch"}
FUNCTIONS = {*DOORS, "admit", "submit", "look_up_submission", "check_status", "finalize", "record_failure", "sweep"}


class Killed(BaseException):
    """The function's environment is gone: no handler catches this."""


@dataclass
class Death:
    """Kills at the `at`-th point that is passed, once."""

    at: int
    passed: int = 0
    points: list[str] = field(default_factory=list)

    def point(self, name: str) -> None:
        self.passed += 1
        self.points.append(name)
        if self.passed == self.at:
            raise Killed(name)


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, death: Death) -> Iterator[None]:
    """Every call of a function to AWS or to the provider passes a point before and a point after it."""

    def client(service: str, **options: Any) -> Any:
        made = cast("Any", boto3).client(service, **options)
        made.meta.events.register("before-call.*", lambda model, **_: death.point(f"before {service} {model.name}"))
        made.meta.events.register("after-call.*", lambda model, **_: death.point(f"after {service} {model.name}"))
        return made

    def around(function: Any, name: str) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            death.point(f"before {name}")
            answer = function(*args, **kwargs)
            death.point(f"after {name}")
            return answer

        return called

    with monkeypatch.context() as patched:
        patched.setattr(wiring, "boto3", SimpleNamespace(client=client))
        patched.setattr(provider.Provider, "_post", around(provider.Provider._post, "POST"))
        patched.setattr(provider.Provider, "_get", around(provider.Provider._get, "GET"))
        patched.setattr(download, "_get", around(download._get, "download"))
        yield


@dataclass
class Driver:
    """Step Functions, for one generation."""

    cloud: Cloud
    generation_id: str

    def enter(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        for _ in range(REENTRIES):
            try:
                return self.cloud.invoke(function, payload)
            except Killed:
                if function == "submit":
                    self._let_time_pass(91)
        raise AssertionError(f"{function} died {REENTRIES} times")

    def run(self) -> None:
        payload = {"generation_id": self.generation_id}
        try:
            self.enter("admit", {**payload, "task_token": "token"})
            self._submit(payload)
            while self.enter("check_status", payload)["status"] != "archiving":
                pass
            self.enter("finalize", payload)
        except errors.GenerationError as error:
            cause = json.dumps({"errorMessage": str(error)})
            assert from_catch(type(error).__name__, cause, "").name == type(error).__name__
            self.enter("record_failure", {**payload, "error": {"Error": type(error).__name__, "Cause": cause}})

    def _submit(self, payload: dict[str, Any]) -> None:
        try:
            while self.enter("submit", payload)["status"] == "queued":
                self._let_time_pass(91)
        except errors.SubmissionUnknown:
            while self.enter("look_up_submission", payload)["status"] != "generating":
                self._let_time_pass(24 * 3600 + 1)

    def _let_time_pass(self, seconds: float) -> None:
        """A claim that a dead entry left is believed only once its function's time is over, and looked up for a day."""
        boto3.client("dynamodb").update_item(
            TableName="generations",
            Key={"generation_id": {"S": self.generation_id}},
            UpdateExpression="SET sending_since = :old",
            ConditionExpression="attribute_exists(generation_id)",
            ExpressionAttributeValues={":old": {"S": iso(now() - timedelta(seconds=seconds))}},
        )


def one_job(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, at: int) -> Death:
    """A job whose `at`-th point kills; what must be true of every job is."""
    death = Death(at)
    body, key = {"model": "veo2", "prompt": PROMPT}, f"key-{at}"
    before = cloud.simulator.counts().creates
    with dying(monkeypatch, death):
        for _ in range(REENTRIES):
            try:
                _, created = call(cloud, "POST", PATHS[0], body=body, idempotency_key=key)
                break
            except Killed:
                continue  # the client sees a 5xx, and sends the same again
        driver = Driver(cloud, created["id"])
        driver.run()
        driver.enter("sweep", {})
    record = cloud.ledger.get(created["id"])
    paid = cloud.simulator.counts().creates - before
    where = f"killed {death.points[at - 1] if at <= len(death.points) else 'nowhere'}"
    assert paid <= 1, where
    assert record.status.ended, where
    assert record.announced_at is not None, where
    assert cloud.holders == [], where
    if record.status is Status.ERROR:
        assert record.error is not None
        assert record.error.name == "SubmissionUnknown", where
    else:
        assert paid == 1, where
    return death


def test_every_function_is_killed_somewhere() -> None:
    """Here those of a job, and `DOORS` in test_dying_doors.py."""
    assert {path.stem for path in Path(admit.__file__).parent.glob("*.py")} == FUNCTIONS


def test_a_job_survives_a_death_at_every_point(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    points = len(one_job(cloud, monkeypatch, at=0).points)
    assert points > 40
    lost = []
    for at in range(1, points + 1):
        death = one_job(cloud, monkeypatch, at)
        if any("SubmissionUnknown" in str(message["Message"]) for message in cloud.messages()):
            lost.append(death.points[at - 1])
    # What was claimed and then not sent can nobody know; that is told, and raises an alarm. What was sent is found.
    assert lost == ["after dynamodb UpdateItem", "before POST"]


def test_an_execution_that_ended_from_outside_is_recorded_whatever_dies(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, points = 0, 1
    while at <= points:
        _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": PROMPT})
        aborted = event("execution_aborted")
        aborted["detail"]["name"] = created["id"]
        death = Death(at)
        with dying(monkeypatch, death):
            Driver(cloud, created["id"]).enter("record_failure", aborted)
        record = cloud.ledger.get(created["id"])
        assert (record.status, record.announced_at is None) == (Status.ERROR, False)
        at, points = at + 1, max(points, len(death.points) if at == 0 else points)
    assert points > 10
