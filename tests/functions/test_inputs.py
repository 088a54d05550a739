"""Test the ownership, the types and the links of files and videos that requests name."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError

from core import errors
from core.api.body import MAX_FILES_BYTES
from core.archive.objects import Objects
from core.generation import Failure, Status, Submission
from core.inputs.references import upload_id
from core.models import Input
from tests.support.functions import PATHS, Cloud, call
from tests.support.generations import archived, generation
from tests.support.inputs import EXTEND, MODEL, MP4, PNG, ask, keys, upload
from tests.support.revisions import complete
from wiring import now

pytestmark = pytest.mark.usefixtures("doors")
LIMITED = "minimax/hailuo-2.3-fast"
EDIT = "beeble/switchx-video-to-video"  # it accepts neither WebM nor GIF


def refusal(cloud: Cloud, reference: str, owner: str = "ann", **given: Any) -> str:
    """Return why a request is rejected, and check that nothing of it is left."""
    status, answer = ask(cloud, reference, owner, **given)
    assert status == 400, answer
    assert call(cloud.caller(owner), "GET", PATHS[0])[1]["data"] == []
    return str(answer["message"])


def put(bucket: str, key: str, content: bytes = PNG) -> str:
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def admitted(cloud: Cloud, generation_id: str) -> None:
    cloud.run({"generation_id": generation_id}, "admit")


def submitted(cloud: Cloud, generation_id: str) -> None:
    cloud.run({"generation_id": generation_id}, "submit")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the list of requests sent to the provider from now on."""
    from core.provider.client import Provider  # noqa: PLC0415 - only these tests look at it

    found: list[dict[str, Any]] = []
    post = Provider._post

    def note(self: Provider, body: bytes, client_request_id: str) -> Any:
        found.append(json.loads(body))
        return post(self, body, client_request_id)

    monkeypatch.setattr(Provider, "_post", note)
    return found


def body_behind(link: str) -> bytes:
    """Return the content behind a link by its path, because the link is not signed with the function's permissions."""
    url = urlsplit(link)
    assert url.hostname == "videos.s3.amazonaws.com"
    assert parse_qs(url.query)["X-Amz-Security-Token"]
    return boto3.client("s3").get_object(Bucket="videos", Key=url.path[1:])["Body"].read()


def test_a_form_binds_owner_type_and_size(cloud: Cloud) -> None:
    asked = {"content_type": "image/png", "sha256": hashlib.sha256(PNG).hexdigest()}
    status, answer = call(cloud.caller("a/../b.c"), "POST", "/v2/uploads", body=asked)
    assert status == 200
    fields = answer["upload"]["fields"]
    policy = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    assert fields["key"] == f"uploads/a%2F%2E%2E%2Fb%2Ec/{answer['id']}"
    assert {"key": fields["key"]} in policy
    assert {"Content-Type": "image/png"} in policy
    assert ["content-length-range", 1, answer["upload"]["max_bytes"]] in policy
    assert call(cloud.caller("a/../b.c"), "POST", "/v2/uploads", body=asked)[1]["id"] == answer["id"], "by its content"
    assert call(cloud, "POST", "/v2/uploads", body={"content_type": "image/png"})[1]["id"] != answer["id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "`content_type` must be one of image/png"),
        ({"content_type": "text/html"}, "`content_type` must be one of image/png"),
        ({"content_type": "image/png", "sha256": "../x"}, "`sha256` must be"),
        ({"content_type": "image/png", "key": "owners/bob/x"}, "`key` is not a parameter"),
        ({"content_type": 1}, "must be a JSON object"),
        ([], "must be a JSON object"),
    ],
)
def test_a_form_for_anything_else_is_refused(cloud: Cloud, body: Any, message: str) -> None:
    status, answer = call(cloud, "POST", "/v2/uploads", body=body)
    assert (status, message in answer["message"]) == (400, True), answer


def test_without_a_key_nobody_uploads(cloud: Cloud) -> None:
    assert call(cloud.caller(""), "POST", "/v2/uploads", body={"content_type": "image/png"})[0] == 401


def test_an_upload_becomes_a_link_when_the_request_is_submitted(cloud: Cloud, sent: list[dict[str, Any]]) -> None:
    reference = upload(cloud)
    status, created = ask(cloud, reference)
    assert (status, created["meta"]["request"]["image_url"]) == (200, reference)
    admitted(cloud, created["id"])
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])  # as happens after a day
    admitted(cloud, created["id"])
    submitted(cloud, created["id"])
    assert body_behind(sent[0]["image_url"]) == PNG
    assert sent[0]["prompt"] == "a boat"
    assert cloud.ledger.get(created["id"]).request["image_url"] == reference, "the record has no working link"
    (copy,) = keys(f"videos/{created['id']}/")
    assert copy.endswith("/inputs/1.png")
    assert boto3.client("s3").head_object(Bucket="videos", Key=copy)["ContentType"] == "image/png"


def test_deleting_a_generation_deletes_its_inputs(cloud: Cloud) -> None:
    _, created = ask(cloud, upload(cloud))
    admitted(cloud, created["id"])
    Objects(boto3.client("s3"), "videos").remove("0" * 32)
    assert keys(f"videos/{created['id']}/") != []
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={created['id']}")[0] == 200
    cloud.ledger.announced(cloud.ledger.get(created["id"]))
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={created['id']}")[1]["deleted"] is True
    assert keys(f"videos/{created['id']}/") == []


def test_a_file_in_the_request_is_stored_as_an_upload(cloud: Cloud, sent: list[dict[str, Any]]) -> None:
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    _, created = ask(cloud, uri, key="k")
    assert created["meta"]["request"]["image_url"] == f"upload:{upload_id(hashlib.sha256(PNG).hexdigest())}"
    assert ask(cloud, uri, key="k")[1]["id"] == created["id"]
    admitted(cloud, created["id"])
    submitted(cloud, created["id"])
    assert body_behind(sent[0]["image_url"]) == PNG


def data_uri(size: int, head: bytes = PNG) -> str:
    return "data:image/png;base64," + base64.b64encode(head.ljust(size, b"x")).decode()


def test_a_large_file_in_the_request_is_accepted_up_to_the_limit_of_the_body(cloud: Cloud) -> None:
    body = {"model": MODEL, "prompt": "x" * 100_000, "image_url": data_uri(4_200_000)}
    assert 5_500_000 < len(json.dumps(body)) <= MAX_FILES_BYTES
    status, estimate = call(cloud, "POST", "/v2/estimates", body=body)
    assert (status, estimate["basis"], keys("uploads/")) == (200, "reserve", [])
    status, created = call(cloud, "POST", PATHS[0], body=body)
    assert status == 200
    assert len(json.dumps(created)) < 110_000
    admitted(cloud, created["id"])
    (given,) = cloud.ledger.get(created["id"]).given or []
    assert (given.size, given.content_type) == (4_200_000, "image/png")
    status, error = call(cloud, "POST", PATHS[0], body={**body, "image_url": data_uri(4_400_000)})
    assert (status, "at most 5767168 bytes" in error["message"], "/v2/uploads" in error["remedy"]) == (413, True, True)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"prompt": "x" * 200_000}, 400, id="large rest"),
        pytest.param({"duration": 60}, 400, id="wrong value"),
        pytest.param({"n": 2}, 400, id="several videos"),
        pytest.param({"tail": data_uri(1000)}, 400, id="file in an unknown field"),
        pytest.param({"image_url": data_uri(1000, b"no picture")}, 400, id="no picture"),
        pytest.param({"image_url": data_uri(1000, MP4)}, 400, id="video"),
        pytest.param({"image_url": "data:image/png;base64,!"}, 400, id="no base64"),
    ],
)
def test_nothing_is_uploaded_for_a_request_that_is_rejected(cloud: Cloud, change: dict[str, Any], status: int) -> None:
    body = {"model": MODEL, "prompt": "a boat", "image_url": data_uri(1000), **change}
    assert call(cloud, "POST", PATHS[0], body=body)[0] == status
    assert keys("uploads/") == []
    assert call(cloud, "GET", PATHS[0])[1]["data"] == []


def test_nothing_is_uploaded_if_a_budget_has_no_room(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGETS", "day=1000")
    body = {"model": MODEL, "prompt": "a boat", "image_url": data_uri(1000)}
    assert call(cloud, "POST", PATHS[0], body=body)[0] == 403
    assert keys("uploads/") == []


def test_a_repeated_request_with_a_file_uploads_nothing_and_holds_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDGETS", "day=10000000")  # room for one
    body = {"model": MODEL, "prompt": "a boat", "image_url": data_uri(1000)}
    _, created = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])
    status, again = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    assert (status, again["id"], keys("uploads/")) == (200, created["id"], [])
    other = {**body, "image_url": data_uri(1001)}
    assert call(cloud, "POST", PATHS[0], body=other, idempotency_key="k")[0] == 409
    assert keys("uploads/") == []


def test_the_same_file_as_upload_and_in_the_request_is_one_input(cloud: Cloud) -> None:
    reference = "upload:" + upload_id(hashlib.sha256(PNG.ljust(1000, b"x")).hexdigest())
    model = "google/veo-3.1-first-last-image-to-video"
    body = {"model": model, "prompt": "x", "image_url": data_uri(1000), "last_image_url": reference}
    status, created = call(cloud, "POST", PATHS[0], body=body)
    assert (status, len(cloud.ledger.get(created["id"]).given or [])) == (200, 1)
    admitted(cloud, created["id"])


@pytest.mark.parametrize(
    "uri",
    ["data:,x", "data:image/png;base64,", "data:image/png;base64,a", "data:image/png;base64,%%%%", "data:base64,aa"],
)
def test_an_invalid_data_uri_is_rejected(cloud: Cloud, uri: str) -> None:
    assert "must be a data: URI in base64" in refusal(cloud, uri)


def test_a_repeated_request_is_recognised_after_its_upload_expired(cloud: Cloud) -> None:
    reference = upload(cloud)
    _, created = ask(cloud, reference, key="k")
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])
    assert ask(cloud, reference, key="k")[1]["id"] == created["id"]
    assert ask(cloud, reference, key="other")[0] == 400


def test_another_owners_upload_cannot_be_used(cloud: Cloud) -> None:
    reference = upload(cloud, owner="bob")
    assert "is not one of your files. Upload it again" in refusal(cloud, reference)
    bobs = keys("uploads/")[0]
    assert "is not one of your files" in refusal(cloud, f"s3://videos/{bobs}")
    assert ask(cloud, f"s3://videos/{bobs}", owner="bob")[0] == 200


@pytest.mark.parametrize(
    "reference",
    [
        "s3://prompts/owners/bob/cat.png",
        "s3://prompts/owners/bob/../ann/cat.png",
        "s3://prompts/owners/ann/../bob/cat.png",
        "s3://prompts/owners/ann/./cat.png",
        "s3://prompts/owners/ann//cat.png",
        "s3://prompts/owners/ann/..",
        "s3://prompts/owners/ann/..\\bob\\cat.png",
        pytest.param("s3://prompts/owners/ann/a\tb.png", id="a tab"),
        "s3://prompts/owners/ann%2Fcat.png",
        "s3://prompts/owners/annette/cat.png",
        "s3://prompts/cat.png",
        "s3://prompts/bob/cat.png",
        "s3://videos/batches/b/rows.jsonl",
        "s3://videos/results/b/report.csv",
        "s3://videos/videos/" + "0" * 32 + "/generation.json",
        "s3://videos/uploads/ann/../bob/" + "0" * 32,
        "s3://videos/uploads/ann/x",
        "s3://elsewhere/owners/ann/inputs/cat.png",
        "s3://prompts/owners/ann/inputs/cat.png?versionId=1",
    ],
)
def test_another_owners_object_is_rejected_whether_or_not_it_exists(cloud: Cloud, reference: str) -> None:
    bucket, _, key = reference.removeprefix("s3://").partition("/")
    for _ in range(2):
        assert "is not one of your files" in refusal(cloud, reference)
        if bucket == "elsewhere" or "?" in key:
            return
        put(bucket, key)


def test_an_owners_objects_can_be_inputs(cloud: Cloud, sent: list[dict[str, Any]]) -> None:
    mine = put("prompts", "owners/ann/inputs/my cat, ümlaut.png")
    bobs = put("prompts", "bob/inputs/cat.png")  # the stage's settings allow them
    _, created = ask(cloud, mine)
    assert ask(cloud, bobs, owner="bob")[0] == 200
    admitted(cloud, created["id"])
    put("prompts", "owners/ann/inputs/my cat, ümlaut.png", b"\x89PNG\r\n\x1a\nanother")
    submitted(cloud, created["id"])
    assert body_behind(sent[0]["image_url"]) == PNG, "as it was when the workflow began"


@pytest.mark.parametrize("content", [MP4, PNG + bytes(21 << 20), b""], ids=["video", "22 MB", "empty"])
def test_an_input_that_changed_after_its_check_is_not_sent(cloud: Cloud, content: bytes) -> None:
    """Otherwise its type and size could differ, and the provider charges accordingly."""
    mine = put("prompts", "owners/ann/inputs/cat.png")
    requests = [ask(cloud, reference, model=LIMITED)[1]["id"] for reference in (mine, upload(cloud))]
    put("prompts", "owners/ann/inputs/cat.png", content)
    put("videos", keys("uploads/")[0], content)
    for generation_id in requests:
        with pytest.raises(errors.InputUnavailable, match="was removed or changed before it could be used"):
            admitted(cloud, generation_id)
        assert keys(f"videos/{generation_id}/") == []


def test_the_same_file_uploaded_again_changes_nothing(cloud: Cloud) -> None:
    _, created = ask(cloud, upload(cloud))
    upload(cloud)
    admitted(cloud, created["id"])
    assert len(keys(f"videos/{created['id']}/")) == 1


@pytest.mark.parametrize(
    ("content", "model", "message"),
    [
        (MP4, MODEL, "is video/mp4, not an image (image/png"),
        (b"<html>", MODEL, "is of an unknown type, not an image"),
        (PNG, EXTEND, "is image/png, not a video (video/quicktime, video/mp4, video/webm)"),
    ],
    ids=["video for picture", "page for picture", "picture for video"],
)
def test_a_files_type_is_detected_from_its_bytes(cloud: Cloud, content: bytes, model: str, message: str) -> None:
    assert message in refusal(cloud, upload(cloud, content), model=model)


def test_an_empty_or_too_large_file_is_rejected(cloud: Cloud) -> None:
    empty = put("prompts", "owners/ann/inputs/empty.png", b"")
    assert "is of an unknown type" in refusal(cloud, empty)
    large = put("prompts", "owners/ann/inputs/large.png", PNG + bytes(21 << 20))
    assert "At most 20971520 are allowed" in refusal(cloud, large, model=LIMITED)


def done(cloud: Cloud, generation_id: str, owner: str = "ann") -> str:
    """Create a completed generation and return the reference to its video."""
    video = archived(generation_id)
    put("videos", video.key, MP4)
    cloud.ledger.add(
        generation(generation_id, owner=owner, status=Status.COMPLETED, video=video, ended_at=now(), announced_at=now())
    )
    return f"generation:{generation_id}"


@pytest.mark.parametrize("form", ["generation:{}", "s3://videos/videos/{}/video.mp4"])
def test_an_owners_video_can_be_an_input(cloud: Cloud, sent: list[dict[str, Any]], form: str) -> None:
    done(cloud, "a" * 32)
    reference = form.format("a" * 32)
    assert f"you have no generation {'a' * 32}" in refusal(cloud, reference, "bob", model=EXTEND)
    _, created = ask(cloud, reference, model=EXTEND)
    admitted(cloud, created["id"])
    assert cloud.holders == [created["id"]]
    submitted(cloud, created["id"])
    assert body_behind(sent[0]["video_url"]) == MP4
    assert keys(f"videos/{created['id']}/") == [], "nothing is copied"


@pytest.mark.parametrize(
    ("video", "message"),
    [
        ({"content_type": "video/webm"}, "is video/webm, not a video .video/mp4, video/quicktime"),
        ({"content_type": "image/gif"}, "is image/gif, not a video"),
        ({"size": 101}, "has 101 bytes. At most 100 are allowed"),
        ({"size": 100}, ""),
        ({"content_type": "video/quicktime"}, ""),
    ],
)
def test_an_awaited_video_is_checked_before_it_is_sent(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, video: dict[str, Any], message: str
) -> None:
    """The video did not exist yet when the request was accepted."""
    limited = Input("video_url", ("video",), required=True, media_types=("video/mp4", "video/quicktime"), max_bytes=100)
    monkeypatch.setattr("core.models.inputs_of", lambda name: (limited,) if name == EDIT else ())
    source = "a" * 32
    cloud.ledger.add(generation(source, request={"model": "longcat/distilled/480p", "prompt": "a boat"}))
    body = {"model": EDIT, "prompt": "in ink", "video_url": f"generation:{source}"}
    status, created = call(cloud, "POST", PATHS[0], body=body)
    assert status == 200, created
    admitted(cloud, created["id"])
    complete(cloud, source, **video)
    if not message:
        submitted(cloud, created["id"])
        return
    with pytest.raises(errors.InputUnavailable, match=message):
        submitted(cloud, created["id"])
    assert cloud.ledger.get(created["id"]).submission is None
    assert cloud.simulator.counts().creates == 0


def test_a_reference_to_a_failed_row_means_its_replacement(cloud: Cloud) -> None:
    """A reference to a row's generation means the latest result of the row, including after a retry."""
    cloud.ledger.add(generation("b" * 32, request={"model": "veo2", "prompt": "a boat"}))
    failed = cloud.ledger.get("b" * 32)
    cloud.ledger.fail(failed.run, Failure("GenerationFailed", "no luck."))
    cloud.ledger.retried_as(failed, "a" * 32)
    done(cloud, "a" * 32)
    status, created = ask(cloud, f"generation:{'b' * 32}", model=EXTEND)
    assert status == 200, created
    admitted(cloud, created["id"])
    submitted(cloud, created["id"])


def test_a_video_is_rejected_as_a_picture(cloud: Cloud) -> None:
    _, refused = ask(cloud, done(cloud, "a" * 32))
    assert "is video/mp4, not an image" in refused["message"]


def test_an_input_removed_before_submission_fails_the_job_without_charge(cloud: Cloud) -> None:
    _, first = ask(cloud, upload(cloud))
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])
    with pytest.raises(errors.InputUnavailable, match="was removed or changed before it could be used"):
        admitted(cloud, first["id"])

    _, second = ask(cloud, done(cloud, "a" * 32), model=EXTEND)
    admitted(cloud, second["id"])
    cloud.ledger.delete(cloud.ledger.get("a" * 32))
    with pytest.raises(errors.InputUnavailable, match="was deleted"):
        submitted(cloud, second["id"])
    assert cloud.ledger.get(second["id"]).submission is None
    assert cloud.simulator.counts().creates == 0


def test_links_are_made_again_before_each_claim(cloud: Cloud, monkeypatch: Any) -> None:
    """If making a link fails, nothing was sent or claimed."""
    from core.inputs.links import Signer  # noqa: PLC0415 - only this test breaks it

    _, created = ask(cloud, upload(cloud))
    admitted(cloud, created["id"])

    def break_off(*_: object) -> str:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(Signer, "__call__", break_off)
        with pytest.raises(ConnectionError):
            submitted(cloud, created["id"])
    assert cloud.ledger.get(created["id"]).submission is None
    submitted(cloud, created["id"])
    assert cloud.ledger.get(created["id"]).submission is Submission.SUBMITTED


def test_the_number_of_files_in_a_request_is_limited(cloud: Cloud) -> None:
    urls = [f"upload:{number:032x}" for number in range(65)]
    body = {"model": "google/veo-3.1-reference-to-video", "prompt": "x", "image_urls": urls}
    status, answer = call(cloud, "POST", PATHS[0], body=body)
    assert (status, "more than" in answer["message"]) == (400, True), answer


WITHHELD = ["InvalidObjectState", "AccessDenied", "KMS.DisabledException", "InvalidRequest"]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets S3 refuse an object of the prompts bucket with an error code from then on."""
    call_api: Any = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # its one door to AWS

    def let(code: str) -> None:
        def refusing(self: Any, operation: str, given: dict[str, Any]) -> Any:
            bucket = given["CopySource"]["Bucket"] if operation == "CopyObject" else given.get("Bucket")
            if operation in ("GetObject", "CopyObject") and bucket == "prompts":
                raise ClientError({"Error": {"Code": code, "Message": "arn:secret"}}, operation)
            return call_api(self, operation, given)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refusing)

    return let


@pytest.mark.parametrize("code", WITHHELD)
def test_an_object_that_s3_does_not_return_is_an_error_of_the_input(cloud: Cloud, refuse: Any, code: str) -> None:
    mine = put("prompts", "owners/ann/inputs/cat.png")
    refuse(code)
    message = refusal(cloud, mine)
    assert f"owners/ann/inputs/cat.png: S3 does not return it ({code})" in message
    assert "arn:secret" not in message


@pytest.mark.parametrize("code", WITHHELD)
def test_an_object_that_s3_no_longer_returns_fails_the_job_without_charge(cloud: Cloud, refuse: Any, code: str) -> None:
    status, answer = ask(cloud, put("prompts", "owners/ann/inputs/cat.png"))
    assert status == 200, answer
    refuse(code)
    with pytest.raises(errors.InputUnavailable, match=f"S3 does not return it .{code}"):
        cloud.run({"generation_id": answer["id"]}, "admit")
    assert cloud.ledger.get(answer["id"]).submission is None


def test_an_s3_outage_is_no_error_of_the_input(cloud: Cloud, refuse: Any) -> None:
    _, answer = ask(cloud, put("prompts", "owners/ann/inputs/cat.png"))
    refuse("SlowDown")
    with pytest.raises(ClientError, match="SlowDown"):
        cloud.run({"generation_id": answer["id"]}, "admit")
