"""The objects of a generation in the videos bucket: their keys, their deletion, and links to videos."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.generation import ArchivedVideo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Links use the region's host. The global host answers 400 in newer regions, and 307 for a new bucket in other regions.
PRESIGNING: dict[str, Any] = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}


POSTER_NAME = "poster.jpg"
# Patterns of keys, for permissions.
VIDEOS, POSTERS = "videos/*/video.*", f"videos/*/{POSTER_NAME}"


def video_key(generation_id: str, container: str) -> str:
    """Return the key of a generation's video in the videos bucket."""
    return f"videos/{generation_id}/video.{container}"


def record_key(generation_id: str) -> str:
    """Return the key of a generation's record, which is next to its video."""
    return f"videos/{generation_id}/generation.json"


def poster_key(key: str) -> str:
    """Return the key of the poster of the video with this key, which is next to the video."""
    return f"{key.rpartition('/')[0]}/{POSTER_NAME}"


def input_key(generation_id: str, number: int, suffix: str) -> str:
    """Return the key of the copy of an input file, which exists as long as its generation; `number` counts from 1."""
    return f"videos/{generation_id}/inputs/{number}.{suffix}"


@dataclass(frozen=True)
class Objects:
    """The objects of generations in the videos bucket."""

    s3: "S3Client"
    bucket: str

    def remove(self, generation_id: str) -> None:
        """Delete all objects of a generation. Calling it again is harmless."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"videos/{generation_id}/")
        for one in found.get("Contents", []):
            self.s3.delete_object(Bucket=self.bucket, Key=one["Key"])


def poster_url(
    s3: "S3Client", video: ArchivedVideo, seconds: int, method: Literal["get_object", "head_object"] = "get_object"
) -> str | None:
    """Return a link to the poster of a video, for GET or for HEAD, or None if no poster was ever made.

    A poster is made of every video whose size is known. Whether it exists already is not recorded.
    """
    if video.facts.width is None:
        return None
    named = {"Bucket": video.bucket, "Key": poster_key(video.key)}
    return s3.generate_presigned_url(method, Params=named, ExpiresIn=seconds)


def presigned_url(
    s3: "S3Client",
    video: ArchivedVideo,
    seconds: int,
    method: Literal["get_object", "head_object"] = "get_object",
    disposition: str | None = None,
) -> str:
    """Return a link to an archived video that works without credentials for `seconds`, for GET or for HEAD.

    `disposition` is the header that names the file; by default it has the generation's id.
    """
    return s3.generate_presigned_url(
        method,
        Params={
            "Bucket": video.bucket,
            "Key": video.key,
            "ResponseContentType": video.content_type,
            "ResponseContentDisposition": disposition or f'inline; filename="{video.file_name}"',
        },
        ExpiresIn=seconds,
    )
