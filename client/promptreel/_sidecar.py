"""Sidecars: a file next to each saved video, `<video>.json`, that says which request made it and what it is.

A folder is known by its sidecars only. They may be moved and renamed together with their videos. The poster of a video,
if there is one, is `<video>.jpg`.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreel import _download
from promptreel._download import is_intact, sha256_of
from promptreel.errors import DownloadFailed, PromptreelError
from promptreel.generation import Generation, Video

SUFFIX, POSTER = ".json", ".jpg"
MAX_BYTES = 1 << 20  # of a sidecar: a request has at most 192 KiB
LOCK = ".promptreel.lock"


@dataclass(frozen=True)
class Saved:
    """A video that was saved in a folder, by its sidecar."""

    generation_id: str
    path: Path  # of the video, which may have been deleted since
    size: int
    sha256: str
    batch_id: str | None

    def is_complete(self, *, verify: bool = False) -> bool:
        """Return whether the video is there with its size; with `verify`, also with its checksum."""
        return self.path.is_file() and is_intact(self.path, self.size, self.sha256 if verify else None)


def of_video(path: Path) -> Path:
    """Return the path of a video's sidecar."""
    return path.with_name(path.name + SUFFIX)


def poster_of(path: Path) -> Path:
    """Return the path of a video's poster, which may not exist."""
    return path.with_name(path.name + POSTER)


def save_poster(path: Path, generation: Generation) -> None:
    """Save the poster of a saved video, if it has one by now. It is only for pages, so a failure is ignored."""
    url = generation.video and generation.video.poster_url
    if url and not poster_of(path).exists():
        with suppress(DownloadFailed, OSError):
            _download.save(Video(url, None, None, None), poster_of(path), overwrite=False)


def write(path: Path, generation: Generation) -> None:
    """Write the sidecar of a saved video, unless another file has its name."""
    sidecar = of_video(path)
    if sidecar.exists() and (found := _read(sidecar)) is None:
        return
    if sidecar.exists() and found and found.generation_id != generation.id:
        return
    part = sidecar.with_name(f"{sidecar.name}.part")
    part.write_text(json.dumps(_described(path, generation), indent=2, ensure_ascii=False) + "\n", "utf-8", "replace")
    part.replace(sidecar)


def compare(path: Path, generation: Generation) -> None:
    """Raise `PromptreelError` if a file that has no sidecar is not the video of this generation."""
    video = generation.video
    if video is None or not is_intact(path, video.file_size, video.sha256):
        raise PromptreelError(f"{path} is another file: move it away, and try again.")


def _described(path: Path, generation: Generation) -> dict[str, Any]:
    request = dict(generation.request)
    meta = generation.raw.get("meta") or {}
    known = generation.video.sha256 if generation.video else None
    return {
        "id": generation.id,
        "model": request.pop("model", None),
        "prompt": request.pop("prompt", None),
        "seed": request.pop("seed", None),
        "parameters": request,
        "name": meta.get("name"),
        "tags": list(generation.tags),
        "batch": meta.get("batch"),
        "usd": generation.usd,
        "created_at": meta.get("created_at"),
        "ended_at": meta.get("ended_at"),
        "content_type": generation.video.content_type if generation.video else None,
        "size": path.stat().st_size,
        "sha256": known or sha256_of(path),
    }


def saved_in(folder: Path) -> dict[str, Saved]:
    """Return the videos of a folder by the ids of their generations. Other files are ignored."""
    found: dict[str, Saved] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        one = _read(path)
        if one and (one.generation_id not in found or not found[one.generation_id].path.is_file()):
            found[one.generation_id] = one
    return found


def _read(path: Path) -> Saved | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        found = json.loads(path.read_text("utf-8"))
        video = path.with_name(path.name.removesuffix(SUFFIX))
        batch_id = (found.get("batch") or {}).get("id")
        one = Saved(found["id"], video, found["size"], found["sha256"], batch_id)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    kinds = (one.generation_id, str), (one.size, int), (one.sha256, str)
    return one if all(isinstance(value, kind) for value, kind in kinds) and video.name else None


def move(path: Path, to: Path) -> Path:
    """Move a video, its sidecar and its poster. Return the new path of the video."""
    moved = path.rename(to)
    for next_to in (of_video, poster_of):
        if next_to(path).is_file() and not next_to(to).exists():
            next_to(path).rename(next_to(to))
    return moved


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one process. The system releases the lock if the process dies."""
    with (folder / LOCK).open("a+b") as file:
        try:
            if os.name == "nt":
                import msvcrt  # noqa: PLC0415 - only on Windows

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # only there
            else:
                import fcntl  # noqa: PLC0415 - not on Windows

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # Windows raises the second
            raise PromptreelError(f"Another sync of {folder} is running: wait until it has ended.") from error
        except OSError as error:
            raise PromptreelError(f"{folder} cannot be locked ({error.strerror}): choose another folder.") from error
        yield
