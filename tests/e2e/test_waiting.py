"""Learn on the deployed stack how long a model takes."""

import json
from typing import Any

from core.generation import Status
from tests.support.local_cloud import LocalCloud, unique

MODEL = "google/veo-3.0-fast"  # only this test uses it
ENOUGH = 5  # number of jobs


def takes(cloud: LocalCloud) -> dict[str, Any] | None:
    found: dict[str, Any] | None = cloud.call("GET", "/v2/models", params={"id": MODEL}).json()["takes"]
    return found


def first_wait(cloud: LocalCloud, generation_id: str) -> int:
    """Return the seconds that the state machine waited after submitting the generation."""
    arn = cloud.execution(generation_id)["executionArn"]
    events = cloud.aws("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
    exited = (event.get("stateExitedEventDetails", {}) for event in events)
    return int(next(json.loads(event["output"]) for event in exited if event.get("name") == "Submit")["wait_seconds"])


def test_the_first_poll_and_the_shown_time_follow_earlier_jobs(cloud: LocalCloud) -> None:
    assert takes(cloud) is None
    prompt = unique("a boat")
    cloud.simulator.script(prompt, seconds=6)

    def job() -> str:
        generation_id = cloud.create(prompt, model=MODEL)
        assert cloud.ended(generation_id).status is Status.COMPLETED
        return generation_id

    assert first_wait(cloud, job()) == 2, "as the stage says"
    for _ in range(4 * ENOUGH):  # two of them may have the same queue position
        ids = [cloud.create(prompt, model=MODEL) for _ in range(ENOUGH)]
        assert {cloud.ended(generation_id).status for generation_id in ids} == {Status.COMPLETED}
        if (takes(cloud) or {"jobs": 0})["jobs"] >= ENOUGH:
            break
    shown = takes(cloud)
    assert shown is not None
    assert 4 < shown["median_seconds"] <= shown["slowest_tenth_seconds"]
    assert first_wait(cloud, job()) >= 4
