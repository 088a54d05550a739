"""Whether a stream of bytes is a whole MP4 or QuickTime file, told while the bytes pass and without keeping them.

Source: ISO/IEC 14496-12, 4.2 (object structure) and 4.3 (file type box). A file is a row of boxes, each `size` (32
bit, big endian, header included), `type` (four characters), and a 64-bit size after these if `size` is 1; the size 0
means "to the end of the file". A file that was cut off, or is something else, does not add up.
"""

from core.archive.structure import Structure
from core.errors import VideoInvalid

_HEADER, _LARGE_HEADER = 8, 16
_ENDLESS = 1 << 62  # bytes of a box that goes on to the end: more than any file has
_REQUIRED = ("ftyp", "moov", "mdat")
_MOST_BOXES = 1 << 20  # fragments of hours: more of them would only keep us busy


class Mp4Check(Structure):
    """The boxes of an MP4."""

    _KEPT = ("open_ended", "boxes", "bodies")

    def __init__(self) -> None:
        super().__init__()
        self._open_ended = False  # the current box goes on to the end of the file
        self._boxes = 0
        self._bodies: dict[str, int] = {}  # of the boxes that it must have, those seen, and the bytes within

    def finish(self) -> None:
        """The bytes are over: `VideoInvalid` unless they were a whole MP4."""
        if self.position == 0:
            raise VideoInvalid("The video's link served an empty body.")
        if (self._left and not self._open_ended) or self._header:
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of a box.")
        for name in _REQUIRED:
            if not self._bodies.get(name):
                raise VideoInvalid(f"The video is no playable MP4: it has no {name} box with something in it.")

    def _wanted(self) -> int:
        return _LARGE_HEADER if self._header[:4] == b"\0\0\0\1" else _HEADER

    def _begin(self, header: bytes, first: int) -> None:
        size, name = int.from_bytes(header[:4]), header[4:8].decode("latin-1")
        if not self._bodies and name != "ftyp":
            raise VideoInvalid("The video's link served something that is no MP4, and no WebM, MOV or GIF either.")
        if size == 1:
            size = int.from_bytes(header[8:16])
        self._boxes += 1
        if self._boxes > _MOST_BOXES:
            raise VideoInvalid(f"The video has more than {_MOST_BOXES} boxes: it is none to play.")
        self._open_ended = size == 0
        body = 1 if self._open_ended else size - len(header)
        if body < 0:
            raise VideoInvalid(f"The video is damaged: a box at byte {first} is smaller than its header.")
        self._left = _ENDLESS if self._open_ended else body
        if name in _REQUIRED:
            self._bodies[name] = self._bodies.get(name, 0) + body
