"""Whether a stream of bytes is a whole GIF that moves, told while the bytes pass and without keeping them.

Source: the GIF89a specification. A file is a header with the screen, blocks of pictures and of what belongs to them,
and a trailer. A block's data comes in pieces of up to 255 bytes, each after its size, until one of size 0.
"""

from core.archive.structure import Structure
from core.errors import VideoInvalid

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_BYTES = {"screen": 13, "block": 1, "extension": 1, "picture": 9, "code size": 1, "pixels": 1, "data": 1, "end": 1}
_MOST_PIECES = 1 << 22  # 1 GiB of full ones: more of them would only keep us busy


class GifCheck(Structure):
    """The blocks of a GIF."""

    _KEPT = ("next", "pictures", "pieces")

    def __init__(self) -> None:
        super().__init__()
        self._next = "screen"  # of what the bytes are that come next
        self._pictures = self._pieces = 0

    def finish(self) -> None:
        """The bytes are over: `VideoInvalid` unless they were a whole GIF of several pictures."""
        if self._next != "end" or self._left:
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of a GIF.")
        if self._pictures < 2:  # noqa: PLR2004
            raise VideoInvalid("The video's link served a picture: a GIF that does not move.")

    def _wanted(self) -> int:
        return _BYTES[self._next]

    def _begin(self, header: bytes, first: int) -> None:
        self._next, self._left = self._read(header, first)

    def _read(self, header: bytes, first: int) -> tuple[str, int]:
        """What comes after these bytes, and how many others before it."""
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
                    raise VideoInvalid(f"The video has more than {_MOST_PIECES} pieces: it is none to play.")
                return ("data", header[0]) if header[0] else ("block", 0)
        raise VideoInvalid(f"The video is damaged: at byte {first} is something that is not of a GIF.")


def _table(flags: int) -> int:
    """The bytes of a table of colours that these flags announce."""
    return 3 << (flags % 8 + 1) if flags & 0x80 else 0
