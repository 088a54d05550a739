"""Count what all jobs write to, because it limits all of them together (docs/scale.md)."""

import pytest

from bench.calls import Invocation, invocation_of
from bench.hook.sitecustomize import Recorder
from bench.scale.shared import Shared, shared
from tests.functions import test_cost
from tests.support.functions import Cloud, call

recorder = test_cost.recorder  # a fixture

# What a job of any owner writes to: the item, or the index partition with the newest sort keys. The model is veo2.
SHARED = {
    "index by_done": Shared(writes=1, transactions=0, units=1),
    "index by_watch": Shared(writes=3, transactions=2, units=4),
    "money: scope/all": Shared(writes=1, transactions=1, units=2),  # what the deployment's budget holds
    "slots: kinds": Shared(writes=1, transactions=0, units=1),
    "slots: lease": Shared(writes=2, transactions=0, units=2),  # before and after a slot is granted
    "slots: slot": Shared(writes=2, transactions=1, units=3),  # its slot; both jobs have the first
    "slots: times": Shared(writes=1, transactions=0, units=1),
    "slots: waiting": Shared(writes=2, transactions=1, units=3),  # its entry in the queue
}


def job(cloud: Cloud, recorder: Recorder, owner: str) -> list[Invocation]:
    """Run a job of an owner, and return its invocations."""
    recorder.lines.clear()
    recorder.begin("api")
    body = {"model": "veo2", "prompt": "a boat"}
    _, made = call(cloud.caller(owner), "POST", "/v2/video/generations", body=body)
    recorder.end()
    state = {"generation_id": made["id"]}
    for function in ("admit", "submit", "check_status", "finalize"):
        recorder.begin(function)
        state = cloud.run(state, function, token=test_cost.TASK_TOKEN)
        recorder.end()
    assert state["status"] == "completed"
    return list(map(invocation_of, recorder.lines))


def test_jobs_of_different_owners_write_to_these_items_and_partitions_and_no_others(
    cloud: Cloud, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_RULES", ": keep STANDARD")
    cloud.invoke("sweep", {})  # it reads the prices
    job(cloud, recorder, "zoe")  # the first of a model writes other items
    assert shared(*[job(cloud, recorder, owner) for owner in ("ann", "bob")]) == SHARED
