"""Upload files for requests, and create jobs that use them."""

import hashlib
from typing import Any

import boto3

from tests.support.functions import PATHS, Cloud, call

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
MP4 = b"\x00\x00\x00\x18ftypisom" + b"a video"
MODEL = "google/veo-3.1-i2v-fast"
EXTEND = "google/veo3-1-extend-video"


def upload(cloud: Cloud, content: bytes = PNG, owner: str = "ann", content_type: str = "image/png") -> str:
    """Upload a file as an owner and return its reference."""
    asked = {"content_type": content_type, "sha256": hashlib.sha256(content).hexdigest()}
    status, answer = call(cloud.caller(owner), "POST", "/v2/uploads", body=asked)
    assert status == 200, answer
    boto3.client("s3").put_object(Bucket="videos", Key=answer["upload"]["fields"]["key"], Body=content)
    return str(answer["reference"])


def ask(cloud: Cloud, reference: str, owner: str = "ann", **given: Any) -> tuple[int, dict[str, Any]]:
    headers = {"idempotency_key": given.pop("key")} if "key" in given else {}
    field = "video_url" if given.get("model") == EXTEND else "image_url"
    body = {"model": MODEL, "prompt": "a boat", field: reference, **given}
    return call(cloud.caller(owner), "POST", PATHS[0], body=body, **headers)


def keys(prefix: str) -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="videos", Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", [])]
