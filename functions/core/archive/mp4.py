"""Check that a stream of bytes is a complete MP4 or QuickTime file, without keeping the bytes.

Source: ISO/IEC 14496-12, 4.2 (object structure) and 4.3 (file type box). A file is a sequence of boxes. A box begins
with its `size` (32 bits, big endian, including the header) and `type` (four characters). If `size` is 1, a 64-bit size
follows; size 0 means "to the end of the file". The sizes do not add up in a truncated file or in another format.
"""

from core.archive.facts import mp4_facts
from core.archive.structure import Structure
from core.errors import VideoInvalid
from core.generation import Facts

_HEADER, _LARGE_HEADER = 8, 16
_ENDLESS = 1 << 62  # bytes of a box that extends to the end: more than any file has
_REQUIRED = ("ftyp", "moov", "mdat")
_MOST_BOXES = 1 << 20  # enough for hours of fragments; the limit bounds the CPU time for a hostile file


class Mp4Check(Structure):
    """A check of an MP4's boxes."""

    _KEPT = ("open_ended", "boxes", "bodies")

    def __init__(self) -> None:
        super().__init__()
        self._open_ended = False  # whether the current box extends to the end of the file
        self._boxes = 0
        self._bodies: dict[str, int] = {}  # body bytes of each required box seen so far
        self._moov = bytearray()

    @property
    def facts(self) -> Facts:
        """Return what the file's `moov` box says, which describes the film."""
        return mp4_facts(self._moov)

    def finish(self) -> None:
        """Raise `VideoInvalid` unless the bytes were a complete MP4."""
        if self.position == 0:
            raise VideoInvalid("The video's link served an empty body.")
        if (self._left and not self._open_ended) or self._header:
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of a box.")
        for name in _REQUIRED:
            if not self._bodies.get(name):
                raise VideoInvalid(f"The video is not a playable MP4: its {name} box is missing or empty.")

    def _wanted(self) -> int:
        return _LARGE_HEADER if self._header[:4] == b"\0\0\0\1" else _HEADER

    def _begin(self, header: bytes, first: int) -> None:
        size, name = int.from_bytes(header[:4]), header[4:8].decode("latin-1")
        if not self._bodies and name != "ftyp":
            raise VideoInvalid("The video's link served a file that is not an MP4, WebM, MOV or GIF.")
        if size == 1:
            size = int.from_bytes(header[8:16])
        self._boxes += 1
        if self._boxes > _MOST_BOXES:
            raise VideoInvalid(f"The video has more than {_MOST_BOXES} boxes, which is too many.")
        self._open_ended = size == 0
        body = 1 if self._open_ended else size - len(header)
        if body < 0:
            raise VideoInvalid(f"The video is damaged: a box at byte {first} is smaller than its header.")
        self._left = _ENDLESS if self._open_ended else body
        if name == "moov" and name not in self._bodies:
            self._moov = self._collect()
        if name in _REQUIRED:
            self._bodies[name] = self._bodies.get(name, 0) + body
