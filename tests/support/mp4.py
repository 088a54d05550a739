"""Build the boxes of an MP4."""


def box(name: bytes, body: bytes = b"", *, large: bool = False, to_end: bool = False) -> bytes:
    """Return a box. Its size is written in 4 bytes, in 8 (`large`) or left open (`to_end`)."""
    if to_end:
        return bytes(4) + name + body
    if large:
        return (1).to_bytes(4) + name + (16 + len(body)).to_bytes(8) + body
    return (8 + len(body)).to_bytes(4) + name + body


WHOLE = box(b"ftyp", b"isom") + box(b"moov", b"x" * 40) + box(b"free") + box(b"mdat", b"y" * 100)
