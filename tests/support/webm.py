"""Build the elements of a WebM."""

OPEN = b"\x01" + b"\xff" * 7  # an open size

EBML, DOC_TYPE, SEGMENT, INFO, TRACKS = 0x1A45DFA3, 0x4282, 0x18538067, 0x1549A966, 0x1654AE6B
CLUSTER, TIMECODE, BLOCK, CUES, VOID = 0x1F43B675, 0xE7, 0xA3, 0x1C53BB6B, 0xEC


def element(name: int, body: bytes = b"", *, is_open: bool = False, size_bytes: int = 4) -> bytes:
    """Return an element. Its size is written in `size_bytes`, or left open."""
    size = OPEN if is_open else (len(body) | 1 << 7 * size_bytes).to_bytes(size_bytes)
    return name.to_bytes((name.bit_length() + 7) // 8) + size + body


HEADER = element(EBML, element(0x4286, b"\1", size_bytes=1) + element(DOC_TYPE, b"webm", size_bytes=1), size_bytes=1)


def cluster(*blocks: bytes, is_open: bool = False) -> bytes:
    inside = element(TIMECODE, b"\0", size_bytes=1) + b"".join(element(BLOCK, one) for one in blocks)
    return element(CLUSTER, inside, is_open=is_open)


def webm(*clusters: bytes, is_open: bool = False) -> bytes:
    """Return a WebM with these clusters."""
    inside = element(INFO, b"i" * 9) + element(VOID, b"v" * 5) + element(TRACKS, b"t" * 30) + b"".join(clusters)
    return HEADER + element(SEGMENT, inside, is_open=is_open, size_bytes=8)


WHOLE = webm(cluster(b"b" * 40, b"c" * 50), cluster(b"d" * 60))
LIVE = webm(cluster(b"b" * 40, b"c" * 50, is_open=True), cluster(b"d" * 60, is_open=True), is_open=True)
