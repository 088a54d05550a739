"""Whether a stream of bytes is a whole MP4 or QuickTime file, told while the bytes pass and without keeping them.

Source: ISO/IEC 14496-12, 4.2 (object structure) and 4.3 (file type box). A file is a row of boxes, each `size` (32
bit, big endian, header included), `type` (four characters), and a 64-bit size after these if `size` is 1; the size 0
means "to the end of the file". A file that was cut off, or is something else, does not add up.
"""

from typing import Any

from core.errors import VideoInvalid

_HEADER, _LARGE_HEADER = 8, 16
_REQUIRED = (b"ftyp", b"moov", b"mdat")
_MOST_BOXES = 1 << 20  # fragments of hours: more of them would only keep us busy


class Mp4Check:
    """Feed it every byte in order with `update`, then ask `finish`; one that has to stop goes on from its `state`."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0  # bytes of the current box still to pass
        self._open_ended = False  # the current box goes on to the end of the file
        self._boxes = 0
        self._bodies: dict[bytes, int] = {}  # of the boxes that it must have, those seen, and the bytes within
        self.position = 0

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON holds it."""
        return {
            "header": self._header.hex(),
            "left": self._left,
            "open_ended": self._open_ended,
            "boxes": self._boxes,
            "bodies": {name.decode(): size for name, size in self._bodies.items()},
            "position": self.position,
        }

    @classmethod
    def at(cls, state: dict[str, Any]) -> "Mp4Check":
        """One that stands where another stood."""
        check = cls()
        check._header = bytearray.fromhex(state["header"])
        check._left, check._open_ended = state["left"], state["open_ended"]
        check._boxes = state["boxes"]
        check._bodies = {name.encode(): size for name, size in state["bodies"].items()}
        check.position = state["position"]
        return check

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Pass bytes of any number; `VideoInvalid` as soon as they cannot be an MP4's."""
        at = 0
        while at < len(data):
            if self._left or self._open_ended:
                step = len(data) - at if self._open_ended else min(self._left, len(data) - at)
                self._left -= 0 if self._open_ended else step
            else:
                wanted = _LARGE_HEADER if self._header[:4] == b"\0\0\0\1" else _HEADER
                step = min(wanted - len(self._header), len(data) - at)
                self._header += data[at : at + step]
                self._begin_box()
            at += step
            self.position += step

    def finish(self) -> None:
        """The bytes are over: `VideoInvalid` unless they were a whole MP4."""
        if self.position == 0:
            raise VideoInvalid("The video's link served an empty body.")
        if self._left or self._header:
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of a box.")
        for name in _REQUIRED:
            if not self._bodies.get(name):
                raise VideoInvalid(f"The video is no playable MP4: it has no {name.decode()} box with something in it.")

    def _begin_box(self) -> None:
        header = self._header
        if len(header) < _HEADER:
            return
        size, name = int.from_bytes(header[:4]), bytes(header[4:8])
        if not self._bodies and name != b"ftyp":
            raise VideoInvalid("The video's link served something that is no MP4, and no WebM, MOV or GIF either.")
        if size == 1:
            if len(header) < _LARGE_HEADER:
                return
            size = int.from_bytes(header[8:16])
        self._boxes += 1
        if self._boxes > _MOST_BOXES:
            raise VideoInvalid(f"The video has more than {_MOST_BOXES} boxes: it is none to play.")
        self._open_ended = size == 0
        body = 1 if self._open_ended else size - len(header)
        if body < 0:
            raise VideoInvalid(f"The video is damaged: a box at byte {self.position} is smaller than its header.")
        self._left = 0 if self._open_ended else body
        if name in _REQUIRED:
            self._bodies[name] = self._bodies.get(name, 0) + body
        header.clear()
