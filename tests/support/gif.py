"""Build the blocks of a GIF."""

SCREEN = b"GIF89a" + bytes(4) + b"\x80\0\0" + b"rgbRGB"  # with a table of two colours
EXTENSION = b"\x21\xf9\4" + bytes(4) + b"\0"
TRAILER = b"\x3b"


def data(body: bytes) -> bytes:
    """Return the data in pieces, each preceded by its size."""
    pieces = (body[at : at + 255] for at in range(0, len(body), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def picture(pixels: bytes, *, own_colours: bool = False) -> bytes:
    flags, table = (b"\x80", b"rgbRGB") if own_colours else (b"\0", b"")
    return b"\x2c" + bytes(8) + flags + table + b"\2" + data(pixels)


def gif(*pictures: bytes) -> bytes:
    return SCREEN + b"".join(EXTENSION + one for one in pictures) + TRAILER


WHOLE = gif(picture(b"p" * 300), picture(b"q" * 20, own_colours=True))
