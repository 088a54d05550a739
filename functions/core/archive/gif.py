"""Check that a stream of bytes is a complete animated GIF, without keeping the bytes.

Source: the GIF89a specification. A file is a header with the screen, blocks for pictures and their extensions, and a
trailer. A block's data is split into sub-blocks of up to 255 bytes. Each begins with its size; size 0 ends the data.
"""

from core.archive.structure import Structure
from core.errors import VideoInvalid
from core.generation import Facts

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_BYTES = {"screen": 13, "block": 1, "extension": 1, "picture": 9, "code size": 1, "pixels": 1, "data": 1, "end": 1}
_MOST_PIECES = 1 << 22  # 1 GiB of full sub-blocks; the limit bounds the CPU time for a hostile file


class GifCheck(Structure):
    """A check of a GIF's blocks."""

    _KEPT = ("next", "pictures", "pieces")

    def __init__(self) -> None:
        super().__init__()
        self._next = "screen"  # the kind of the next bytes, a key of `_BYTES`
        self._pictures = self._pieces = 0
        self._size = (0, 0)

    @property
    def facts(self) -> Facts:
        """Return the size of the screen. A GIF has no sound, and its duration is not in a header."""
        width, height = self._size
        return Facts(width=width or None, height=height or None, has_sound=False)

    def finish(self) -> None:
        """Raise `VideoInvalid` unless the bytes were a complete GIF with several pictures."""
        if self._next != "end" or self._left:
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of a GIF.")
        if self._pictures < 2:  # noqa: PLR2004
            raise VideoInvalid("The video's link served a still image: a GIF without animation.")

    def _wanted(self) -> int:
        return _BYTES[self._next]

    def _begin(self, header: bytes, first: int) -> None:
        if self._next == "screen":
            self._size = (int.from_bytes(header[6:8], "little"), int.from_bytes(header[8:10], "little"))
        self._next, self._left = self._read(header, first)

    def _read(self, header: bytes, first: int) -> tuple[str, int]:
        """Return the kind of the next header, and how many bytes to skip before it."""
        match self._next:
            case "screen" if header[:6] in (b"GIF87a", b"GIF89a"):
                return "block", _table(header[10])
            case "block" if header[0] == _EXTENSION:
                return "extension", 0
            case "block" if header[0] == _PICTURE:
                return "picture", 0
            case "block" if header[0] == _TRAILER:
                return "end", 0
            case "extension":
                return "data", 0
            case "picture":
                return "code size", _table(header[8])
            case "code size":
                return "pixels", 0
            case "pixels" | "data":
                self._pictures += self._next == "pixels" and header[0] > 0
                self._pieces += 1
                if self._pieces > _MOST_PIECES:
                    raise VideoInvalid(f"The video has more than {_MOST_PIECES} sub-blocks, which is too many.")
                return ("data", header[0]) if header[0] else ("block", 0)
        raise VideoInvalid(f"The video is damaged: the data at byte {first} does not belong in a GIF.")


def _table(flags: int) -> int:
    """Return the size in bytes of the colour table that these flags announce."""
    return 3 << (flags % 8 + 1) if flags & 0x80 else 0
