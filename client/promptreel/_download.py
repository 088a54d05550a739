"""Download a file completely or not at all."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import requests
from urllib3.exceptions import LocationParseError

from promptreel.errors import DownloadFailed
from promptreel.generation import Video

TIMEOUT_SECONDS = (10, 60)  # to connect, and between two bytes
CHUNK_BYTES = 1 << 20


def refuse_existing(path: Path) -> None:
    """Raise FileExistsError if the file exists."""
    if path.exists():
        raise FileExistsError(f"{path} already exists: choose another name or remove the file.")


class Stopped(Exception):
    """The caller no longer waits for the video."""


def save(
    video: Video,
    path: Path,
    *,
    overwrite: bool,
    is_stopped: Callable[[], bool] = lambda: False,
    part: Path | None = None,
) -> None:
    """Download the link of `video` without credentials into a `.part` file, and rename that to `path` once complete.

    The length must match the one that the server announced, and length and SHA-256 must match `video`, if it has them.
    `part` is a file that an interrupted download leaves and the next one continues; only one process may use it at a
    time. Raise `DownloadFailed`, OSError, or `Stopped` once `is_stopped` returns true. Errors never contain the link,
    because it works without a key.
    """
    # Without `part` a unique name, because another download of the same video may be running.
    own = part or path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        _complete(video, own, is_stopped)
        if not overwrite:
            refuse_existing(path)
        own.replace(path)
    finally:
        if part is None:
            own.unlink(missing_ok=True)


def is_intact(path: Path, size: int | None, sha256: str | None) -> bool:
    """Return whether the file has this length and this SHA-256. None matches everything."""
    if size is not None and path.stat().st_size != size:
        return False
    return sha256 is None or sha256_of(path) == sha256


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _complete(video: Video, part: Path, is_stopped: Callable[[], bool]) -> None:
    """Download what the file lacks. Delete it and raise `DownloadFailed` if its content is wrong."""
    size = video.file_size
    before = part.stat().st_size if part.exists() else 0
    if size is None or before != size:
        before = before if size is None or before < size else 0
        length, announced = _fetch(video.url, part, before, is_stopped)
        for expected in (announced, size):
            if expected is not None and length < expected:
                raise DownloadFailed(f"The download stopped after {length} of {expected} bytes: try again.")
            if expected is not None and length > expected:
                part.unlink()
                raise DownloadFailed(f"The download has {length} bytes instead of {expected}: try again.")
    if not is_intact(part, size, video.sha256):
        part.unlink()
        raise DownloadFailed("The downloaded bytes are not those that were archived: try again.")


def _fetch(url: str, part: Path, before: int, is_stopped: Callable[[], bool]) -> tuple[int, int | None]:
    """Download the link into the file, after the bytes that it has `before`, if the server allows that.

    Return the length of the file, and the announced length if the server names it.
    """
    received = before
    try:
        with requests.get(
            url,
            stream=True,
            timeout=TIMEOUT_SECONDS,
            headers={"Accept-Encoding": "identity", **({"Range": f"bytes={before}-"} if before else {})},
            auth=lambda request: request,  # or requests would send credentials from ~/.netrc
        ) as answer:
            continues = answer.status_code == requests.codes.partial_content and answer.headers.get(
                "Content-Range", ""
            ).startswith(f"bytes {before}-")
            if answer.status_code != requests.codes.ok and not continues:
                if before:
                    part.unlink()  # the next attempt starts from the beginning
                raise DownloadFailed(f"The link returned HTTP {answer.status_code}: try again.")
            received = before if continues else 0
            with part.open("ab" if continues else "wb") as file:
                try:
                    for chunk in answer.iter_content(CHUNK_BYTES):
                        if is_stopped():
                            raise Stopped
                        received += file.write(chunk)
                finally:
                    file.flush()
                    os.fsync(file.fileno())
            length = answer.headers.get("Content-Length", "")
    except (requests.RequestException, LocationParseError) as error:
        broken = DownloadFailed(f"The download stopped after {received} bytes ({type(error).__name__}): try again.")
    else:
        return received, int(length) + (before if continues else 0) if length.isdigit() else None
    raise broken  # outside the handler, so that a traceback does not show the original error, which contains the link
