"""Test that an end which an owner wanted is neither an error of a function nor a failed execution."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from core.generation import Failure, Status
from core.workflow import Run
from tests.support.functions import Cloud
from tests.support.states import STATES, caught, following, output, payload

Accepted = Callable[..., str]
# The functions by the states that invoke them.
STEPS = {
    name: re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower() for name, state in STATES.items() if state["Type"] == "Task"
}


def cancel(cloud: Cloud) -> None:
    cloud.ledger.fail(Run("g1"), Failure("Cancelled", "Cancelled by its owner."))


def delete(cloud: Cloud) -> None:
    cloud.delete("g1")


def rescued(cloud: Cloud) -> None:
    cloud.ledger.fail(Run("g1"), Failure("WorkflowStopped", "stopped"))
    cloud.ledger.announced(cloud.ledger.get("g1"))
    assert cloud.ledger.reopen(cloud.ledger.get("g1"), None)


def run(cloud: Cloud, name: str, state: dict[str, Any]) -> list[str]:
    """Run the shipped state machine from a state to its end, and return the states that it passes."""
    passed = []
    here: str | None = name
    while here is not None:
        passed.append(here)
        if function := STEPS.get(here):
            answer = cloud.invoke(function, payload(function, state))
            state = output(function, state, answer)
        elif STATES[here]["Type"] == "Pass":
            state = {**state, "error": STATES[here]["Result"]}
        here = following(here, state)
    return passed


def levels(printed: str) -> set[str]:
    """Return the levels of the lines of a log."""
    return {json.loads(line)["level"] for line in printed.splitlines() if '"level"' in line}


@pytest.mark.parametrize("end", [cancel, delete, rescued])
@pytest.mark.parametrize("name", [name for name in STEPS if name not in ("Finalize", "RecordFailure")])
def test_an_end_that_the_owner_wanted_is_no_error(
    cloud: Cloud, accepted: Accepted, capsys: pytest.CaptureFixture[str], name: str, end: Callable[[Cloud], None]
) -> None:
    state = {"generation_id": accepted(), "wait_seconds": 1, "pending_seconds": 0}
    end(cloud)
    capsys.readouterr()
    passed = run(cloud, name, state)
    assert passed[-5] == {"LookUpSubmission": "IsFound?", "CheckStatus": "IsFinished?"}.get(name, "IsSubmitted?")
    assert passed[-4:-1] == ["HasEnded", "RecordFailure", "IsExpected?"]
    assert passed[-1] == ("Ended" if end is cancel else "Failed"), "a batch waits for the run that continues"
    assert levels(capsys.readouterr().out) == {"INFO"}
    assert STATES["Ended"]["Type"] == "Succeed"


def test_an_end_while_the_video_is_archived_is_no_error(
    cloud: Cloud, accepted: Accepted, capsys: pytest.CaptureFixture[str]
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    cancel(cloud)
    capsys.readouterr()
    assert cloud.run(state, "finalize")["status"] == "ended"
    assert levels(capsys.readouterr().out) == {"INFO"}


def test_a_cancelled_job_is_announced_by_its_own_workflow(cloud: Cloud, accepted: Accepted) -> None:
    """Even if the event of its stopped execution is lost."""
    state = {"generation_id": accepted()}
    cancel(cloud)
    run(cloud, "Submit", state)
    [message] = cloud.messages()
    assert json.loads(message["Message"])["error"]["name"] == "Cancelled"


@pytest.mark.parametrize("error", ["RequestRefused", "InternalError", "WorkflowStopped"])
def test_a_failure_is_still_a_warning_and_a_failed_execution(
    cloud: Cloud, accepted: Accepted, capsys: pytest.CaptureFixture[str], error: str
) -> None:
    state = {"generation_id": accepted(), **caught(error, "no")}
    capsys.readouterr()
    assert run(cloud, "RecordFailure", state)[-1] == "Failed"
    assert "WARNING" in levels(capsys.readouterr().out)
    assert cloud.ledger.get("g1").status is Status.ERROR


def test_a_job_that_failed_before_its_workflow_noticed_is_a_failed_execution(cloud: Cloud, accepted: Accepted) -> None:
    state = {"generation_id": accepted()}
    cloud.ledger.fail(Run("g1"), Failure("InputUnavailable", "The video that it uses failed."))
    assert run(cloud, "Submit", state)[-1] == "Failed"


def test_admit_lets_the_workflow_of_an_ended_job_continue(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []
    monkeypatch.setattr("core.slots.admission.Admission._answer", lambda _self, token: answered.append(token))
    state = {"generation_id": accepted()}
    cancel(cloud)
    cloud.run(state, "admit", token="mine")
    assert answered == ["mine"]
