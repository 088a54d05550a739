"""Check that a stream of bytes is a complete WebM file, without keeping the bytes.

Source: RFC 8794 (EBML), RFC 9559 (Matroska). A file is a sequence of elements, each with an id, a size and a body. The
first bits of an id or a size encode its length. The EBML header names the file type. One segment follows, which holds
the tracks and clusters of blocks with pictures and sound. A segment or cluster may leave its size open: it then ends
where the next one begins, or with the file. In a truncated file the sizes do not add up.
"""

from core.archive.facts import webm_facts
from core.archive.structure import Structure
from core.errors import VideoInvalid
from core.generation import Facts

_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_BLOCKS = {0xA3, 0xA0}  # SimpleBlock, BlockGroup
_FILLING = {0xEC, 0xBF}  # Void, CRC-32: allowed anywhere
# The direct children of a segment, which end a cluster of open size: seek head, info, tracks, cluster, cues,
# attachments, chapters, tags.
_IN_SEGMENT = {0x114D9B74, _INFO, _TRACKS, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367}
_MOST_ID, _MOST_SIZE = 4, 8  # bytes
_MOST_HEADER = 1 << 10  # bytes of the EBML header, which is held in memory
_MOST_ELEMENTS = 1 << 20  # enough for hours; the limit bounds the CPU time for a hostile file


class WebmCheck(Structure):
    """A check of a WebM's elements. The first element, the EBML header, is read together with its body."""

    _KEPT = ("ends", "elements", "bodies")

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[int | None] = []  # of the current segment and cluster; None for an open size
        self._elements = 0
        self._bodies: dict[str, int] = {}  # body bytes of each required element seen so far
        self._info, self._tracks = bytearray(), bytearray()

    @property
    def facts(self) -> Facts:
        """Return what the segment's information and tracks say."""
        return webm_facts(self._info, self._tracks)

    def finish(self) -> None:
        """Raise `VideoInvalid` unless the bytes were a complete WebM."""
        if self._left or self._header or any(end not in (None, self.position) for end in self._ends):
            raise VideoInvalid(f"The video is cut off after {self.position} bytes, in the middle of an element.")
        for name in ("segment", "tracks", "block"):
            if not self._bodies.get(name):
                raise VideoInvalid(f"The video is not a playable WebM: its {name} element is missing or empty.")

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
            raise VideoInvalid(f"The video is not a WebM: its header has more than {_MOST_HEADER} bytes.")
        return body_at + size

    def _length(self, first: int, most: int) -> int:
        """Return the length in bytes of a number with this first byte."""
        length = 9 - first.bit_length()
        if length > most:
            raise VideoInvalid(f"The video is damaged: no valid element begins at byte {self.position}.")
        return length

    def _begin(self, header: bytes, first: int) -> None:
        size_at = self._length(header[0], _MOST_ID)
        body_at = size_at + self._length(header[size_at], _MOST_SIZE)
        name, size = int.from_bytes(header[:size_at]), _number(header[size_at:body_at])
        content = header[body_at:]
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise VideoInvalid(f"The video has more than {_MOST_ELEMENTS} elements, which is too many.")
        self._leave(first, name)
        end = None if size is None else self.position - len(content) + size
        limit = next((known for known in reversed(self._ends) if known is not None), None)
        if limit is not None and (self.position if end is None else end) > limit:
            raise VideoInvalid(f"The video is damaged: the element at byte {first} is larger than its parent.")
        self._enter(first, name, end, content)

    def _leave(self, first: int, name: int) -> None:
        """Leave the elements that end before this one: by their size, or an open cluster by an element outside it."""
        while self._ends and self._ends[-1] == first:
            self._ends.pop()
        if len(self._ends) == 2 and self._ends[-1] is None and name in _IN_SEGMENT:  # noqa: PLR2004 - in a cluster
            self._ends.pop()

    def _enter(self, first: int, name: int, end: int | None, content: bytes) -> None:
        body = 1 if end is None else end - self.position
        match len(self._ends):
            case 0 if not first:
                if _doc_type(content) != b"webm":
                    raise VideoInvalid("The video is not a WebM: its header names another file type.")
                return
            case 0 if name == _SEGMENT and "segment" not in self._bodies:
                self._bodies["segment"] = body
                self._ends.append(end)
                return
            case 1 if name == _CLUSTER:
                self._ends.append(end)
                return
            case 0 if name not in _FILLING:
                raise VideoInvalid(f"The video is damaged: the element at byte {first} does not belong there.")
            case 1 if name == _TRACKS:
                self._bodies["tracks"] = self._bodies.get("tracks", 0) + body
            case 2 if name in _BLOCKS:
                self._bodies["block"] = self._bodies.get("block", 0) + body
        if end is None:
            raise VideoInvalid(f"The video is damaged: the element at byte {first} has no size.")
        self._left = body
        if name == _TRACKS and not self._tracks:
            self._tracks = self._collect()
        elif name == _INFO and not self._info:
            self._info = self._collect()


def _number(data: bytes | bytearray) -> int | None:
    """Return an element's size, or None if it is open."""
    bits = 7 * len(data)
    size = int.from_bytes(data) & ((1 << bits) - 1)
    return None if size == (1 << bits) - 1 else size


def _doc_type(header: bytes) -> bytes | None:
    """Return the file type in the EBML header, or None if it cannot be read."""
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
