"""What a video must be, looked at as its bytes pass."""

import hashlib
from typing import Any

from core.archive.download import Allowed, too_large
from core.archive.mp4 import Mp4Check
from core.errors import VideoInvalid


class Check:
    """Pass every byte in order with `update`, then ask `finish`: each raises `VideoInvalid`, or `VideoForbidden`.

    One that goes on where another stopped (`state`) knows no SHA-256: that has no state that could be kept.
    """

    def __init__(self, allowed: Allowed, state: dict[str, Any] | None = None) -> None:
        self._allowed = allowed
        self._structure = Mp4Check.at(state) if state else Mp4Check()
        self._sha256 = None if state else hashlib.sha256()

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON holds it."""
        return self._structure.state

    @property
    def size(self) -> int:
        """How many bytes have passed."""
        return self._structure.position

    @property
    def sha256(self) -> str | None:
        """In hex, of the bytes so far; None if it has not seen them all."""
        return self._sha256.hexdigest() if self._sha256 else None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Pass bytes of any number."""
        if self.size + len(data) > self._allowed.max_bytes:
            raise too_large(self._allowed)
        self._structure.update(data)
        if self._sha256:
            self._sha256.update(data)

    def finish(self, length: int | None) -> None:
        """The bytes are over, and should be that many, if that is known."""
        if length is not None and self.size != length:
            raise VideoInvalid(f"The video should have {length} bytes, and {self.size} came.")
        self._structure.finish()
