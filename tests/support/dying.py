"""Kill functions at a chosen point, with a Step Functions that invokes them again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import boto3
import pytest

import wiring
from core import errors
from core.archive import download
from core.generation import iso
from core.provider import client as provider
from core.record_failure import from_catch
from core.webhooks import sending
from tests.support.functions import Cloud
from tests.support.mocked_aws import Clients
from tests.support.states import STATES, caught, output, payload
from wiring import now

INVOCATIONS = 4
DOORS = {"api", "authorize", "ingest", "accept_row", "report_batch", "deliver_webhook"}
FUNCTIONS = {*DOORS, "admit", "submit", "look_up_submission", "check_status", "finalize", "record_failure", "sweep"}


class Killed(BaseException):
    """The end of the function's process, which no handler catches."""


@dataclass
class Death:
    """A fault that kills once, at the `at`-th point."""

    at: int
    passed: int = 0
    points: list[str] = field(default_factory=list)

    def point(self, name: str) -> None:
        self.passed += 1
        self.points.append(name)
        if self.passed == self.at:
            raise Killed(name)


_deaths: list[Death] = []  # the clients in use, the latest first


def _mortal(service: str, **options: Any) -> Any:
    """Return a client, of `dying` only, whose every call passes a point before and a point after it."""
    made = cast("Any", boto3.DEFAULT_SESSION).client(service, **options)
    for when in ("before", "after"):
        made.meta.events.register(
            f"{when}-call.*", lambda model, when=when, **_: _deaths[-1].point(f"{when} {service} {model.name}")
        )
    return made


_clients = Clients(_mortal)


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, death: Death) -> Iterator[None]:
    """Make every call of a function to AWS or the provider pass a point before and a point after it."""

    def around(function: Any, name: str) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            death.point(f"before {name}")
            answer = function(*args, **kwargs)
            death.point(f"after {name}")
            return answer

        return called

    with monkeypatch.context() as patched:
        patched.setattr(wiring, "_boto3_client", _clients)
        patched.setattr(wiring, "_made", {})
        patched.setattr(provider.Provider, "_post", around(provider.Provider._post, "POST"))
        patched.setattr(provider.Provider, "_get", around(provider.Provider._get, "GET"))
        patched.setattr(download.Connection, "_get", around(download.Connection._get, "download"))
        patched.setattr(sending.Sender, "post", around(sending.Sender.post, "webhook"))
        _deaths.append(death)
        try:
            yield
        finally:
            _deaths.remove(death)


@dataclass
class Driver:
    """A fake Step Functions that runs one generation."""

    cloud: Cloud
    generation_id: str

    def invoke(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        for _ in range(INVOCATIONS):
            try:
                return self.cloud.invoke(function, payload)
            except Killed:
                if function == "submit":
                    self._let_time_pass(91)
        raise AssertionError(f"{function} died {INVOCATIONS} times")

    def step(self, function: str, state: dict[str, Any], token: str = "token") -> dict[str, Any]:
        """Run a state as the shipped state machine does, and return its output."""
        return output(function, state, self.invoke(function, payload(function, state, token=token)))

    def run(self) -> None:
        state: dict[str, Any] = {"generation_id": self.generation_id}
        try:
            state = self._submit(self.step("admit", state))
            while state["status"] not in ("archiving", "ended"):
                state = self.step("check_status", state)
            if state["status"] == "archiving":
                self.step("finalize", state)
            else:
                self.step("record_failure", {**state, "error": STATES["HasEnded"]["Result"]})
        except errors.GenerationError as error:
            found = caught(type(error).__name__, str(error))
            assert from_catch(found["error"]["Error"], found["error"]["Cause"], "").name == type(error).__name__
            self.step("record_failure", {**state, **found})

    def _submit(self, state: dict[str, Any]) -> dict[str, Any]:
        try:
            while (submitted := self.step("submit", state))["status"] == "queued":
                self._let_time_pass(91)
        except errors.SubmissionUnknown:
            while (submitted := self.step("look_up_submission", state))["status"] not in ("generating", "ended"):
                self._let_time_pass(24 * 3600 + 1)
        return submitted

    def _let_time_pass(self, seconds: float) -> None:
        """Age the claim of a dead invocation, which holds until its function's timeout has passed."""
        boto3.client("dynamodb").update_item(
            TableName="generations",
            Key={"generation_id": {"S": self.generation_id}},
            UpdateExpression="SET sending_since = :old",
            ConditionExpression="attribute_exists(generation_id)",
            ExpressionAttributeValues={":old": {"S": iso(now() - timedelta(seconds=seconds))}},
        )
