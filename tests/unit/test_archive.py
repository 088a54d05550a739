"""Test that only complete, verified videos are archived, and that archiving again changes nothing."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from core.archive.download import Allowed
from core.archive.objects import PRESIGNING, presigned_url
from core.archive.store import Archive, Order
from core.errors import VideoForbidden, VideoInvalid, VideoUnavailable
from core.generation import NO_FACTS
from tests.support.generations import archived
from tests.support.gif import WHOLE as GIF
from tests.support.mp4 import WHOLE, box
from tests.support.webm import LIVE
from tests.support.webm import WHOLE as WEBM
from tests.support.wire import Answer, http, reset, serving

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALLOWED = Allowed(("127.0.0.1",), max_bytes=1 << 20, local=True)
KEY = "videos/g1/video.mp4"


@pytest.fixture
def s3(aws: None) -> "S3Client":  # noqa: ARG001 - sets up
    client = boto3.client("s3")
    client.create_bucket(Bucket="videos")
    return client


def order(url: str, file_size: int | None = None) -> Order:
    return Order("g1", url, file_size, lambda: None, lambda: 900.0, None, lambda _: None)


def keys(s3: "S3Client") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="videos").get("Contents", [])]


def uploads(s3: "S3Client") -> list[Any]:
    return list(s3.list_multipart_uploads(Bucket="videos").get("Uploads", []))


def test_a_video_may_also_be_on_its_models_hosts(s3: "S3Client") -> None:
    archive = Archive(s3, "videos", replace(ALLOWED, hosts=("cdn.example.com",)))
    with serving(http(200, WHOLE), http(200, WHOLE)) as wire:
        with pytest.raises(VideoForbidden, match=r"127\.0\.0\.1, which is not an allowed host"):
            archive.store(order(wire.url))
        with pytest.raises(
            VideoForbidden, match=r"not an allowed host of this model \(cdn\.example\.com, \*\.vendor\.example\)"
        ):
            archive.store(replace(order(wire.url), hosts=("*.vendor.example", "cdn.example.com")))
        assert archive.store(replace(order(wire.url), hosts=("127.0.0.1",))).size == len(WHOLE)


def test_a_whole_video_is_archived_with_its_verified_properties(s3: "S3Client") -> None:
    with serving(http(200, WHOLE, "Content-Type: video/mp4")) as wire:
        video = Archive(s3, "videos", ALLOWED).store(order(wire.url, len(WHOLE)))
    assert video.as_dict() == {
        "bucket": "videos",
        "key": KEY,
        "s3_uri": f"s3://videos/{KEY}",
        "content_type": "video/mp4",
        "file_name": "g1.mp4",
        "size": len(WHOLE),
        "sha256": hashlib.sha256(WHOLE).hexdigest(),
        **NO_FACTS.as_dict(),
    }
    stored = s3.get_object(Bucket="videos", Key=KEY)
    assert (stored["Body"].read(), stored["ContentType"]) == (WHOLE, "video/mp4")
    assert wire.header("Authorization") == []


@pytest.mark.parametrize("content_type", ["video/mp4", "binary/octet-stream", "application/octet-stream"])
def test_a_cdns_content_type_is_ignored(s3: "S3Client", content_type: str) -> None:
    with serving(http(200, WHOLE, f"Content-Type: {content_type}")) as wire:
        assert Archive(s3, "videos", ALLOWED).store(order(wire.url)).size == len(WHOLE)


MOV = WHOLE.replace(b"ftypisom", b"ftypqt  ")


@pytest.mark.parametrize("told", ["video/mp4", "application/octet-stream", "image/gif"])
@pytest.mark.parametrize(
    ("body", "suffix", "content_type"),
    [
        (WHOLE, "mp4", "video/mp4"),
        (WEBM, "webm", "video/webm"),
        (LIVE, "webm", "video/webm"),
        (MOV, "mov", "video/quicktime"),
        (GIF, "gif", "image/gif"),
    ],
    ids=["mp4", "webm", "live", "mov", "gif"],
)
def test_a_video_is_archived_with_the_type_of_its_bytes(
    s3: "S3Client", body: bytes, suffix: str, content_type: str, told: str
) -> None:
    archive = Archive(s3, "videos", ALLOWED)
    key = f"videos/g1/video.{suffix}"
    with serving(http(200, body, f"Content-Type: {told}")) as wire:
        video = archive.store(order(wire.url, len(body)))
    assert (video.key, video.s3_uri) == (key, f"s3://videos/{key}")
    assert (video.content_type, video.file_name) == (content_type, f"g1.{suffix}")
    stored = s3.get_object(Bucket="videos", Key=key)
    assert (stored["Body"].read(), stored["ContentType"], keys(s3)) == (body, content_type, [key])
    assert archive.find("g1") == video
    archive.store_record("g1", b"{}")
    archive.objects.remove("g1")
    assert keys(s3) == []


@pytest.mark.parametrize(
    "body",
    [WEBM[:-1], MOV[:-1], GIF[:-1], WEBM + b"\0", GIF + b"\0", MOV + b"\0\0"],
    ids=["short WebM", "short MOV", "short GIF", "long WebM", "long GIF", "long MOV"],
)
def test_broken_videos_are_not_archived_in_any_container(s3: "S3Client", body: bytes) -> None:
    with serving(http(200, body)) as wire, pytest.raises(VideoInvalid):
        Archive(s3, "videos", ALLOWED).store(order(wire.url))
    assert keys(s3) == []


@pytest.mark.parametrize(
    ("answer", "file_size", "error"),
    [
        pytest.param(http(200, WHOLE[:-1], length=len(WHOLE)), None, VideoUnavailable, id="connection ends early"),
        pytest.param(http(200, WHOLE[:-1]), None, VideoInvalid, id="last byte missing"),
        pytest.param(http(200, WHOLE), len(WHOLE) + 1, VideoInvalid, id="smaller than announced"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WHOLE,
            len(WHOLE) + 1,
            VideoInvalid,
            id="smaller, no length",
        ),
        pytest.param(http(200, b""), None, VideoInvalid, id="empty"),
        pytest.param(
            http(200, b"<html>sorry</html>", "Content-Type: text/html; charset=utf-8"), None, VideoInvalid, id="page"
        ),
        pytest.param(
            http(200, b"<html>sorry</html>", "Content-Type: video/mp4"), None, VideoInvalid, id="page called a video"
        ),
        pytest.param(http(200, b'{"error": 1}', "Content-Type: application/json"), None, VideoInvalid, id="JSON"),
        pytest.param(http(200, WHOLE, "Content-Encoding: gzip"), None, VideoInvalid, id="called gzip"),
        pytest.param(http(403, b"expired"), None, VideoUnavailable, id="403"),
        pytest.param(http(500, b""), None, VideoUnavailable, id="500"),
        (reset, None, VideoUnavailable),
        pytest.param(http(200, b"", length=(1 << 20) + 1), None, VideoForbidden, id="length above the limit"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WHOLE + box(b"free", bytes(1 << 20)),
            None,
            VideoForbidden,
            id="bytes above the limit",
        ),
        pytest.param(
            http(302, b"", "Location: https://example.com/video.mp4"), None, VideoForbidden, id="redirect elsewhere"
        ),
        pytest.param(http(302, b"", "Location: /again"), None, VideoUnavailable, id="redirect in a circle"),
        pytest.param(http(302, b""), None, VideoUnavailable, id="redirect to nowhere"),
    ],
)
def test_anything_else_leaves_nothing_behind(
    s3: "S3Client", answer: Answer, file_size: int | None, error: type[Exception]
) -> None:
    with serving(answer) as wire, pytest.raises(error) as raised:
        Archive(s3, "videos", ALLOWED).store(order(wire.url, file_size))
    assert type(raised.value) is error
    assert (keys(s3), uploads(s3)) == ([], [])


def test_a_redirect_to_an_allowed_host_is_followed(s3: "S3Client") -> None:
    with serving(http(302, b"", "Location: /moved"), http(200, WHOLE)) as wire:
        assert Archive(s3, "videos", ALLOWED).store(order(wire.url)).size == len(WHOLE)
    assert wire.requests[1].startswith(b"GET /moved ")


def test_archiving_again_finds_and_verifies_the_existing_video(s3: "S3Client") -> None:
    archive = Archive(s3, "videos", ALLOWED)
    assert archive.find("g1") is None
    with serving(http(200, WHOLE)) as wire:
        first = archive.store(order(wire.url))
    assert archive.find("g1") == first


def test_a_concurrent_second_archiving_returns_the_first_video(s3: "S3Client") -> None:
    other = WHOLE + box(b"free", b"another encoding")
    archive = Archive(s3, "videos", ALLOWED)
    with serving(http(200, WHOLE), http(200, other)) as wire:
        first = archive.store(order(wire.url))
        second = archive.store(order(wire.url))
    assert second == first
    assert s3.get_object(Bucket="videos", Key=KEY)["Body"].read() == WHOLE
    assert uploads(s3) == []


def test_a_link_has_the_host_of_its_region() -> None:
    """The global host does not serve newer regions."""
    s3 = boto3.client(
        "s3",
        region_name="eu-south-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(**PRESIGNING),
    )
    link = presigned_url(s3, archived("g1"), 60)
    assert urlsplit(link).hostname == "videos.s3.eu-south-1.amazonaws.com"
