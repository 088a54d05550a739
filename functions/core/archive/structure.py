"""How a file's structure is followed while its bytes pass: a header that is read, then bytes that only pass, and again.

What a header is, and what follows it, says each container: mp4.py, webm.py, gif.py.
"""

from copy import copy
from typing import Any, Self


class Structure:
    """Feed it every byte in order with `update`, then ask `finish`; one that has to stop goes on from its `state`."""

    _KEPT: tuple[str, ...] = ()  # the attributes that a container has beside these, without their underscores

    def __init__(self) -> None:
        self._header = bytearray()  # of what begins here
        self._left = 0  # bytes still to pass before the next header
        self.position = 0

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON holds it."""
        kept = {name: copy(getattr(self, f"_{name}")) for name in self._KEPT}
        return {"header": self._header.hex(), "left": self._left, **kept, "position": self.position}

    @classmethod
    def at(cls, state: dict[str, Any]) -> Self:
        """One that stands where another stood."""
        check = cls()
        check._header = bytearray.fromhex(state["header"])
        check._left, check.position = state["left"], state["position"]
        for name in cls._KEPT:
            setattr(check, f"_{name}", copy(state[name]))
        return check

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Pass bytes of any number; `VideoInvalid` as soon as they cannot be such a file's."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
            else:
                step = min(self._wanted() - len(self._header), len(data) - at)
                self._header += data[at : at + step]
            at += step
            self.position += step
            if self._header and len(self._header) == self._wanted():
                header = bytes(self._header)
                self._header.clear()
                self._begin(header, self.position - len(header))

    def finish(self) -> None:
        """The bytes are over: `VideoInvalid` unless they were a whole file."""
        raise NotImplementedError

    def _wanted(self) -> int:
        """Of how many bytes the header is known to be, by those that are there."""
        raise NotImplementedError

    def _begin(self, header: bytes, first: int) -> None:
        """A header is there, whose first byte is the `first`: say in `_left` how many bytes pass before the next."""
        raise NotImplementedError
