"""Check a video while its bytes pass."""

import hashlib
from typing import Any

from core.archive.containers import HEAD_BYTES, container_of
from core.archive.download import Allowed, too_large
from core.archive.gif import GifCheck
from core.archive.mp4 import Mp4Check
from core.archive.structure import Structure
from core.archive.webm import WebmCheck
from core.errors import VideoInvalid
from core.generation import NO_FACTS, Facts

_STRUCTURES: dict[str, type[Structure]] = {"mp4": Mp4Check, "mov": Mp4Check, "webm": WebmCheck, "gif": GifCheck}


class Check:
    """A check of one video: pass all bytes in order to `update`, then call `finish`.

    Both raise `VideoInvalid`, and `update` also raises `VideoForbidden` for a video above the size limit. A check that
    continues from the `state` of an earlier one has no SHA-256, because hashlib cannot save its progress. An unreadable
    `state` raises KeyError, TypeError or ValueError.
    """

    def __init__(self, allowed: Allowed, state: dict[str, Any] | None = None) -> None:
        self._allowed = allowed
        self._head = bytearray()
        self.container = ""  # known once enough bytes have passed
        self._structure: Structure | None = None
        self._sha256 = None if state else hashlib.sha256()
        self.size = 0  # how many bytes have passed
        if state:
            self.container = state["container"]
            self._structure = _STRUCTURES[self.container].at(state)
            self.size = self._structure.position

    @property
    def state(self) -> dict[str, Any]:
        """Return the progress of the check as JSON values."""
        return {"container": self.container, **(self._structure or self._begin()).state}

    @property
    def sha256(self) -> str | None:
        """Return the SHA-256 of the bytes so far, in hex, or None if this check continues an earlier one."""
        return self._sha256.hexdigest() if self._sha256 else None

    @property
    def facts(self) -> Facts:
        """Return what the video's headers say, after `finish`. A check that continues an earlier one knows less."""
        return self._structure.facts if self._structure else NO_FACTS

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Check the next bytes."""
        if self.size + len(data) > self._allowed.max_bytes:
            raise too_large(self._allowed)
        self.size += len(data)
        if self._sha256:
            self._sha256.update(data)
        if self._structure is None:
            more = HEAD_BYTES - len(self._head)
            self._head += data[:more]
            if len(self._head) < HEAD_BYTES:
                return
            self._begin().update(memoryview(data)[more:])
        else:
            self._structure.update(data)

    def finish(self, length: int | None) -> None:
        """End the check. Raise `VideoInvalid` if the video is incomplete or does not have `length` bytes (if known)."""
        if length is not None and self.size != length:
            raise VideoInvalid(f"The video should have {length} bytes, but {self.size} arrived.")
        (self._structure or self._begin()).finish()

    def _begin(self) -> Structure:
        self.container = container_of(self._head)
        self._structure = _STRUCTURES[self.container]()
        self._structure.update(self._head)
        return self._structure
