"""Test jobs that use the video of another job: they wait for its end despite crashes, and are free if it fails."""

import json
from typing import Any

import boto3
import pytest

from core import errors
from core.generation import Status
from core.slots.table import SlotsTable
from tests.support.dying import Death, Driver, dying
from tests.support.functions import PATHS, Cloud, call
from tests.support.inputs import EXTEND, ask
from tests.support.states import caught

PARTS = 4  # of the points, to run them in parallel


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of answered task tokens, which grows during the test."""
    from core.slots.admission import Admission  # noqa: PLC0415 - only these tests look at it

    found: list[str] = []
    monkeypatch.setattr(Admission, "_answer", lambda _self, token: found.append(token))
    return found


def first(cloud: Cloud) -> str:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    cloud.run({"generation_id": created["id"]}, "admit", token="first")
    return str(created["id"])


def after(cloud: Cloud, source: str, token: str = "second", **given: Any) -> str:
    """Create a job that uses the video of another one, and run its Admit state."""
    status, created = ask(cloud, f"generation:{source}", model=EXTEND, **given)
    assert status == 200, created
    cloud.run({"generation_id": created["id"]}, "admit", token=token)
    return str(created["id"])


def complete(cloud: Cloud, generation_id: str) -> None:
    cloud.run({"generation_id": generation_id}, "submit", "check_status", "finalize")


def fail(cloud: Cloud, generation_id: str, name: str = "GenerationFailed") -> None:
    cloud.run({"generation_id": generation_id, **caught(name, "no luck.")}, "record_failure")


def ended(cloud: Cloud, generation_id: str) -> tuple[str, str]:
    """Return how a resumed job ended. Its workflow continues to Submit, which finds the end."""
    assert cloud.run({"generation_id": generation_id}, "submit")["status"] == "ended"
    fail(cloud, generation_id, "GenerationEnded")
    error = cloud.ledger.get(generation_id).error
    assert error
    return error.name, error.message


def test_it_waits_without_a_slot_until_the_other_has_ended(cloud: Cloud, answered: list[str]) -> None:
    source = first(cloud)
    second = after(cloud, source)
    cloud.run({"generation_id": second}, "admit", token="second again")
    third = after(cloud, second, "third")
    assert (cloud.holders, answered) == ([source], ["first"])
    shown = call(cloud, "GET", PATHS[0], query=f"generation_id={second}")[1]
    assert (shown["status"], shown["meta"]["waits_for"], shown["meta"]["ahead"]) == ("queued", [source], None)
    complete(cloud, source)
    assert call(cloud, "GET", PATHS[0], query=f"generation_id={second}")[1]["meta"]["waits_for"] is None
    assert (cloud.holders, answered) == ([second], ["first", "second again"])
    complete(cloud, second)
    assert (cloud.holders, answered[2:]) == ([third], ["third"])
    complete(cloud, third)
    assert cloud.simulator.counts().creates == 3
    assert SlotsTable(boto3.client("dynamodb"), "slots", "generations").awaiting(source) == []


def test_a_job_does_not_wait_for_a_finished_one(cloud: Cloud) -> None:
    source = first(cloud)
    complete(cloud, source)
    second = after(cloud, source)
    assert cloud.holders == [second]


@pytest.mark.parametrize("name", ["GenerationFailed", "SubmissionUnknown", "WorkflowStopped"])
def test_a_failure_fails_the_whole_chain_without_charge(cloud: Cloud, answered: list[str], name: str) -> None:
    source = first(cloud)
    second = after(cloud, source)
    third = after(cloud, second, "third")
    fail(cloud, source, name)
    assert answered == ["first", "second"]
    assert ended(cloud, second) == (
        "InputUnavailable",
        f"Generation {source}, whose video is an input, failed: {name}: no luck.",
    )
    assert answered == ["first", "second", "third"]
    assert ended(cloud, third) == (
        "InputUnavailable",
        f"Generation {second}, whose video is an input, failed: {name}: no luck.",
    ), "a chain of a hundred does not repeat this a hundred times"
    assert cloud.simulator.counts().creates == 0
    told = [json.loads(message["Message"])["generation_id"] for message in cloud.messages()]
    assert sorted(told) == sorted([source, second, third]), "each is announced, once"
    assert cloud.holders == []


def test_a_cancelled_job_stops_waiting_and_fails_those_that_wait_for_it(cloud: Cloud, answered: list[str]) -> None:
    source = first(cloud)
    second, third = after(cloud, source), after(cloud, source, "third")
    call(cloud, "DELETE", PATHS[0], query=f"generation_id={third}")
    call(cloud, "DELETE", PATHS[0], query=f"generation_id={source}")
    fail(cloud, source, "WorkflowStopped")  # when the end of its stopped execution is recorded
    assert answered == ["first", "second"]
    assert ended(cloud, second)[1].endswith(
        "failed: Cancelled: Cancelled by its owner before it was sent to the provider."
    )
    error = cloud.ledger.get(third).error
    assert error
    assert error.name == "Cancelled"


def test_only_existing_videos_of_the_same_owner_can_be_waited_for(cloud: Cloud) -> None:
    source = first(cloud)
    for reference in (f"generation:{source}", f"generation:{'0' * 32}"):
        status, answer = ask(cloud, reference, "bob", model=EXTEND)
        assert (status, "you have no generation" in answer["message"]) == (400, True)
    fail(cloud, source)
    status, answer = ask(cloud, f"generation:{source}", model=EXTEND)
    assert (status, "has failed, so it has no video" in answer["message"]) == (400, True)


def test_a_rescued_job_is_waited_for_again(cloud: Cloud, answered: list[str]) -> None:
    source = first(cloud)
    second = after(cloud, source)
    fail(cloud, source)
    assert ended(cloud, second)[0] == "InputUnavailable"
    for generation_id in (source, second):
        assert cloud.ledger.reopen(cloud.ledger.get(generation_id), None)
    cloud.run({"generation_id": second}, "admit", execution=f"{second}-1", token="anew")
    assert "anew" not in answered
    states = ("admit", "submit", "check_status", "finalize")
    cloud.run({"generation_id": source}, *states, execution=f"{source}-1", token="source")
    assert answered[-1] == "anew"


def test_submit_sends_nothing_before_the_input_is_complete(cloud: Cloud) -> None:
    """However it came there."""
    second = after(cloud, first(cloud))
    with pytest.raises(errors.InputUnavailable, match="has not ended"):
        cloud.run({"generation_id": second}, "submit")
    assert cloud.ledger.get(second).submission is None


def end_leases() -> None:
    """Delete the lease of a function that died while granting slots, which would last for some seconds."""
    boto3.client("dynamodb").delete_item(TableName="slots", Key={"pk": {"S": "lease"}, "sk": {"S": "lease"}})


def one_chain(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, at: int, *, fails: bool) -> Death:
    """Run two jobs, kill a function at point `at`, and assert what must be true of every chain."""
    death = Death(at)
    end_leases()
    before = cloud.simulator.counts().creates
    source = first(cloud)
    state = cloud.run({"generation_id": source}, "submit")
    _, second = ask(cloud, f"generation:{source}", model=EXTEND)
    driver, waiting = Driver(cloud, source), Driver(cloud, second["id"])
    with dying(monkeypatch, death):
        waiting.step("admit", {"generation_id": second["id"]}, token="second")
        if fails:
            driver.step("record_failure", {**state, **caught("GenerationFailed", "no.")})
        else:
            driver.step("finalize", driver.step("check_status", state))
    where = f"killed {death.points[at - 1] if at <= len(death.points) else 'nowhere'}"
    end_leases()
    cloud.invoke("sweep", {})
    record = cloud.ledger.get(second["id"])
    assert cloud.ledger.get(source).announced_at, where
    if fails:
        assert (record.error and record.error.name) == "InputUnavailable", where
        assert cloud.simulator.counts().creates - before == 1, where
        return death
    assert cloud.holders == [second["id"]], where
    state = cloud.run({"generation_id": second["id"]}, "submit")
    assert cloud.simulator.counts().creates - before == 2, where
    cloud.run(state, "check_status")
    return death


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
# make test tries every fourth point, and make nightly the others.
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.nightly) for part in range(1, PARTS))])
@pytest.mark.parametrize("fails", [False, True], ids=["completes", "fails"])
def test_no_job_waits_forever_after_a_crash(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, part: int, fails: bool
) -> None:
    points = one_chain(cloud, monkeypatch, at=0, fails=fails).points
    assert len(points) > 20
    for at in range(1 + part, len(points) + 1, PARTS):
        one_chain(cloud, monkeypatch, at, fails=fails)


def test_the_sweep_resumes_a_forgotten_job(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the note that it waits, as if the function that ended the other job had died after announcing the end."""
    source = first(cloud)
    second = after(cloud, source)
    table = SlotsTable(boto3.client("dynamodb"), "slots", "generations")
    table.stop_awaiting(source, second, source)
    complete(cloud, source)
    assert cloud.holders == []
    boto3.client("dynamodb").update_item(
        TableName="generations",
        Key={"generation_id": {"S": second}},
        UpdateExpression="SET watch_at = :past",
        ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000Z"}},
    )
    monkeypatch.setattr("core.workflow.Workflow.ended", lambda _self, _run: None)  # it is running
    cloud.invoke("sweep", {})
    assert cloud.holders == [second]
    assert cloud.ledger.get(second).status is Status.QUEUED
