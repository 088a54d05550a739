"""Drop files in the prompts bucket and put events on the bus of the deployed stack."""

import json
from typing import Any
from uuid import uuid4

import pytest

from core.generation import Failure, Status
from local.provision import ensure_queue
from tests.support.local_cloud import LocalCloud, eventually, unique


@pytest.mark.parametrize(
    ("suffix", "body"),
    [("txt", "PROMPT\n"), ("txt", "\ufeffPROMPT"), ("json", '{"prompt": "PROMPT", "duration": 6}')],
    ids=["text", "text with a byte-order mark", "json"],
)
def test_a_dropped_request_becomes_a_video_in_its_owners_list(cloud: LocalCloud, suffix: str, body: str) -> None:
    prompt = unique("a kite")
    cloud.simulator.script(prompt, seconds=0)
    record = cloud.of_owner(cloud.drop(f"{uuid4().hex}.{suffix}", body.replace("PROMPT", prompt)))
    assert (record.status, record.source.kind) == (Status.COMPLETED, "s3")
    assert record.request["prompt"] == prompt
    assert cloud.creates(prompt) == 1


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("x.txt", b"  ", "is empty"),
        ("x.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("x.json", b"{", "not valid JSON"),
        ("x.json", b'{"prompt": "x", "duration": 99}', "`duration` must be one of 5, 6, 7, 8"),
        ("x.png", b"\x89PNG", "must end in .txt, .json, .jsonl, .csv"),
        ("x.csv", b"text\nx\n", "including `prompt` or `model`"),
        ("x.jsonl", b"\n\n", "is empty"),
    ],
    ids=["blank", "not UTF-8", "half an object", "bad duration", "a picture", "other columns", "empty lines"],
)
def test_a_bad_file_is_recorded_and_announced_failed(cloud: LocalCloud, name: str, body: bytes, reason: str) -> None:
    record = cloud.of_owner(cloud.drop(f"{uuid4().hex}/{name}", body))
    assert record.status is Status.ERROR
    assert record.error is not None
    assert reason in record.error.message
    listed = cloud.call("GET", params={"status": "error", "limit": "100"}).json()["data"]
    assert record.generation_id in [one["id"] for one in listed]
    assert len(cloud.announcements(record.generation_id)) == 1


def test_a_repeated_event_starts_nothing_and_new_content_is_a_new_request(cloud: LocalCloud) -> None:
    prompts, key = [unique("a kite"), unique("a kite")], f"{uuid4().hex}.txt"
    for prompt in prompts:
        cloud.simulator.script(prompt, seconds=0)
    ref = cloud.drop(key, prompts[0])
    cloud.of_owner(ref)
    head = cloud.aws("s3").head_object(Bucket=cloud.stack.prompts_bucket, Key=key)
    cloud.drop(key, prompts[1])
    stale = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": cloud.stack.prompts_bucket},
            "object": {"key": key, "etag": head["ETag"].strip('"'), "version-id": head["VersionId"]},
        },
    }
    for _ in range(3):  # duplicates that arrive after newer events
        cloud.aws("sqs").send_message(QueueUrl=cloud.queue_url("IngestQueueUrl"), MessageBody=json.dumps(stale))

    def both() -> bool | None:
        return sum(g.source.ref == ref and g.announced_at is not None for g in cloud.listed()) == 2 or None

    assert eventually(both)
    eventually(lambda: cloud.is_drained("IngestQueueUrl") or None)
    assert [cloud.creates(prompt) for prompt in prompts] == [1, 1]


def put_event(cloud: LocalCloud, detail: dict[str, Any]) -> str:
    entry = {
        "EventBusName": cloud.stack.bus_name,
        "Source": "my.shop",
        "DetailType": "Generation Requested",
        "Detail": json.dumps(detail),
    }
    return str(cloud.aws("events").put_events(Entries=[entry])["Entries"][0]["EventId"])


def test_events_with_the_same_key_become_one_video(cloud: LocalCloud) -> None:
    prompt, key = unique("a kite"), uuid4().hex
    cloud.simulator.script(prompt, seconds=0)
    ids = [put_event(cloud, {"prompt": prompt, "idempotency_key": key}) for _ in range(3)]

    record = eventually(lambda: next((g for g in cloud.listed() if g.source.ref in ids and g.announced_at), None))
    assert (record.status, record.source.kind) == (Status.COMPLETED, "event")
    eventually(lambda: cloud.is_drained("IngestQueueUrl") or None)
    assert cloud.creates(prompt) == 1


def test_a_bad_event_is_recorded_as_a_failure(cloud: LocalCloud) -> None:
    record = cloud.of_owner(put_event(cloud, {"prompt": "", "model": "veo2"}))
    assert record.error == Failure("InvalidRequest", "`prompt` must not be blank.")


def test_a_subscription_receives_only_what_matches_its_filter(cloud: LocalCloud) -> None:
    ann, bob = uuid4().hex, uuid4().hex
    filters = {"failures": {"owner": [ann], "status": ["error"]}, "bobs": {"owner": [bob]}}
    topic, aws = cloud.stack.topic_arn, cloud.stack.aws_endpoint_url
    queues = {name: ensure_queue(topic, aws, f"{name}-{ann}", only) for name, only in filters.items()}
    keys = {owner: {"Authorization": f"Bearer {cloud.key_of(owner)}"} for owner in (ann, bob)}

    def ended(owner: str, **script: Any) -> str:
        prompt = unique("a kite")
        cloud.simulator.script(prompt, seconds=0, **script)
        answer = cloud.call("POST", headers=keys[owner], json={"model": "veo2", "prompt": prompt})
        return cloud.ended(answer.json()["id"]).generation_id

    ended(ann)
    bobs, bad = ended(bob), ended(ann, outcome="error")

    def heard(name: str) -> set[str] | None:
        received = cloud.aws("sqs").receive_message(QueueUrl=queues[name], MaxNumberOfMessages=10)
        messages = received.get("Messages", [])
        return {json.loads(json.loads(message["Body"])["Message"])["generation_id"] for message in messages} or None

    assert (eventually(lambda: heard("failures")), eventually(lambda: heard("bobs"))) == ({bad}, {bobs})
