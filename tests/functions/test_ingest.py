"""Ingest files and events from the queue: each request once, even if repeated, reordered or invalid."""

import json
import os
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import ingest
from core.batches.identity import Identities, batch_id_for
from core.generation import Generation, Status
from tests.support.events import requested
from tests.support.functions import Doors
from tests.support.revisions import records


def test_a_text_file_starts_a_generation_of_the_prefixs_owner(doors: Doors) -> None:
    dropped = doors.drop("bob/a.txt", "a boat\n")
    assert doors.take(dropped) == []
    (generation,) = doors.of("bob")
    assert generation.request == {"model": "veo2", "prompt": "a boat"}
    assert (generation.source.kind, generation.source.ref) == ("s3", "s3://prompts/bob/a.txt")
    assert [one["name"] for one in doors.executions("STATE_MACHINE_ARN")] == [generation.generation_id]


def test_events_of_one_key_may_be_repeated_and_reordered(doors: Doors) -> None:
    first, second = doors.drop("a.txt", "a boat"), doors.drop("a.txt", "a kite")
    assert doors.take(second, first, second, first) == []
    assert doors.take(first) == []
    assert {generation.request["prompt"] for generation in doors.of("files")} == {"a boat", "a kite"}
    assert len(doors.executions("STATE_MACHINE_ARN")) == 2


def test_only_failed_messages_are_delivered_again(doors: Doors) -> None:
    good, lost = doors.drop("a.txt", "a boat"), doors.drop("b.txt", "a kite")
    lost["detail"]["bucket"]["name"] = "not-there"
    assert doors.take(lost, good) == ["message-0"]
    assert [generation.request["prompt"] for generation in doors.of("files")] == ["a boat"]


def test_an_event_sent_again_by_hand_needs_no_size(doors: Doors) -> None:
    dropped = doors.drop("a.txt", "a boat")
    del dropped["detail"]["object"]["size"]
    assert doors.take(dropped) == []
    assert [generation.request["prompt"] for generation in doors.of("files")] == ["a boat"]


@pytest.mark.parametrize("key", ["a+b.txt", "a%2Bb.txt", "100 %.txt", "%25.txt", "b\u00e9 c.txt"])
def test_a_key_is_used_without_decoding(doors: Doors, key: str) -> None:
    """EventBridge does not encode keys, though Powertools decodes them."""
    assert doors.take(doors.drop(key, "a boat")) == []
    assert [generation.source.ref for generation in doors.of("files")] == [f"s3://prompts/{key}"]


def test_the_marker_of_a_folder_starts_nothing(doors: Doors) -> None:
    assert doors.take(doors.drop("bob/", "")) == []
    assert doors.of("bob") == []


@pytest.mark.parametrize(
    ("key", "body", "name", "reason"),
    [
        ("a.png", "x", "InvalidFile", "must end in"),
        ("a.json", '{"prompt": "x", "duration": 99}', "InvalidRequest", "`duration` must be one of 5, 6, 7, 8"),
        ("a.json", r'{"prompt": "x", "\ud800": 1}', "InvalidRequest", "not valid Unicode"),
        pytest.param("a.txt", "x" * 300_000, "InvalidRequest", "too large", id="300,000 characters"),
        pytest.param("a.csv", 'prompt\na boat\n"never closed', "InvalidFile", "not a valid CSV", id="open quote"),
    ],
)
def test_a_bad_file_is_announced_once_as_a_failed_generation(
    doors: Doors, key: str, body: str, name: str, reason: str
) -> None:
    dropped = doors.drop(key, body)
    assert doors.take(dropped, dropped) == []
    (generation,) = doors.of("files")
    assert generation.error is not None
    assert generation.error.name == name
    assert reason in generation.error.message
    (message,) = doors.cloud.messages()
    announced = json.loads(message["Message"])
    assert (announced["generation_id"], announced["status"]) == (generation.generation_id, "error")
    assert doors.executions("STATE_MACHINE_ARN") + doors.executions("BATCH_STATE_MACHINE_ARN") == []


def test_a_file_that_was_deleted_before_it_was_read_is_a_failed_generation(doors: Doors) -> None:
    dropped = doors.drop("a.txt", "a boat")
    version = dropped["detail"]["object"]["version-id"]
    boto3.client("s3").delete_object(Bucket="prompts", Key="a.txt", VersionId=version)
    assert doors.take(dropped) == []
    (generation,) = doors.of("files")
    assert generation.error is not None
    assert "deleted before it was read" in generation.error.message


@pytest.mark.parametrize("body", ["a boat", " "], ids=["a request", "an empty file"])
def test_a_file_of_a_deleted_generation_is_ignored(doors: Doors, body: str) -> None:
    dropped = doors.drop("a.txt", body)
    doors.take(dropped)
    (generation,) = doors.of("files")
    doors.cloud.delete(generation.generation_id)
    assert doors.take(dropped) == []
    assert len(doors.executions("STATE_MACHINE_ARN")) == (1 if body.strip() else 0)
    assert all(again.status is Status.ERROR for again in doors.of("files"))


def test_a_batch_starts_every_row_of_its_file_once(doors: Doors) -> None:
    dropped = doors.drop("a.csv", '\ufeffprompt,duration\n"a boat, red",5\na kite,99\n')
    assert doors.take(dropped, dropped) == []
    (execution,) = doors.executions("BATCH_STATE_MACHINE_ARN")
    batch_id = batch_id_for("prompts", "a.csv")
    given = execution["input"]
    assert (execution["name"], given["batch_id"], given["staged_rows"]) == (f"{batch_id}-1", batch_id, 1)
    body = boto3.client("s3").get_object(Bucket="videos", Key=given["rows_key"])["Body"].read()
    (good,) = map(json.loads, body.splitlines())
    request = {"model": "veo2", "prompt": "a boat, red", "duration": 5}
    assert good == {
        "batch_id": batch_id,
        "row": 1,
        "generation_id": Identities().next(request).id_in(batch_id),
        "revision": 1,
        "owner": "files",
        "source_ref": "s3://prompts/a.csv",
        "request": request,
    }
    (bad,) = records().rejections(records().run(given["run"]), [1, 2]).values()
    assert (bad.number, bad.problem.startswith("Line 3: `duration` must be one of")) == (2, True)
    assert doors.of("files") == [], "rows are recorded by the batch"


def test_a_file_is_recognised_after_another_kind_of_upload_or_a_new_owner(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors.take(doors.drop("a.jsonl", '{"prompt": "a boat"}'), doors.drop("a.txt", "a boat"))
    in_parts = doors.drop("a.jsonl", '{"prompt": "a boat"}')
    in_parts["detail"]["object"]["etag"] = "cb1c8e0f6c2b7b1f8c2d6e1e0a7b9c3d-2"  # an ETag of a multipart upload
    monkeypatch.setitem(os.environ, "FILE_OWNERS", "=others")
    doors.take(in_parts, doors.drop("a.txt", "a boat"))
    assert len(doors.executions("BATCH_STATE_MACHINE_ARN")) == 1
    assert len(doors.executions("STATE_MACHINE_ARN")) == 1


def test_a_rejected_file_is_accepted_once_it_is_corrected(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"model": "google/veo3", "prompt": "a boat"})
    with monkeypatch.context() as patched:
        patched.setitem(os.environ, "ALLOWED_MODELS", "veo2")
        assert doors.take(doors.drop("a.json", body)) == []
    assert doors.take(doors.drop("a.json", body)) == []
    assert prompts_and_errors(doors.of("files")) == {(None, "InvalidRequest"), ("a boat", None)}


def test_a_list_after_many_blanks_is_a_batch(doors: Doors) -> None:
    assert doors.take(doors.drop("a.json", " " * 9000 + '[{"prompt": "a boat"}]')) == []
    assert len(doors.executions("BATCH_STATE_MACHINE_ARN")) == 1


def test_a_folder_belongs_to_its_owner_but_not_names_with_the_same_start(doors: Doors) -> None:
    doors.take(doors.drop("bob/a.txt", "a boat"), doors.drop("bob-evil.txt", "a kite"))
    assert [one.request["prompt"] for one in doors.of("bob")] == ["a boat"]


def test_a_stopped_batch_restarts_when_its_file_is_dropped_again(doors: Doors) -> None:
    dropped = doors.drop("a.jsonl", '{"prompt": "a boat"}')
    doors.take(dropped)
    (execution,) = doors.executions("BATCH_STATE_MACHINE_ARN")
    boto3.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
    for _ in range(2):
        assert doors.take(doors.drop("a.jsonl", '{"prompt": "a boat"}')) == []
    names = [one["name"] for one in doors.executions("BATCH_STATE_MACHINE_ARN")]
    assert names == [execution["name"], execution["name"].removesuffix("1") + "2"]


@pytest.mark.parametrize(("metadata", "expected"), [({}, 4), ("2", 2), ("4000", 4), ("0", 4), ("many", 4)], ids=str)
def test_a_files_metadata_can_lower_the_number_of_concurrent_rows(
    doors: Doors, metadata: str | dict[str, str], expected: int
) -> None:
    asked = {"max_concurrency": metadata} if isinstance(metadata, str) else {}
    doors.take(doors.drop("a.jsonl", '{"prompt": "a boat"}', **asked))
    (execution,) = doors.executions("BATCH_STATE_MACHINE_ARN")
    assert execution["input"]["max_concurrency"] == expected


def prompts_and_errors(generations: list[Generation]) -> set[tuple[str | None, str | None]]:
    return {(one.request.get("prompt"), one.error.name if one.error else None) for one in generations}


def test_an_event_is_identified_by_its_key_or_else_by_its_id(doors: Doors) -> None:
    assert doors.take(*[requested(one, prompt="a boat", idempotency_key="k") for one in ("e1", "e2")]) == []
    assert doors.take(*[requested(one, prompt="a kite") for one in ("e3", "e3", "e4")]) == []
    assert [one.request["prompt"] for one in doors.of("shop")].count("a boat") == 1
    assert [one.request["prompt"] for one in doors.of("shop")].count("a kite") == 2


def test_a_key_of_another_request_is_rejected(doors: Doors) -> None:
    assert doors.take(*[requested(one, prompt=one, idempotency_key="k") for one in ("e1", "e2", "e2")]) == []
    assert prompts_and_errors(doors.of("shop")) == {("e1", None), (None, "IdempotencyConflict")}


def test_a_bad_event_does_not_use_up_its_key(doors: Doors) -> None:
    bad, mended = requested("e1", prompt="", idempotency_key="k"), requested("e2", prompt="x", idempotency_key="k")
    assert doors.take(bad, bad, mended) == []
    assert prompts_and_errors(doors.of("shop")) == {(None, "InvalidRequest"), ("x", None)}


@pytest.mark.parametrize(
    "detail",
    [
        {"prompt": "\ud800"},
        {"prompt": 1},
        {"object": "x"},
        {},
        {"prompt": "x", "model": ["\x00"]},
        {"prompt": "x", "idempotency_key": 0},
        {"prompt": "x", "idempotency_key": ""},
    ],
    ids=str,
)
def test_a_bad_event_is_announced_once_as_a_failed_generation(doors: Doors, detail: dict[str, Any]) -> None:
    assert doors.take(requested("e1", **detail), requested("e1", **detail)) == []
    (generation,) = doors.of("shop")
    assert (generation.error and generation.error.name) == "InvalidRequest"
    assert len(doors.cloud.messages()) == 1


def test_a_failed_message_is_retried_soon_and_then_less_often(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not delayed by the queue's 90 minutes. During processing it is hidden for as long as its file may need."""
    hidden: list[int] = []
    sqs: Any = SimpleNamespace(change_message_visibility=lambda **asked: hidden.append(asked["VisibilityTimeout"]))
    monkeypatch.setattr("wiring.client", lambda service, **_: sqs if service == "sqs" else boto3.client(service))
    monkeypatch.setitem(os.environ, "TABLE_NAME", "no-such-table")
    small, large = requested("e1", prompt="a boat"), doors.drop("a.txt", "a boat")
    large["detail"]["object"]["size"] = 100_000_000
    for receives, asked in (("1", small), ("2", small), ("1000", small), ("1", large)):
        body = json.dumps(asked)
        attributes = {"ApproximateReceiveCount": receives}
        message = {"messageId": "m", "body": body, "receiptHandle": "r", "attributes": attributes}
        with pytest.raises(ingest.NothingAccepted):  # all of its messages failed, so Lambda returns them all
            doors.cloud.invoke("ingest", {"Records": [{**message, "eventSource": "aws:sqs"}]})
    assert hidden == [60, 30, 90, 60, 900, 900, 260, 30]


@pytest.mark.parametrize("body", ["{", "[]", json.dumps({"detail-type": "Object Created", "detail": {}})])
def test_an_invalid_message_soon_becomes_a_dead_letter(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    hidden: list[int] = []
    sqs: Any = SimpleNamespace(change_message_visibility=lambda **asked: hidden.append(asked["VisibilityTimeout"]))
    monkeypatch.setattr("wiring.client", lambda service, **_: sqs if service == "sqs" else boto3.client(service))
    message = {"messageId": "m", "body": body, "receiptHandle": "r", "eventSource": "aws:sqs"}
    with pytest.raises(ingest.NothingAccepted):
        doors.cloud.invoke("ingest", {"Records": [{**message, "attributes": {"ApproximateReceiveCount": "2"}}]})
    assert hidden == [60], "its second time"
