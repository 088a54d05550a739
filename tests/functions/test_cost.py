"""Count the calls of a job, because each call costs money for every video.

A change that needs another call changes this table and says why; `python -m bench.cost` calculates the cost.
"""

import logging
from collections.abc import Iterator
from typing import Any

import botocore.client
import pytest

from bench.calls import Invocation, invocation_of
from bench.hook.sitecustomize import Recorder
from bench.scale.shared import Shared, shared
from tests.support.functions import Cloud, call

# For a single job: its calls to AWS, and DynamoDB's write and read units.
CALLS = {
    "api": {
        "dynamodb GetItem": 2,  # the price, and the marker of repeated requests
        "dynamodb BatchGetItem": 1,  # the budgets of the deployment and of the owner
        "dynamodb TransactWriteItems": 1,  # the record, its marker, and what its budgets hold for it
        "stepfunctions StartExecution": 1,
    },
    "admit": {
        "dynamodb GetItem": 3,  # one of them at the start, because files that it names are copied first
        "dynamodb PutItem": 1,
        "dynamodb Query": 3,  # the queue, the slots, and for which models credits are missing
        "dynamodb UpdateItem": 3,
        "dynamodb TransactWriteItems": 1,
        "stepfunctions SendTaskSuccess": 1,
    },
    "submit": {
        "dynamodb GetItem": 4,  # whether credits are missing for its model; the learned times of its kind and model
        "dynamodb BatchGetItem": 1,  # whether its budgets were exceeded while it waited
        "dynamodb UpdateItem": 2,
        "secretsmanager GetSecretValue": 1,
    },
    "check_status": {
        "dynamodb GetItem": 1,
        "secretsmanager GetSecretValue": 1,
        "dynamodb UpdateItem": 3,  # two of them store what was learned of its kind and model
        "dynamodb Query": 2,  # the queue, and whether a job that waits for credits may be due
        "dynamodb DeleteItem": 1,
    },
    "finalize": {
        "dynamodb GetItem": 3,
        "s3 PutObject": 2,  # the video, which is smaller than a part, and its record
        "dynamodb UpdateItem": 1,
        "dynamodb Query": 1,  # whether other jobs wait for its video
        "dynamodb TransactWriteItems": 1,  # the announced mark, and the totals of its owner, its key and the deployment
        "sns Publish": 1,
        "events PutEvents": 1,
    },
}
# The record has more than 1 KiB from CheckStatus on, with the provider's answer and its hold. Two units of Finalize
# watch the end, and two count the job for its API key.
WRITE_UNITS = {"api": 11, "admit": 13, "submit": 4, "check_status": 6, "finalize": 15}
READ_UNITS = {"api": 3.5, "admit": 6, "submit": 5, "check_status": 3, "finalize": 4}
SWEEP = {  # each minute without work, once the prices of the day are read
    "dynamodb GetItem": 1,
    "dynamodb BatchGetItem": 1,
    "dynamodb Query": 11,
    "dynamodb UpdateItem": 1,  # how many slots are held, and how many jobs wait
}
# The items, or partitions of an index, that a job of any owner writes to. They limit all jobs together (docs/scale.md).
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
TASK_TOKEN = "t" * 700  # the length of Step Functions' tokens


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    client: Any = botocore.client.BaseClient
    monkeypatch.setattr(client, "_make_api_call", client._make_api_call)  # restored at the end
    monkeypatch.setattr(logging.Handler, "format", logging.Handler.format)
    recorder = Recorder()
    recorder.install()
    yield recorder
    recorder.end()


@pytest.fixture
def job(cloud: Cloud, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> list[Invocation]:
    """Return the invocations of one job, from its request to its announcement.

    The stage has no rule for a tag, which would cost another write: the record names the video's rule.
    """
    monkeypatch.setenv("VIDEO_RULES", ": keep STANDARD")
    cloud.invoke("sweep", {})  # it reads the prices
    recorder.begin("api")
    _, made = call(cloud, "POST", "/v2/video/generations", body={"model": "veo2", "prompt": "a boat"})
    recorder.end()
    state: dict[str, Any] = {"generation_id": made["id"]}
    for function in ("admit", "submit", "check_status", "finalize"):
        recorder.begin(function)
        state = cloud.run(state, function, token=TASK_TOKEN)
        recorder.end()
    assert state["status"] == "completed"
    return list(map(invocation_of, recorder.lines))


def test_a_job_makes_these_calls_and_no_others(job: list[Invocation]) -> None:
    assert {invocation.function: dict(invocation.operations) for invocation in job} == CALLS


def test_a_job_uses_these_write_and_read_units(job: list[Invocation]) -> None:
    assert {invocation.function: invocation.write_units for invocation in job} == WRITE_UNITS
    assert {invocation.function: invocation.read_units for invocation in job} == READ_UNITS


def test_a_sweep_with_nothing_to_do_makes_these_calls_and_no_others(cloud: Cloud, recorder: Recorder) -> None:
    cloud.invoke("sweep", {})
    recorder.begin("sweep")
    cloud.invoke("sweep", {})
    recorder.end()
    [invocation] = map(invocation_of, recorder.lines)
    assert dict(invocation.operations) == SWEEP
    assert (invocation.write_units, invocation.read_units) == (1, 11)


def run_job(cloud: Cloud, recorder: Recorder, owner: str) -> list[Invocation]:
    """Run a job of an owner, and return its invocations."""
    recorder.lines.clear()
    recorder.begin("api")
    body = {"model": "veo2", "prompt": "a boat"}
    _, made = call(cloud.caller(owner), "POST", "/v2/video/generations", body=body)
    recorder.end()
    state = {"generation_id": made["id"]}
    for function in ("admit", "submit", "check_status", "finalize"):
        recorder.begin(function)
        state = cloud.run(state, function, token=TASK_TOKEN)
        recorder.end()
    assert state["status"] == "completed"
    return list(map(invocation_of, recorder.lines))


def test_jobs_of_different_owners_write_to_these_items_and_partitions_and_no_others(
    cloud: Cloud, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEO_RULES", ": keep STANDARD")
    cloud.invoke("sweep", {})  # it reads the prices
    run_job(cloud, recorder, "zoe")  # the first of a model writes other items
    assert shared(*[run_job(cloud, recorder, owner) for owner in ("ann", "bob")]) == SHARED
