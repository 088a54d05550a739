"""Render the videos of the sandbox and put them into its bucket, at deployment. The function does not import this."""

from typing import TYPE_CHECKING

from local.simulator.clips import CONTENT_TYPES
from local.simulator.videos import render
from sandbox.renditions import BROKEN, renditions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def store_videos(s3: "S3Client", bucket: str) -> None:
    """Put all videos into the bucket. Repeating this changes nothing, because rendering is reproducible."""
    files = {key: render(clip) for key, clip in renditions().items()}
    whole = files["landscape-5.mp4"]
    for key, content in {**files, BROKEN: whole[: len(whole) // 2]}.items():
        kind = CONTENT_TYPES[key.rpartition(".")[2]]
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind)
