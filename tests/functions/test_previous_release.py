"""Executions and events of 0.1.0 go on with the functions of today: what they were given then is in tests/events."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.generation import Status
from tests.support.events import EVENTS, event
from tests.support.functions import Cloud

Accepted = Callable[..., str]
RELEASE = "release-0.1.0"


def given(function: str) -> dict[str, Any]:
    """What a state of that release gave to its function."""
    return event(f"{RELEASE}/{function}")


def test_a_generation_goes_through_all_its_states(cloud: Cloud, accepted: Accepted) -> None:
    accepted()
    cloud.invoke("admit", given("admit"))
    assert cloud.holders == ["g1"]
    assert cloud.invoke("submit", given("submit")) == {
        "generation_id": "g1",
        "status": "generating",
        "wait_seconds": 30,
        "pending_seconds": 0,
    }
    assert cloud.invoke("check_status", given("check_status"))["status"] == "archiving"
    assert cloud.holders == [], "the provider is done with it"
    assert cloud.invoke("finalize", given("finalize"))["status"] == "completed"


@pytest.mark.parametrize(
    ("function", "payload", "error"),
    [
        ("record_failure", given("record_failure"), "VideoInvalid"),
        ("record_failure", event("execution_aborted"), "WorkflowStopped"),
    ],
)
def test_a_failure_is_recorded_and_its_place_given_back(
    cloud: Cloud, accepted: Accepted, function: str, payload: dict[str, Any], error: str
) -> None:
    accepted()
    cloud.invoke("admit", given("admit"))
    cloud.invoke(function, payload)
    failed = cloud.ledger.get("g1")
    assert (failed.status, failed.error and failed.error.name) == (Status.ERROR, error)
    assert (cloud.holders, len(cloud.messages())) == ([], 1)


def test_a_batch_is_started_and_reported(cloud: Cloud) -> None:
    row = cloud.invoke("accept_row", given("accept_row"))
    assert row["ended"] is False
    cloud.delete(row["generation_id"])
    assert cloud.invoke("report_batch", given("report_batch")) == {"is_complete": True}
    (announced,) = [json.loads(one["Message"]) for one in cloud.messages()]
    assert (announced["batch_id"], announced["totals"]["rows"]) == (given("report_batch")["batch_id"], 1)


def test_every_function_of_a_state_has_its_payload() -> None:
    machines = EVENTS.parents[1] / "statemachine"
    called = "".join(path.read_text("utf-8") for path in machines.glob("*.json"))
    recorded = {path.stem for path in (EVENTS / RELEASE).glob("*.json")}
    new = {"look_up_submission"}  # since that release
    names = {path.stem for path in (EVENTS.parents[1] / "functions").glob("*.py")}
    assert recorded == {name for name in names if f"${{{_arn(name)}}}" in called} - new


def _arn(function: str) -> str:
    return "".join(part.capitalize() for part in function.split("_")) + "FunctionArn"
