"""Saving a video: whole, or not at all."""

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
    """Raise FileExistsError rather than overwrite."""
    if path.exists():
        raise FileExistsError(f"{path} exists already: choose another name, or remove it.")


class Stopped(Exception):
    """Nobody waits for the video any more."""


def save(
    url: str, size: int | None, path: Path, *, overwrite: bool, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Fetch `url`, without credentials, into a `.part` file beside `path` that gets its name once its length is right.

    The length must be what the server announces and, if known, `size`. Raises `DownloadFailed`, OSError, and `Stopped`
    once `is_stopped` says so. No error tells the link, which works for whoever has it.
    """
    # A name of its own: another download of the same video may be under way.
    part = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        received, announced = _fetch(url, part, is_stopped)
        for expected in (announced, size):
            if expected is not None and received != expected:
                raise DownloadFailed(f"The video broke off after {received} of {expected} bytes: try again.")
        if not overwrite:
            refuse_existing(path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, is_stopped: Callable[[], bool]) -> tuple[int, int | None]:
    """Write what the link serves; its length and the announced one."""
    received = 0
    try:
        with requests.get(
            url,
            stream=True,
            timeout=TIMEOUT_SECONDS,
            headers={"Accept-Encoding": "identity"},
            auth=lambda request: request,  # else requests would send what ~/.netrc has for the host
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise DownloadFailed(f"The link to the video answers HTTP {answer.status_code}: try again.")
            with part.open("wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    if is_stopped():
                        raise Stopped
                    received += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            length = answer.headers.get("Content-Length", "")
    except (requests.RequestException, LocationParseError) as error:
        broken = DownloadFailed(f"The video broke off after {received} bytes ({type(error).__name__}): try again.")
    else:
        return received, int(length) if length.isdigit() else None
    raise broken  # out here, since the error above tells the link, and would be told with this one
