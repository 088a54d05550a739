"""Follow the structure of a file while its bytes pass: read a header, skip the bytes that it announces, and repeat.

mp4.py, webm.py and gif.py define the headers of their containers.
"""

from copy import copy
from typing import Any, Self

from core.generation import Facts

MOST_HEADERS = 4 << 20  # bytes that are held in memory to read the facts; an hour of video has about 2 MiB


class Structure:
    """A check of one file: pass all bytes in order to `update`, then call `finish`. It can continue from a `state`."""

    _KEPT: tuple[str, ...] = ()  # further attributes of a container that are part of `state`, without underscores

    def __init__(self) -> None:
        self._header = bytearray()  # the bytes so far of the current header
        self._left = 0  # bytes to skip before the next header
        self._body: bytearray | None = None  # collects the bytes that are skipped, if they are read for the facts
        self.position = 0

    @property
    def state(self) -> dict[str, Any]:
        """Return the progress of the check as JSON values."""
        kept = {name: copy(getattr(self, f"_{name}")) for name in self._KEPT}
        return {"header": self._header.hex(), "left": self._left, **kept, "position": self.position}

    @classmethod
    def at(cls, state: dict[str, Any]) -> Self:
        """Return a check that continues from the `state` of another."""
        check = cls()
        check._header = bytearray.fromhex(state["header"])
        check._left, check.position = state["left"], state["position"]
        for name in cls._KEPT:
            setattr(check, f"_{name}", copy(state[name]))
        return check

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Check the next bytes. Raise `VideoInvalid` as soon as the file cannot be valid any more."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                if self._body is not None:
                    self._body += data[at : at + step]
            else:
                step = min(self._wanted() - len(self._header), len(data) - at)
                self._header += data[at : at + step]
            at += step
            self.position += step
            if self._header and len(self._header) == self._wanted():
                header = bytes(self._header)
                self._header.clear()
                self._body = None
                self._begin(header, self.position - len(header))

    def finish(self) -> None:
        """Raise `VideoInvalid` unless the bytes were a complete file."""
        raise NotImplementedError

    @property
    def facts(self) -> Facts:
        """Return what the file's headers say. Those that passed before the `state` of an earlier check are missing."""
        raise NotImplementedError

    def _collect(self) -> bytearray:
        """Return a buffer that receives the body that is skipped next. It stays empty if the body is too large."""
        body = bytearray()
        if self._left <= MOST_HEADERS:
            self._body = body
        return body

    def _wanted(self) -> int:
        """Return the length of the current header, as far as its bytes so far show it."""
        raise NotImplementedError

    def _begin(self, header: bytes, first: int) -> None:
        """Read a complete header, which begins at byte `first`. Set `_left` to the number of bytes to skip after it."""
        raise NotImplementedError
