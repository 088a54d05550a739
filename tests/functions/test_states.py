"""Run the functions of the states in order, on AWS by moto and a provider simulator."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from core.archive.store import Archive
from core.errors import (
    GenerationFailed,
    ProviderKeyMissing,
    ProviderUnavailable,
    VideoForbidden,
    VideoInvalid,
)
from core.generation import ArchivedVideo, Failure, Status, iso
from core.records.ledger import Ledger
from core.rescue import rescue
from core.workflow import Run
from tests.support.events import event
from tests.support.films import film
from tests.support.functions import KEY, Cloud, call
from tests.support.mp4 import content_credentials
from tests.support.states import caught
from tests.support.wire import http, serving
from wiring import now

Accepted = Callable[..., str]


def test_a_prompt_becomes_an_archived_and_announced_video(cloud: Cloud, accepted: Accepted) -> None:
    state = {"generation_id": accepted()}
    submitted = cloud.run(state, "submit")
    assert submitted == {**state, "status": "generating", "wait_seconds": 30, "pending_seconds": 0}
    checked = cloud.run(submitted, "check_status")
    assert checked == {**state, "status": "archiving", "wait_seconds": 0, "pending_seconds": 0}
    answer = cloud.run(state, "finalize")
    assert answer["status"] == "completed"

    s3 = boto3.client("s3")
    body = s3.get_object(Bucket="videos", Key="videos/g1/video.mp4")["Body"].read()
    assert answer["video"]["sha256"] == hashlib.sha256(body).hexdigest()
    record = beside_the_video()
    assert record["request"] == {"model": "veo2", "prompt": "a boat"}
    facts = record["video"].pop("facts")  # in the ledger's form, from which a restore takes them
    assert (facts["duration_ms"], answer["video"]["duration"]) == (5000, 5.0)
    assert record["video"] == {name: answer["video"][name] for name in record["video"]}
    assert record["provider_id"].endswith(":veo2")
    assert record["credits_used"] > 0

    [message] = cloud.messages()
    announced = json.loads(message["Message"])
    assert announced["status"] == "completed"
    assert announced["video"] == answer["video"]
    assert "a boat" not in message["Message"]
    assert {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()} == {
        "status": "completed",
        "model": "veo2",
        "source": "api",
        "owner": "ann",
        "type": "generation",
    }
    counts = cloud.simulator.counts()
    assert (counts.creates, counts.downloads, counts.authorization_leaks) == (1, 1, 0)


def test_a_request_that_the_provider_rejected_returns_to_submit(cloud: Cloud, accepted: Accepted) -> None:
    state = {"generation_id": accepted()}
    cloud.simulator.script("a boat", create=[{"status": 429, "headers": {"Retry-After": "7"}}])
    refused = cloud.run(state, "submit")
    assert refused == {**state, "status": "queued", "wait_seconds": 7, "pending_seconds": 0}
    assert cloud.run(refused, "check_status")["status"] == "queued"
    assert cloud.run(refused, "submit")["status"] == "generating"


def test_a_models_usual_time_is_learned_shown_and_waited_for(cloud: Cloud, accepted: Accepted) -> None:
    for number in range(5):
        accepted(generation_id=f"g{number}")
        state = cloud.run({"generation_id": f"g{number}"}, "submit")
        assert state["wait_seconds"] == 30
        boto3.client("dynamodb").update_item(
            TableName="generations",
            Key={"generation_id": {"S": f"g{number}"}},
            UpdateExpression="SET submitted_at = :then",
            ExpressionAttributeValues={":then": {"S": iso(now() - timedelta(seconds=51))}},
        )
        assert cloud.run({**state, "pending_seconds": 49}, "check_status")["status"] == "archiving"
    _, listed = call(cloud, "GET", "/v2/models", query="vendor=google")
    takes = {model["id"]: model["takes"] for model in listed["data"]}
    assert takes.pop("veo2") == {
        "median_seconds": pytest.approx(50, abs=1),
        "slowest_tenth_seconds": pytest.approx(50, abs=1),
        "jobs": 5,
    }
    assert set(takes.values()) == {None}
    assert call(cloud, "GET", "/v2/models", query="id=veo2")[1]["takes"]["jobs"] == 5
    accepted(generation_id="g5")
    assert 35 < cloud.run({"generation_id": "g5"}, "submit")["wait_seconds"] < 50


@pytest.mark.parametrize("place", ["after the first box", "at the end"])
def test_a_video_keeps_its_provenance_marks(cloud: Cloud, accepted: Accepted, place: str) -> None:
    """Tools that show how a video was made, such as those of C2PA, read a box that nothing else needs."""
    plain, marks = film("mp4", sound=True), content_credentials()
    first = int.from_bytes(plain[:4])
    received = plain[:first] + marks + plain[first:] if place == "after the first box" else plain + marks
    with serving(http(200, received, "Content-Type: video/mp4")) as wire:
        offered = {"url": f"{wire.url}/v.mp4", "file_size": len(received)}
        cloud.simulator.script("a boat", video_fields=offered)
        video = cloud.run({"generation_id": accepted()}, "submit", "check_status", "finalize")["video"]
    stored = boto3.client("s3").get_object(Bucket="videos", Key="videos/g1/video.mp4")["Body"].read()
    assert stored == received
    assert (video["size"], video["sha256"]) == (len(received), hashlib.sha256(received).hexdigest())
    assert (video["width"], video["height"], video["duration"], video["has_sound"]) == (320, 568, 2.0, True)


def test_a_video_on_a_host_of_its_model_is_archived(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def hosts_of(model: str) -> tuple[str, ...]:
        asked.append(model)
        return ("127.0.0.1",)

    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    monkeypatch.setenv("VIDEO_HOSTS", "cdn.example.com")
    with pytest.raises(VideoForbidden):
        cloud.run(state, "finalize")
    monkeypatch.setattr("core.finalize.hosts_of", hosts_of)
    assert cloud.run(state, "finalize")["status"] == "completed"
    assert asked == ["veo2"]


def test_a_paid_video_on_an_unknown_host_is_archived_after_a_rescue(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    monkeypatch.setenv("VIDEO_HOSTS", "cdn.example.com")
    with pytest.raises(VideoForbidden, match="not an allowed host of this model") as forbidden:
        cloud.run(state, "finalize")
    cloud.run({**state, **caught("VideoForbidden", str(forbidden.value))}, "record_failure")
    assert cloud.ledger.get("g1").status is Status.ERROR

    monkeypatch.setenv("VIDEO_HOSTS", "127.0.0.1")
    workflow: Any = SimpleNamespace(start=lambda run: run)
    execution = rescue("g1", cloud.ledger, workflow).run.execution
    state = cloud.run({"generation_id": "g1"}, "submit", "check_status", "finalize", execution=execution)
    assert state["status"] == "completed"
    assert cloud.simulator.counts().creates == 1


def test_finalize_invoked_twice_does_its_work_once(cloud: Cloud, accepted: Accepted) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    assert cloud.run(state, "finalize") == cloud.run(state, "finalize")
    assert len(cloud.messages()) == 1


def die_in(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, place: str, state: dict[str, Any]) -> None:
    """Invoke Finalize, and crash it where it calls `place`."""

    def die(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(place, die)
        with pytest.raises(MemoryError):
            cloud.run(state, "finalize")


def test_finalize_that_died_after_archiving_completes_without_the_providers_link(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    die_in(monkeypatch, cloud, "core.records.ledger.Ledger.complete", state)
    cloud.simulator.script("a boat", video=[{"status": 403, "repeat": True}])
    assert cloud.run(state, "finalize")["status"] == "completed"
    assert len(cloud.messages()) == 1


@pytest.mark.parametrize("after", ["Archive.store", "Archive.store_record"])
def test_a_generation_deleted_during_archiving_leaves_nothing(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    step = getattr(Archive, after.rpartition(".")[2])

    def and_it_is_deleted(*arguments: Any) -> Any:
        done = step(*arguments)
        cloud.delete("g1")
        return done

    monkeypatch.setattr(f"core.archive.store.{after}", and_it_is_deleted)
    assert cloud.run(state, "finalize")["status"] == "ended"
    assert boto3.client("s3").list_objects_v2(Bucket="videos")["KeyCount"] == 0


def beside_the_video() -> dict[str, Any]:
    body = boto3.client("s3").get_object(Bucket="videos", Key="videos/g1/generation.json")["Body"]
    record: dict[str, Any] = json.load(body)
    return record


def test_a_completed_generation_already_has_its_record_next_to_its_video(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    complete = Ledger.complete

    def complete_and_die(ledger: Ledger, run: Run, video: ArchivedVideo, ended_at: datetime, rule: str) -> None:
        complete(ledger, run, video, ended_at, rule)
        raise MemoryError

    monkeypatch.setattr(Ledger, "complete", complete_and_die)
    with pytest.raises(MemoryError):
        cloud.run(state, "finalize")
    record, generation = beside_the_video(), cloud.ledger.get("g1")
    assert generation.video is not None
    assert generation.ended_at is not None
    assert (record["status"], record["video"]) == ("completed", asdict(generation.video))
    assert record["ended_at"] == iso(generation.ended_at)


@pytest.mark.parametrize("status", ["completed", "error"])
def test_the_record_next_to_the_video_always_matches_the_end(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    complete = Ledger.complete

    def be_late(ledger: Ledger, run: Run, video: ArchivedVideo, ended_at: datetime, rule: str) -> None:
        if status == "completed":
            complete(ledger, run, video, ended_at + timedelta(seconds=1), rule)
        else:
            ledger.fail(run, Failure("Cancelled", "by its owner"))
        complete(ledger, run, video, ended_at, rule)

    monkeypatch.setattr(Ledger, "complete", be_late)
    assert cloud.run(state, "finalize")["status"] == ("completed" if status == "completed" else "ended")
    generation = cloud.ledger.get("g1")
    assert generation.ended_at is not None
    assert (beside_the_video()["status"], beside_the_video()["ended_at"]) == (status, iso(generation.ended_at))


def test_finalize_that_died_before_announcing_announces(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    die_in(monkeypatch, cloud, "core.publish.announcer.Announcer.announce", state)
    assert cloud.messages() == []
    assert cloud.run(state, "finalize")["status"] == "completed"
    assert len(cloud.messages()) == 1


def test_finalize_that_died_while_announcing_announces(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    die_in(monkeypatch, cloud, "core.publish.announcer.Announcer._publish", state)
    assert cloud.messages() == []
    assert cloud.run(state, "finalize")["status"] == "completed"
    assert len(cloud.messages()) == 1


def test_an_expired_link_is_replaced_by_a_fresh_one(cloud: Cloud, accepted: Accepted) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    record = cloud.ledger.get("g1").provider_video or {}
    cloud.ledger.provider_finished(Run("g1"), {**record, "url": record["url"] + "0"}, 1)
    assert cloud.run(state, "finalize")["status"] == "completed"


def test_a_broken_video_is_not_archived(cloud: Cloud, accepted: Accepted) -> None:
    cloud.simulator.script("a boat", video=[{"cut": 500}])
    state = cloud.run({"generation_id": accepted()}, "submit", "check_status")
    with pytest.raises(VideoInvalid):
        cloud.run(state, "finalize")
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="videos")


def test_a_provider_that_fails_ends_the_generation(cloud: Cloud, accepted: Accepted) -> None:
    cloud.simulator.script("a boat", outcome="error", error={"name": "Nsfw", "message": "not this"})
    state = cloud.run({"generation_id": accepted()}, "submit")
    with pytest.raises(GenerationFailed, match="Nsfw: not this"):
        cloud.run(state, "check_status")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between two polls that have to agree."""
    monkeypatch.setattr("core.provider.client.AGREE_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("word", ["failed", "cancelled", "expired", "rejected", "dreaming"])
def test_a_job_that_the_provider_ends_with_another_word_fails_and_frees_its_slot(
    cloud: Cloud, accepted: Accepted, word: str
) -> None:
    cloud.simulator.script("a boat", outcome="error", statuses=["queued", word], error=None)
    state = cloud.run({"generation_id": accepted()}, "admit", "submit")
    assert cloud.holders == ["g1"]
    with pytest.raises(GenerationFailed, match=f"The provider ended the job as `{word}`: no reason given"):
        cloud.run(state, "check_status")
    cloud.run({**state, **caught("GenerationFailed", f"as `{word}`")}, "record_failure")
    assert cloud.holders == []
    assert cloud.ledger.get("g1").charged == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("word", ["failed", "dreaming"])
def test_a_word_that_is_said_once_ends_nothing(cloud: Cloud, accepted: Accepted, word: str) -> None:
    cloud.simulator.script("a boat", outcome="never", fetch=[{"word": word}])
    state = cloud.run({"generation_id": accepted()}, "admit", "submit", "check_status")
    assert (state["status"], cloud.holders) == ("generating", ["g1"])


@pytest.mark.usefixtures("impatient")
def test_a_video_whose_job_ended_by_mistake_is_rescued_and_counted(cloud: Cloud, accepted: Accepted) -> None:
    cloud.simulator.script("a boat", fetch=[{"word": "failed"}, {"word": "failed"}])
    state = cloud.run({"generation_id": accepted()}, "submit")
    with pytest.raises(GenerationFailed):
        cloud.run(state, "check_status")
    cloud.run({**state, **caught("GenerationFailed", "failed")}, "record_failure")
    workflow: Any = SimpleNamespace(start=lambda _: None)
    execution = rescue("g1", cloud.ledger, workflow).run.execution
    cloud.run(state, "check_status", "finalize", execution=execution)
    rescued = cloud.ledger.get("g1")
    assert (rescued.status, rescued.charged) == (Status.COMPLETED, rescued.credits_used)
    assert cloud.simulator.counts().creates == 1


def test_a_key_rotated_while_running_is_picked_up(cloud: Cloud, accepted: Accepted) -> None:
    state = cloud.run({"generation_id": accepted()}, "submit")
    cloud.simulator.rotate(["new-key"])
    with pytest.raises(ProviderUnavailable, match="401"):
        cloud.run(state, "check_status")
    boto3.client("secretsmanager").put_secret_value(SecretId="provider-key", SecretString="new-key\n")
    assert cloud.run(state, "check_status")["status"] == "archiving"


def test_without_a_stored_key_nothing_is_sent(
    cloud: Cloud, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = boto3.client("secretsmanager").create_secret(Name="empty")["ARN"]
    monkeypatch.setenv("PROVIDER_KEY_SECRET", empty)
    with pytest.raises(ProviderKeyMissing):
        cloud.run({"generation_id": accepted()}, "submit")
    assert cloud.simulator.calls() == []


def test_a_failure_is_recorded_logged_and_announced_once(
    cloud: Cloud, accepted: Accepted, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"generation_id": accepted(), **caught("RequestRefused", "The provider refused.")}
    refused = Failure("RequestRefused", "The provider refused.")
    answer = {"generation_id": "g1", "error": asdict(refused)}
    assert cloud.run(state, "record_failure") == answer
    assert cloud.run(state, "record_failure") == answer
    assert cloud.ledger.get("g1").error == refused
    [message] = cloud.messages()
    assert message["MessageAttributes"]["status"]["Value"] == "error"
    cloud.invoke("record_failure", event("execution_aborted"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["error"] for line in lines if "GenerationFailed" in line] == ["RequestRefused"]
    assert [line["error"] for line in lines if line.get("message") == "failed"] == ["RequestRefused"]


def test_an_aborted_execution_is_recorded(cloud: Cloud, accepted: Accepted) -> None:
    accepted()
    cloud.invoke("record_failure", event("execution_aborted"))
    record = cloud.ledger.get("g1")
    assert record.status is Status.ERROR
    assert record.error is not None
    assert record.error.name == "WorkflowStopped"
    assert len(cloud.messages()) == 1


@pytest.mark.parametrize("function", ["submit", "check_status", "finalize"])
def test_a_generation_that_has_ended_is_left_alone(cloud: Cloud, accepted: Accepted, function: str) -> None:
    state = {"generation_id": accepted(), "wait_seconds": 30, "pending_seconds": 0}
    cloud.ledger.fail(Run("g1"), Failure("WorkflowStopped", "stopped"))
    assert cloud.run(state, function)["status"] == "ended"


def test_no_log_shows_a_prompt_or_a_key(cloud: Cloud, accepted: Accepted, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.run({"generation_id": accepted("a very private prompt")}, "submit", "check_status", "finalize")
    output = "".join(capsys.readouterr())
    assert "archived" in output
    assert "private" not in output
    assert KEY not in output
