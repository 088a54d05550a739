"""Build the boxes of an MP4."""


def box(name: bytes, body: bytes = b"", *, large: bool = False, to_end: bool = False) -> bytes:
    """Return a box. Its size is written in 4 bytes, in 8 (`large`) or left open (`to_end`)."""
    if to_end:
        return bytes(4) + name + body
    if large:
        return (1).to_bytes(4) + name + (16 + len(body)).to_bytes(8) + body
    return (8 + len(body)).to_bytes(4) + name + body


WHOLE = box(b"ftyp", b"isom") + box(b"moov", b"x" * 40) + box(b"free") + box(b"mdat", b"y" * 100)


def content_credentials() -> bytes:
    """Return a box with provenance marks as C2PA defines it: the purpose, and a manifest in boxes of JUMBF."""
    described = box(b"jumd", bytes.fromhex("63327061 0011 0010 8000 00AA00389B71") + b"\x03c2pa\0")
    claim = box(b"cbor", bytes(range(256)) * 8)
    identity = bytes.fromhex("D8FEC3D61B0E483C92975828877EC481")
    return box(b"uuid", identity + bytes(4) + b"manifest\0" + bytes(8) + box(b"jumb", described + claim))
