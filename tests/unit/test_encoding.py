"""Test that files in other encodings become UTF-8, however they are cut into chunks."""

import pytest

from core.batches.encoding import ENCODINGS, as_utf8
from core.errors import InvalidFile

SAMPLES = {"cp1250": "zażółć", "cp1251": "снег", "cp1253": "χιόνι", "cp1254": "şeğ", "cp1257": "žąsis"}
SAMPLES |= {"cp932": "雪の船", "cp949": "종이배", "gb18030": "纸船", "mac_roman": "café", "cp1252": "5 € … „Boot“"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_character_may_be_cut_between_two_chunks(encoding: str) -> None:
    sent = SAMPLES[encoding].encode(encoding)
    bytes_ = (bytes([one]) for one in sent)
    assert b"".join(as_utf8(bytes_, encoding)).decode() == SAMPLES[encoding]


def test_without_an_encoding_the_content_stays_as_it_is() -> None:
    assert list(as_utf8([b"\xff\xfe", b"x"], None)) == [b"\xff\xfe", b"x"]


@pytest.mark.parametrize("encoding", ["utf-7", "zip", "idna", "CP1252", "cp1252 ", "unicode_escape"])
def test_only_named_encodings_are_accepted(encoding: str) -> None:
    with pytest.raises(InvalidFile, match="must be one of"):
        list(as_utf8([b"x"], encoding))


def test_a_file_that_ends_within_a_character_is_rejected() -> None:
    with pytest.raises(InvalidFile, match="not text in the encoding cp932"):
        list(as_utf8(["雪".encode("cp932")[:1]], "cp932"))
