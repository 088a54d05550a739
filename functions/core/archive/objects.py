"""The objects of a generation in the videos bucket: their keys, links to them, and their end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.generation import ArchivedVideo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Links have the region's host: the global one answers 400 in newer regions, and for a while 307 in the others.
PRESIGNING: dict[str, Any] = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}


def video_key(generation_id: str, container: str) -> str:
    """Where the video of a generation is in the videos bucket, if it comes in this container."""
    return f"videos/{generation_id}/video.{container}"


def record_key(generation_id: str) -> str:
    """Where the record of a generation is, beside its video."""
    return f"videos/{generation_id}/generation.json"


def input_key(generation_id: str, number: int, suffix: str) -> str:
    """Where a file that a request names is, as long as its generation: the first one is 1."""
    return f"videos/{generation_id}/inputs/{number}.{suffix}"


@dataclass(frozen=True)
class Objects:
    """The objects of generations in the videos bucket."""

    s3: "S3Client"
    bucket: str

    def remove(self, generation_id: str) -> None:
        """Remove what there is of a generation; again, if need be."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"videos/{generation_id}/")
        for one in found.get("Contents", []):
            self.s3.delete_object(Bucket=self.bucket, Key=one["Key"])


def presigned_url(s3: "S3Client", video: ArchivedVideo, seconds: int) -> str:
    """A link to an archived video that works without credentials for `seconds`."""
    return s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": video.bucket,
            "Key": video.key,
            "ResponseContentType": video.content_type,
            "ResponseContentDisposition": f'inline; filename="{video.file_name}"',
        },
        ExpiresIn=seconds,
    )
