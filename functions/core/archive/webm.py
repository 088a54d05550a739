"""Whether a stream of bytes is a whole WebM file, told while the bytes pass and without keeping them.

Source: RFC 8794 (EBML), RFC 9559 (Matroska). A file is a row of elements, each an id, a size and a body; both numbers
tell by their first bits how long they are. After the EBML header, which names the kind of file, comes one segment; in
it are the tracks, and clusters of blocks, which are the pictures and the sound. A segment and a cluster may leave their
size open: they then end where the next of their kind begins, or with the file. What was cut off does not add up.
"""

from core.archive.structure import Structure
from core.errors import VideoInvalid

_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _TRACKS, _CLUSTER = 0x18538067, 0x1654AE6B, 0x1F43B675
_BLOCKS = {0xA3, 0xA0}  # SimpleBlock, BlockGroup
_FILLING = {0xEC, 0xBF}  # Void, CRC-32: may be anywhere
# What a segment is made of, so that a cluster of open size ends before it: seek head, info, tracks, cluster, cues,
# attachments, chapters, tags.
_IN_SEGMENT = {0x114D9B74, 0x1549A966, _TRACKS, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367}
_MOST_ID, _MOST_SIZE = 4, 8  # bytes of these numbers
_MOST_HEADER = 1 << 10  # bytes of the EBML header, which is kept until it is read
_MOST_ELEMENTS = 1 << 20  # pictures and sounds of hours: more of them would only keep us busy


class WebmCheck(Structure):
    """The elements of a WebM. The header of the first one, the EBML header, is taken with its body."""

    _KEPT = ("ends", "elements", "bodies")

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[int | None] = []  # of the segment, and of the cluster in it: None while that is open
        self._elements = 0
        self._bodies: dict[str, int] = {}  # of what it must have, the bytes within

    def finish(self) -> None:
        """The bytes are over: `VideoInvalid` unless they were a whole WebM."""
        if self._left or self._header or any(end not in (None, self.position) for end in self._ends):
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of an element.")
        for name in ("segment", "tracks", "block"):
            if not self._bodies.get(name):
                raise VideoInvalid(f"The video is no playable WebM: it has no {name} with something in it.")

    def _wanted(self) -> int:
        header = self._header
        if not header:
            return 1
        size_at = self._length(header[0], _MOST_ID)
        if len(header) <= size_at:
            return size_at + 1
        body_at = size_at + self._length(header[size_at], _MOST_SIZE)
        if len(header) < body_at or int.from_bytes(header[:size_at]) != _EBML:
            return body_at
        size = _number(header[size_at:body_at])
        if size is None or size > _MOST_HEADER:
            raise VideoInvalid("The video is no WebM: its header is larger than any.")
        return body_at + size

    def _length(self, first: int, most: int) -> int:
        """Of how many bytes a number is that begins with this one."""
        length = 9 - first.bit_length()
        if length > most:
            raise VideoInvalid(f"The video is damaged: at byte {self.position} begins nothing that a WebM may hold.")
        return length

    def _begin(self, header: bytes, first: int) -> None:
        size_at = self._length(header[0], _MOST_ID)
        body_at = size_at + self._length(header[size_at], _MOST_SIZE)
        name, size = int.from_bytes(header[:size_at]), _number(header[size_at:body_at])
        content = header[body_at:]
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise VideoInvalid(f"The video has more than {_MOST_ELEMENTS} elements: it is none to play.")
        self._leave(first, name)
        end = None if size is None else self.position - len(content) + size
        limit = next((known for known in reversed(self._ends) if known is not None), None)
        if limit is not None and (self.position if end is None else end) > limit:
            raise VideoInvalid(f"The video is damaged: the element at byte {first} is larger than what it is in.")
        self._enter(first, name, end, content)

    def _leave(self, first: int, name: int) -> None:
        """End what ends before this element: at its size, or, open, with the next that cannot be in it."""
        while self._ends and self._ends[-1] == first:
            self._ends.pop()
        if len(self._ends) == 2 and self._ends[-1] is None and name in _IN_SEGMENT:  # noqa: PLR2004 - in a cluster
            self._ends.pop()

    def _enter(self, first: int, name: int, end: int | None, content: bytes) -> None:
        body = 1 if end is None else end - self.position
        match len(self._ends):
            case 0 if not first:
                if _doc_type(content) != b"webm":
                    raise VideoInvalid("The video is no WebM: its header says that it is something else.")
                return
            case 0 if name == _SEGMENT and "segment" not in self._bodies:
                self._bodies["segment"] = body
                self._ends.append(end)
                return
            case 1 if name == _CLUSTER:
                self._ends.append(end)
                return
            case 0 if name not in _FILLING:
                raise VideoInvalid(f"The video is damaged: at byte {first} is something that is not of it.")
            case 1 if name == _TRACKS:
                self._bodies["tracks"] = self._bodies.get("tracks", 0) + body
            case 2 if name in _BLOCKS:
                self._bodies["block"] = self._bodies.get("block", 0) + body
        if end is None:
            raise VideoInvalid(f"The video is damaged: the element at byte {first} has no size.")
        self._left = body


def _number(data: bytes | bytearray) -> int | None:
    """An element's size; None if it is left open."""
    bits = 7 * len(data)
    size = int.from_bytes(data) & ((1 << bits) - 1)
    return None if size == (1 << bits) - 1 else size


def _doc_type(header: bytes) -> bytes | None:
    """What the EBML header says that the file is; None if it cannot be read."""
    at = 0
    while at < len(header):
        size_at = at + 9 - header[at].bit_length()
        if size_at >= len(header):
            return None
        body_at = size_at + 9 - header[size_at].bit_length()
        end = body_at + (_number(header[size_at:body_at]) or 0)
        if int.from_bytes(header[at:size_at]) == _DOC_TYPE:
            return header[body_at:end].rstrip(b"\0")
        at = end
    return None
