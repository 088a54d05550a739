"""Make the poster of an archived video and store it next to the video.

A video without a poster is not a failure: only pages use posters, and they show the video instead. The poster is stored
under a key that follows from the generation, with the tags of the video, so it is deleted and expires with the video.
Making it again replaces it with an equal one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from core.archive.objects import poster_key
from core.posters.draw import MOST_BYTES, UNREADABLE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The parts of a video that are read. They have its first frames, and its index, which is at the beginning or at the
# end. The rest of a larger video is a hole in the file.
HEAD_BYTES, TAIL_BYTES = 32 << 20, 8 << 20
SECONDS = 20.0  # for drawing
_GONE = {"NoSuchKey", "AccessDenied", "404", "403"}  # without the permission to list, S3 denies a missing object
_JPEG = b"\xff\xd8\xff"


class PosterBroken(Exception):
    """The process that draws posters does not start, so no video gets one."""


@dataclass(frozen=True)
class Posters:
    """Makes the posters of the videos in a bucket.

    `packages` are further places of Python packages for the process that draws.
    """

    s3: "S3Client"
    bucket: str
    packages: Sequence[str] = ()

    def make(self, key: str) -> int | None:
        """Store the poster of the video under `key` and return its size in bytes.

        Return None if the video has been deleted, or if it cannot be drawn. Raise `PosterBroken` if nothing can.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                with (folder / "video").open("wb") as file:
                    self._read(key, file)
                tags = self.s3.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"]
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    return None
                raise
            poster = self._drawn(folder, key.rpartition(".")[2])
        if poster is None:
            return None
        self.s3.put_object(
            Bucket=self.bucket,
            Key=poster_key(key),
            Body=poster,
            ContentType="image/jpeg",
            Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
        )
        return len(poster)

    def _read(self, key: str, file: IO[bytes]) -> None:
        """Write the ends of the video to the file, and leave a hole between them."""
        head = self.s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        file.writelines(head["Body"].iter_chunks(1 << 20))
        length = int(head["ContentRange"].rpartition("/")[2])
        if length > HEAD_BYTES:
            first = max(HEAD_BYTES, length - TAIL_BYTES)
            file.seek(first)
            tail = self.s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={first}-", IfMatch=head["ETag"])
            file.writelines(tail["Body"].iter_chunks(1 << 20))

    def _drawn(self, folder: Path, container: str) -> bytes | None:
        """Return the poster, or None if the file has none. The process sees neither credentials nor settings."""
        places = [place for place in (*sys.path, *self.packages) if place]
        environment = {"PYTHONPATH": os.pathsep.join(places), "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
        command = [sys.executable, "-m", "core.posters.draw", str(folder / "video"), container]
        # Files and no pipes, because the process has a limit for what it writes to a file.
        with (folder / "poster").open("w+b") as poster, (folder / "errors").open("w+b") as errors:
            try:
                ended = subprocess.run(  # noqa: S603 - no shell; the container only selects a demuxer
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=poster,
                    stderr=errors,
                    timeout=SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                return None
            for file in (poster, errors):
                file.seek(0)
            if ended > 0 and ended != UNREADABLE:
                lines = errors.read(MOST_BYTES).decode(errors="replace").strip().splitlines()
                raise PosterBroken(f"The process that draws posters ended with {ended}: {lines[-1] if lines else ''}")
            data = poster.read(MOST_BYTES + 1)
        # A negative code: one of its limits has ended it.
        return data if ended == 0 and data.startswith(_JPEG) and len(data) <= MOST_BYTES else None
