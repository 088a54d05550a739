"""Test that the structure check accepts whole MP4 files in any pieces and rejects everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.mp4 import Mp4Check
from core.errors import VideoInvalid
from tests.support.mp4 import WHOLE, box


def check(data: bytes, step: int = 1 << 20) -> None:
    checked = Mp4Check()
    for at in range(0, len(data), step):
        checked.update(data[at : at + step])
    checked.finish()


@given(st.integers(1, len(WHOLE)))
def test_a_whole_file_passes_in_pieces_of_any_size(step: int) -> None:
    check(WHOLE, step)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 50))
def test_a_file_truncated_anywhere_is_rejected(length: int, step: int) -> None:
    with pytest.raises(VideoInvalid):
        check(WHOLE[:length], step)


@pytest.mark.parametrize(
    "data",
    [
        WHOLE.replace(box(b"mdat", b"y" * 100), box(b"mdat", b"y" * 100, large=True)),
        WHOLE.replace(box(b"mdat", b"y" * 100), box(b"mdat", b"y" * 100, to_end=True)),
    ],
    ids=["64-bit size", "to the end of the file"],
)
def test_the_other_ways_to_write_a_size_pass(data: bytes) -> None:
    check(data, 7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty body"),
        (b"<!DOCTYPE html><html>sorry</html>", "not an MP4"),
        (box(b"ftyp", b"isom") + box(b"moov", b"x"), "mdat box is missing"),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x"), "moov box is missing"),
        (box(b"ftyp", b"isom") + box(b"moov", b"x") + box(b"mdat"), "mdat box is missing"),
        (box(b"ftyp", b"isom") + (3).to_bytes(4) + b"moov", "smaller than its header"),
        (WHOLE + b"trailing", "cut off"),
        (WHOLE + b"\0\0", "cut off"),
    ],
    ids=["empty", "page", "no mdat", "no moov", "empty mdat", "size below 8", "text at the end", "zeros at the end"],
)
def test_an_incomplete_video_is_rejected_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(VideoInvalid, match=reason):
        check(data, 5)


@given(st.binary())
def test_any_bytes_are_accepted_or_rejected(data: bytes) -> None:
    try:
        check(data, 3)
    except VideoInvalid as refused:
        assert str(refused).endswith(".")


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_a_check_can_continue_from_its_state_anywhere(cut: int) -> None:
    first = Mp4Check()
    first.update(WHOLE[:cut])
    second = Mp4Check.at(json.loads(json.dumps(first.state)))
    second.update(WHOLE[cut:])
    second.finish()
    assert second.state == checked(WHOLE).state
    third = Mp4Check.at(first.state)
    third.update(WHOLE[cut:-1])
    with pytest.raises(VideoInvalid):
        third.finish()


def checked(data: bytes) -> Mp4Check:
    check = Mp4Check()
    check.update(data)
    return check
