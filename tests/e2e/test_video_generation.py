"""Run the deployed state machine and functions against every behaviour of the provider."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from core.errors import names
from core.generation import Status, iso
from core.publish.views import as_error
from core.records.claim import Claim
from core.rescue import rescue
from core.workflow import Run, Workflow
from local.simulator.scripts import VideoBehaviour
from tests.support.generations import generation
from tests.support.local_cloud import LocalCloud, eventually, unique
from tests.support.states import payload
from tests.support.video_host import hosting
from tests.support.webm import cluster, webm
from wiring import now

LARGE: VideoBehaviour = {"size": 40 << 20}  # has several parts
THROTTLED = {"status": 429, "headers": {"Retry-After": "1"}}


def succeeded(cloud: LocalCloud, prompt: str, generation_id: str, container: str = "mp4") -> None:
    """Assert everything that is true of a successful job."""
    record = cloud.ended(generation_id)
    assert (record.status, record.error) == (Status.COMPLETED, None)
    assert cloud.execution(generation_id)["status"] == "SUCCEEDED"
    assert record.video is not None
    key = f"videos/{generation_id}/video.{container}"
    stored = cloud.aws("s3").get_object(Bucket=cloud.stack.videos_bucket, Key=key)
    body = stored["Body"].read()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (record.video.size, record.video.sha256)
    assert set(cloud.archived(generation_id)) - {"poster.jpg"} == {"generation.json", f"video.{container}"}
    assert [message["status"] for message in cloud.announcements(generation_id)] == ["completed"]
    assert cloud.simulator.counts().creates_by_prompt[prompt] == 1


def failed(cloud: LocalCloud, generation_id: str, name: str) -> str:
    """Assert everything that is true of a job that failed with `name`, and return its message."""
    record = cloud.ended(generation_id)
    assert record.status is Status.ERROR
    assert record.error is not None
    assert record.error.name == name in names()
    execution = cloud.execution(generation_id)
    assert (execution["status"], execution["error"]) == ("FAILED", name)
    assert execution["cause"] == record.error.message
    assert cloud.archived(generation_id) == []
    assert [message["error"] for message in cloud.announcements(generation_id)] == [
        as_error(record.error, generation_id)
    ]
    return record.error.message


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({"seconds": 0}, id="straight through"),
        pytest.param({"seconds": 4}, id="slow"),
        pytest.param({"statuses": ["waiting", "active", "dreaming", "succeeded"]}, id="the provider's words drift"),
        pytest.param({"create": [THROTTLED, {**THROTTLED, "status": 503}]}, id="throttled and then fine"),
        pytest.param(
            {"fetch": [{"status": 500}, {"reset": True}, {"garbage": True}, {"status": 404}]}, id="failing checks"
        ),
        pytest.param({"video": [{"truncate": 1000}, {"status": 503}]}, id="a download that breaks off"),
        pytest.param(
            {"video": [{**LARGE, "truncate": 6 << 20, "repeat": True}]},
            id="a large video that breaks off on every connection",
        ),
        pytest.param({"video": [{**LARGE, "ranges": False, "repeat": True}]}, id="a large video without ranges"),
        pytest.param({"video": [{"html": True}]}, id="once an HTML page instead of the video"),
        pytest.param({"create": [{"reset": True, "accept": True}]}, id="a lost answer"),
        pytest.param({"create": [{"truncate": True, "accept": True}]}, id="half an answer"),
        pytest.param({"create": [{"status": 504, "accept": True}]}, id="a gateway's time-out"),
        pytest.param(
            {"create": [{"reset": True, "accept": True}], "logged": "at_end", "seconds": 2},
            id="a lost answer that is logged late",
        ),
    ],
)
def test_a_job_survives_temporary_faults(cloud: LocalCloud, script: Any) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, **{"seconds": 0.5, **script})
    succeeded(cloud, prompt, cloud.create(prompt))


@pytest.mark.parametrize(
    ("script", "name", "reason"),
    [
        pytest.param(
            {"outcome": "error", "error": {"name": "Nsfw", "message": "not this"}},
            "GenerationFailed",
            "Nsfw: not this",
            id="provider error",
        ),
        pytest.param(
            {"create": [{"status": 400, "message": "no boats"}]}, "RequestRefused", "no boats", id="refused request"
        ),
        pytest.param({"create": [{"status": 401}]}, "ProviderKeyRejected", "Store a valid one", id="bad key"),
        pytest.param(
            {"create": [{"reset": True, "failed_row": True}]}, "GenerationFailed", "not charged", id="a lost failure"
        ),
        pytest.param(
            {"create": [{"reset": True, "accept": True}], "logged": "never"},
            "SubmissionUnknown",
            "may have accepted it",
            id="a lost answer that is never logged",
        ),
        pytest.param(
            {"video": [{"cut": 1000, "repeat": True}]}, "VideoInvalid", "announced", id="a truncated video, always"
        ),
        pytest.param(
            {"video": [{"cut": 1000, "repeat": True}], "video_fields": {"file_size": None}},
            "VideoInvalid",
            "cut off",
            id="a truncated video of no announced size",
        ),
        pytest.param({"video": [{"html": True, "repeat": True}]}, "VideoInvalid", "text/html", id="HTML, always"),
        pytest.param({"video": [{"empty": True, "repeat": True}]}, "VideoInvalid", "", id="an empty video"),
        pytest.param({"video": [{"status": 410, "repeat": True}]}, "VideoUnavailable", "410", id="a dead link"),
        pytest.param(
            {"video": [{"redirect": "https://evil.example.com/v.mp4"}]}, "VideoForbidden", "evil", id="a bad redirect"
        ),
    ],
)
def test_a_job_that_cannot_succeed_fails_with_a_reason(cloud: LocalCloud, script: Any, name: str, reason: str) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, **{"seconds": 0, **script})
    assert reason in failed(cloud, cloud.create(prompt), name)
    assert cloud.creates(prompt) == 1


@pytest.mark.alone
def test_a_key_rotated_while_running_is_picked_up(cloud: LocalCloud) -> None:
    prompt, secrets = unique("a boat"), cloud.aws("secretsmanager")
    arn = cloud.stack.provider_key_secret_arn
    old = secrets.get_secret_value(SecretId=arn)["SecretString"]
    cloud.simulator.script(prompt, outcome="never")
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    cloud.simulator.rotate(["rotated"])
    try:
        eventually(lambda: any(call.status == 401 for call in cloud.simulator.calls()) or None)
        secrets.put_secret_value(SecretId=arn, SecretString="rotated")
        cloud.simulator.script(prompt, seconds=0)
        succeeded(cloud, prompt, generation_id)
    finally:
        cloud.simulator.rotate([old])
        secrets.put_secret_value(SecretId=arn, SecretString=old)


def test_a_job_that_never_finishes_times_out(cloud: LocalCloud) -> None:
    """Make the record a day older instead of waiting for a day."""
    prompt = unique("a boat")
    cloud.simulator.script(prompt, outcome="never")
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    set_time(cloud, generation_id, "submitted_at", days_ago=2)
    assert "did not finish within" in failed(cloud, generation_id, "GenerationTimedOut")


def test_a_submission_is_never_repeated_after_a_crash(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, create=[{"status": 429, "headers": {"Retry-After": "1"}, "repeat": True}])
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.creates(prompt) or None)
    eventually(lambda: Claim.begin(cloud.ledger, Run(generation_id)))
    cloud.simulator.script(prompt, seconds=0)
    set_time(cloud, generation_id, "sending_since", days_ago=1)
    assert "may have accepted" in failed(cloud, generation_id, "SubmissionUnknown")
    assert cloud.simulator.counts().creates_by_prompt.get(prompt, 0) == 0


def test_an_aborted_execution_is_recorded_and_announced(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, outcome="never")
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    arn = cloud.stack.video_generation_state_machine_arn.replace(":stateMachine:", ":execution:")
    cloud.aws("stepfunctions").stop_execution(executionArn=f"{arn}:{generation_id}")
    record = cloud.ended(generation_id)
    assert record.error is not None
    assert record.error.name == "WorkflowStopped"
    assert [message["status"] for message in cloud.announcements(generation_id)] == ["error"]


def test_submit_invoked_by_six_at_once_sends_once(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    made = generation(uuid4().hex, request={"model": "veo2", "prompt": prompt}, created_at=now(), updated_at=now())
    cloud.ledger.add(made)
    submit = payload("submit", {"generation_id": made.generation_id})
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: cloud.invoke("submit", submit), range(6)))
    assert "generating" in {answer["status"] for answer in answers}
    assert cloud.creates(prompt) == 1


def test_finalize_invoked_twice_at_once_archives_one_video(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, outcome="never")
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    cloud.simulator.script(prompt, seconds=0, video=[{"rate": 20_000}, {"rate": 20_000}])
    state = {"generation_id": generation_id, "wait_seconds": 1, "pending_seconds": 0}
    cloud.invoke("check_status", payload("check_status", state))
    finalize = payload("finalize", state)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: cloud.invoke("finalize", finalize), range(2))
    assert first == second == cloud.invoke("finalize", finalize)
    video = cloud.ended(generation_id).video
    assert video is not None
    assert first["video"] == video.as_dict()
    listed = cloud.aws("s3").list_object_versions(Bucket=cloud.stack.videos_bucket, Prefix=f"videos/{generation_id}/v")
    assert len(listed["Versions"]) == 1
    uploads = cloud.aws("s3").list_multipart_uploads(Bucket=cloud.stack.videos_bucket).get("Uploads", [])
    assert [one for one in uploads if generation_id in one["Key"]] == []


def test_the_next_invocation_continues_a_partial_archive(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    a_part: VideoBehaviour = {**LARGE, "truncate": 9 << 20}
    # Late enough for the first part to arrive on a busy machine, and before the 20 s after which it would be a timeout.
    gone: VideoBehaviour = {**LARGE, "status": 410, "hang": 10, "repeat": True}
    cloud.simulator.script(prompt, seconds=0.5, video=[a_part, a_part, a_part, gone])  # not enough for the whole video
    generation_id = cloud.create(prompt)

    def kept() -> Any:
        found = cloud.ledger.get(generation_id)
        return found if found.upload or found.status.ended else None

    assert eventually(kept).upload
    cloud.simulator.script(prompt, seconds=0.5, video=[{**LARGE, "repeat": True}])
    succeeded(cloud, prompt, generation_id)
    arn = cloud.execution(generation_id)["executionArn"]
    history = cloud.aws("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
    assert "VideoIncomplete" in json.dumps(history, default=str)


def test_the_history_and_the_announcement_hold_no_prompt_and_no_key(cloud: LocalCloud) -> None:
    prompt = unique("a very private boat")
    cloud.simulator.script(prompt, seconds=0)
    generation_id = cloud.create(prompt)
    succeeded(cloud, prompt, generation_id)
    arn = cloud.execution(generation_id)["executionArn"]
    pages = cloud.aws("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)
    text = json.dumps([pages["events"], cloud.announcements(generation_id)], default=str)
    key = cloud.aws("secretsmanager").get_secret_value(SecretId=cloud.stack.provider_key_secret_arn)["SecretString"]
    assert generation_id in text
    assert prompt not in text
    assert key not in text
    assert cloud.simulator.counts().authorization_leaks == 0


def set_time(cloud: LocalCloud, generation_id: str, name: str, *, days_ago: int) -> None:
    """Set a time of a record to the past."""
    cloud.aws("dynamodb").update_item(
        TableName=cloud.stack.table_name,
        Key={"generation_id": {"S": generation_id}},
        UpdateExpression=f"SET {name} = :time",
        ExpressionAttributeValues={":time": {"S": iso(now() - timedelta(days=days_ago))}},
    )


def test_videos_in_other_containers_are_archived_unchanged(cloud: LocalCloud) -> None:
    wanted = {
        "VP9 (.webm)": ("webm", "video/webm"),
        "PRORES4444 (.mov)": ("mov", "video/quicktime"),
        "GIF (.gif)": ("gif", "image/gif"),
    }
    prompts = {kind: unique(f"a boat as {kind}") for kind in wanted}
    made = {
        kind: cloud.create(prompt, model="longcat/distilled/480p", video_output_type=kind)
        for kind, prompt in prompts.items()
    }
    for kind, (suffix, content_type) in wanted.items():
        succeeded(cloud, prompts[kind], made[kind], suffix)
        shown = cloud.call("GET", params={"generation_id": made[kind]}).json()["video"]
        assert (shown["content_type"], shown["file_name"]) == (content_type, f"{made[kind]}.{suffix}")
        assert requests.get(shown["url"], timeout=30).headers["Content-Type"] == content_type


@contextmanager
def host_allowed(cloud: LocalCloud, host: str) -> Iterator[None]:
    """Allow one more host, as a deployment with it in the stage's video_hosts would."""
    lambdas = cloud.aws("lambda")
    finalize = next(f for f in lambdas.list_functions()["Functions"] if f["Handler"] == "finalize.handler")
    before = finalize["Environment"]["Variables"]
    more = {**before, "VIDEO_HOSTS": f"{before['VIDEO_HOSTS']},{host}"}
    try:
        lambdas.update_function_configuration(FunctionName=finalize["FunctionName"], Environment={"Variables": more})
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=finalize["FunctionName"], Environment={"Variables": before})


@pytest.mark.alone  # a changed configuration ends all processes of the function, also those at work for other tests
def test_a_video_on_an_unknown_host_is_archived_once_the_host_is_allowed(cloud: LocalCloud) -> None:
    """The video is archived as a WebM, without a second create call."""
    prompt, body = unique("a boat elsewhere"), webm(cluster(b"block" * 9))
    with hosting(body, address="127.0.0.2") as host:
        cloud.simulator.script(prompt, seconds=0, video_fields={"url": host.url, "file_size": len(body)})
        generation_id = cloud.create(prompt)
        message = failed(cloud, generation_id, "VideoForbidden")
        for word in ("leads to 127.0.0.2,", "video_hosts"):
            assert message.count(word) == 1
        assert host.asked == []
        workflow = Workflow(cloud.aws("stepfunctions"), cloud.stack.video_generation_state_machine_arn)
        with host_allowed(cloud, "127.0.0.2"):
            rescue(generation_id, cloud.ledger, workflow)
            assert cloud.execution(f"{generation_id}-1")["status"] == "SUCCEEDED"
    record = cloud.ended(generation_id)
    assert record.video is not None
    assert (record.status, record.video.content_type) == (Status.COMPLETED, "video/webm")
    stored = cloud.aws("s3").get_object(Bucket=cloud.stack.videos_bucket, Key=f"videos/{generation_id}/video.webm")
    assert (stored["Body"].read(), stored["ContentType"]) == (body, "video/webm")
    shown = cloud.call("GET", params={"generation_id": generation_id}).json()["video"]
    assert (shown["content_type"], shown["file_name"]) == ("video/webm", f"{generation_id}.webm")
    assert requests.get(shown["url"], timeout=30).content == body
    content = cloud.call("GET", f"/v2/video/generations/{generation_id}/content")
    assert (content.content, content.headers["Content-Type"]) == (body, "video/webm")
    assert [one["status"] for one in cloud.announcements(generation_id)] == ["error", "completed"]
    assert cloud.creates(prompt) == 1
    assert cloud.call("DELETE", params={"generation_id": generation_id}).json()["deleted"]
    assert set(cloud.archived(generation_id)) <= {"poster.jpg"}


def test_a_rescued_job_continues_without_paying_twice(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, seconds=0, video=[{"redirect": "https://evil.example.com/v.mp4"}])
    generation_id = cloud.create(prompt)
    failed(cloud, generation_id, "VideoForbidden")
    workflow = Workflow(cloud.aws("stepfunctions"), cloud.stack.video_generation_state_machine_arn)
    rescue(generation_id, cloud.ledger, workflow)
    record = eventually(lambda: record if (record := cloud.ended(generation_id)).status is Status.COMPLETED else None)
    assert record.rescues == 1
    assert cloud.execution(f"{generation_id}-1")["status"] == "SUCCEEDED"
    assert [message["status"] for message in cloud.announcements(generation_id)] == ["error", "completed"]
    assert cloud.creates(prompt) == 1
