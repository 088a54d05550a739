"""Turn a file in another encoding into UTF-8, if its sender names the encoding."""

import codecs
from collections.abc import Iterable, Iterator

from core.errors import InvalidFile

# What Excel writes as CSV on Windows, by region, and on a Mac.
ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp932", "cp949", "gb18030", "mac_roman")


def as_utf8(chunks: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Yield the content in UTF-8. Without an encoding, yield it unchanged.

    Raise `InvalidFile` for an unknown encoding, or if the content is not text in this encoding.
    """
    if encoding is None:
        yield from chunks
        return
    if encoding not in ENCODINGS:
        raise InvalidFile(f"The encoding must be one of {', '.join(ENCODINGS)}; leave it out for UTF-8.")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError:
        raise InvalidFile(
            f"The file is not text in the encoding {encoding}. Name the one that it was saved in."
        ) from None
