"""What a video must be, looked at as its bytes pass."""

import hashlib
from typing import Any

from core.archive.containers import HEAD_BYTES, container_of
from core.archive.download import Allowed, too_large
from core.archive.gif import GifCheck
from core.archive.mp4 import Mp4Check
from core.archive.structure import Structure
from core.archive.webm import WebmCheck
from core.errors import VideoInvalid

_STRUCTURES: dict[str, type[Structure]] = {"mp4": Mp4Check, "mov": Mp4Check, "webm": WebmCheck, "gif": GifCheck}


class Check:
    """Pass every byte in order with `update`, then ask `finish`: each raises `VideoInvalid`, or `VideoForbidden`.

    One that goes on where another stopped (`state`) knows no SHA-256: that has no state that could be kept. One that
    cannot be read raises KeyError, TypeError or ValueError.
    """

    def __init__(self, allowed: Allowed, state: dict[str, Any] | None = None) -> None:
        self._allowed = allowed
        self._head = bytearray()
        self.container = ""  # by the first bytes, once there are enough
        self._structure: Structure | None = None
        self._sha256 = None if state else hashlib.sha256()
        self.size = 0  # how many bytes have passed
        if state:
            self.container = state["container"]
            self._structure = _STRUCTURES[self.container].at(state)
            self.size = self._structure.position

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON holds it."""
        return {"container": self.container, **(self._structure or self._begin()).state}

    @property
    def sha256(self) -> str | None:
        """In hex, of the bytes so far; None if it has not seen them all."""
        return self._sha256.hexdigest() if self._sha256 else None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Pass bytes of any number."""
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
        """The bytes are over, and should be that many, if that is known."""
        if length is not None and self.size != length:
            raise VideoInvalid(f"The video should have {length} bytes, and {self.size} came.")
        (self._structure or self._begin()).finish()

    def _begin(self) -> Structure:
        self.container = container_of(self._head)
        self._structure = _STRUCTURES[self.container]()
        self._structure.update(self._head)
        return self._structure
