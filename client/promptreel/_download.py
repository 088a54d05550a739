"""Download a video completely or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import requests
from urllib3.exceptions import LocationParseError

from promptreel.errors import DownloadFailed

TIMEOUT_SECONDS = (10, 60)  # to connect, and between two bytes
CHUNK_BYTES = 1 << 20


def refuse_existing(path: Path) -> None:
    """Raise FileExistsError if the file exists."""
    if path.exists():
        raise FileExistsError(f"{path} already exists: choose another name or remove the file.")


class Stopped(Exception):
    """The caller no longer waits for the video."""


def save(
    url: str, size: int | None, path: Path, *, overwrite: bool, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Download `url` without credentials into a `.part` file, and rename that to `path` once its length is right.

    The length must match the server's Content-Length and, if known, `size` in bytes. Raise `DownloadFailed`, OSError,
    or `Stopped` once `is_stopped` returns true. Errors never contain the link, because it works without a key.
    """
    # A unique name, because another download of the same video may be running.
    part = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        received, announced = _fetch(url, part, is_stopped)
        for expected in (announced, size):
            if expected is not None and received != expected:
                raise DownloadFailed(f"The download stopped after {received} of {expected} bytes: try again.")
        if not overwrite:
            refuse_existing(path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, is_stopped: Callable[[], bool]) -> tuple[int, int | None]:
    """Download the link into the file. Return the number of bytes and, if known, the Content-Length."""
    received = 0
    try:
        with requests.get(
            url,
            stream=True,
            timeout=TIMEOUT_SECONDS,
            headers={"Accept-Encoding": "identity"},
            auth=lambda request: request,  # or requests would send credentials from ~/.netrc
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise DownloadFailed(f"The link to the video returned HTTP {answer.status_code}: try again.")
            with part.open("wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    if is_stopped():
                        raise Stopped
                    received += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            length = answer.headers.get("Content-Length", "")
    except (requests.RequestException, LocationParseError) as error:
        broken = DownloadFailed(f"The download stopped after {received} bytes ({type(error).__name__}): try again.")
    else:
        return received, int(length) if length.isdigit() else None
    raise broken  # outside the handler, so that a traceback does not show the original error, which contains the link
