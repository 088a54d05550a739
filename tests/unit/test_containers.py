"""Test that a video's container is detected from its bytes, and that files are complete or rejected in any pieces."""

import io
import json

import av
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from core.archive import gif as gif_module
from core.archive import mp4 as mp4_module
from core.archive import webm as webm_module
from core.archive.check import Check
from core.archive.containers import CONTENT_TYPES
from core.archive.download import Allowed
from core.errors import VideoInvalid
from tests.support.gif import EXTENSION, SCREEN, TRAILER, gif, picture
from tests.support.gif import WHOLE as GIF
from tests.support.mp4 import WHOLE as MP4
from tests.support.mp4 import box
from tests.support.webm import (
    BLOCK,
    CLUSTER,
    CUES,
    EBML,
    HEADER,
    LIVE,
    OPEN,
    SEGMENT,
    TRACKS,
    VOID,
    cluster,
    element,
    webm,
)
from tests.support.webm import WHOLE as WEBM

ALLOWED = Allowed(("127.0.0.1",), max_bytes=1 << 30)
MOV = MP4.replace(b"ftypisom", b"ftypqt  ")
WHOLE = {"mp4": MP4, "mov": MOV, "webm": WEBM, "gif": GIF}


def checked(data: bytes, step: int = 1 << 20) -> Check:
    check = Check(ALLOWED)
    for at in range(0, len(data), step):
        check.update(data[at : at + step])
    check.finish(len(data))
    return check


def test_every_container_is_detected_from_its_bytes() -> None:
    assert {checked(data).container for data in WHOLE.values()} == set(CONTENT_TYPES)
    assert {name: checked(data).container for name, data in WHOLE.items()} == {name: name for name in WHOLE}


@pytest.mark.parametrize("data", [*WHOLE.values(), LIVE], ids=[*WHOLE, "live"])
@pytest.mark.parametrize("step", [1, 2, 7, 13, 100])
def test_a_whole_file_passes_in_pieces_of_any_size(data: bytes, step: int) -> None:
    assert checked(data, step).size == len(data)


def refused(data: bytes) -> bool:
    try:
        checked(data, 5)
    except VideoInvalid:
        return True
    return False


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_file_truncated_anywhere_is_rejected(data: bytes) -> None:
    assert [cut for cut in range(len(data)) if not refused(data[:cut])] == []


def test_a_live_webm_is_whole_after_each_of_its_blocks_and_nowhere_else() -> None:
    """The file does not contain its length. Only the host knows it."""
    second = LIVE.rfind(CLUSTER.to_bytes(4))
    blocks = [LIVE.find(body) + len(body) for body in (b"b" * 40, b"c" * 50)]
    between = [second + 4 + len(OPEN), second + 4 + len(OPEN) + 3]  # after the start of the second cluster and its time
    assert [cut for cut in range(len(LIVE)) if not refused(LIVE[:cut])] == [*blocks, *between]


@pytest.mark.parametrize("data", [*WHOLE.values(), LIVE], ids=[*WHOLE, "live"])
def test_a_check_can_continue_from_its_state_anywhere(data: bytes) -> None:
    for cut in range(12, len(data)):
        first = Check(ALLOWED)
        first.update(data[:cut])
        second = Check(ALLOWED, json.loads(json.dumps(first.state)))
        assert (second.size, second.container) == (cut, first.container)
        second.update(data[cut:])
        second.finish(len(data))
        assert second.state == checked(data).state


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(WEBM + b"\0", "no valid element begins", id="zero at the end"),
        pytest.param(WEBM + element(CUES, b"x"), "does not belong there", id="index at the end"),
        pytest.param(WEBM + WEBM, "does not belong there", id="two files"),
        pytest.param(HEADER.replace(b"webm", b"mkv!") + WEBM[len(HEADER) :], "another file type", id="another type"),
        pytest.param(element(EBML, b"") + WEBM[len(HEADER) :], "another file type", id="empty header"),
        pytest.param(element(EBML, b"\x42") + WEBM[len(HEADER) :], "another file type", id="half an element as header"),
        pytest.param(HEADER, "segment element is missing", id="header only"),
        pytest.param(webm(), "block element is missing", id="empty segment"),
        pytest.param(webm(cluster()), "block element is missing", id="empty cluster"),
        pytest.param(webm(cluster(b"")), "block element is missing", id="empty block"),
        pytest.param(
            HEADER + element(SEGMENT, element(TRACKS) + cluster(b"x")), "tracks element is missing", id="no track"
        ),
        pytest.param(HEADER + element(SEGMENT, cluster(b"x")), "tracks element is missing", id="blocks only"),
        pytest.param(
            HEADER + element(SEGMENT, element(VOID, is_open=True), is_open=True), "no size", id="void without a size"
        ),
        pytest.param(webm(element(CLUSTER, element(BLOCK, is_open=True))), "no size", id="block without a size"),
        pytest.param(
            webm(element(CLUSTER, element(BLOCK, b"x" * 9)[:-1])), "larger than its parent", id="block cut off"
        ),
        # 1 GiB, and the largest possible size, without content
        pytest.param(
            HEADER + element(SEGMENT, is_open=True) + b"\xec" + (1 << 30 | 1 << 56).to_bytes(8),
            "cut off",
            id="1 GiB announced",
        ),
        pytest.param(
            HEADER + b"\x18\x53\x80\x67" + ((1 << 56) - 2 | 1 << 56).to_bytes(8), "cut off", id="largest size announced"
        ),
        pytest.param(
            b"\x1a\x45\xdf\xa3" + (1 << 30 | 1 << 56).to_bytes(8) + b"\x42\x82\x84webm",
            "more than 1024 bytes",
            id="header of 1 GiB",
        ),
        pytest.param(
            b"\x1a\x45\xdf\xa3" + OPEN + b"\x42\x82\x84webm", "more than 1024 bytes", id="header without a size"
        ),
        pytest.param(GIF + b"\0", "not belong in a GIF", id="GIF and a zero"),
        pytest.param(gif(picture(b"p")), "without animation", id="GIF of one picture"),
        pytest.param(gif(picture(b"p"), picture(b"")), "without animation", id="GIF with an empty picture"),
        pytest.param(SCREEN + TRAILER, "without animation", id="GIF without pictures"),
        pytest.param(SCREEN.replace(b"89a", b"88a") + EXTENSION, "not belong in a GIF", id="GIF 88a"),
        pytest.param(SCREEN + b"<html>", "not belong in a GIF", id="GIF with a page in it"),
        pytest.param(MOV + b"\0\0", "cut off", id="MOV and two zeros"),
        pytest.param(box(b"ftyp", b"qt  ") + box(b"moov", b"x"), "mdat box is missing", id="MOV without mdat"),
        pytest.param(box(b"wide") + box(b"mdat", b"x") + box(b"moov", b"x"), "not an MP4", id="no ftyp"),
        pytest.param(b"<!doctype html><html>sorry</html>", "not an MP4, WebM", id="page"),
        pytest.param(b"GIF8", "cut off", id="half a GIF header"),
        pytest.param(b"\x1a\x45\xdf\xa3", "cut off", id="half a WebM header"),
        pytest.param(b"x", "cut off", id="one byte"),
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"RIFF\0\0\1\0AVI LIST", "not an MP4", id="AVI"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(40), "not an MP4", id="PNG"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(40), "not an MP4", id="JPEG"),
    ],
)
def test_an_incomplete_video_is_rejected_with_a_reason(data: bytes, reason: str) -> None:
    for step in (3, 1 << 20):
        with pytest.raises(VideoInvalid, match=reason):
            checked(data, step)


@given(st.sampled_from([b"\x1aE\xdf\xa3", HEADER, HEADER + element(SEGMENT, is_open=True), SCREEN, b""]), st.binary())
def test_any_bytes_are_accepted_or_rejected(begin: bytes, data: bytes) -> None:
    try:
        checked(begin + data, 3)
    except VideoInvalid as error:
        assert str(error).endswith(".")


@given(st.data())
def test_a_damaged_webm_is_accepted_or_rejected_without_a_crash(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WEBM) - 1))
    damaged = WEBM[:at] + bytes([data.draw(st.integers(0, 255))]) + WEBM[at + 1 :]
    try:
        checked(damaged)
    except VideoInvalid as error:
        assert str(error).endswith(".")


def test_a_file_with_only_small_elements_is_checked_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webm_module, "_MOST_ELEMENTS", 1000)
    monkeypatch.setattr(gif_module, "_MOST_PIECES", 1000)
    monkeypatch.setattr(mp4_module, "_MOST_BOXES", 1000)
    void = b"\xec\x80"
    nested = element(CLUSTER, is_open=True) * 2000  # they are not nested: each ends the one before
    for bomb in (HEADER + void * 2000, HEADER + element(SEGMENT, is_open=True) + nested):
        with pytest.raises(VideoInvalid, match="more than 1000 elements"):
            checked(bomb)
    with pytest.raises(VideoInvalid, match="more than 1000 sub-blocks"):
        checked(SCREEN + EXTENSION * 2000)
    with pytest.raises(VideoInvalid, match="more than 1000 boxes"):
        checked(MP4 + box(b"free") * 2000)
    assert checked(WEBM).size == len(WEBM)


def test_the_state_of_a_check_does_not_grow_with_the_file() -> None:
    check = Check(ALLOWED)
    check.update(HEADER + element(SEGMENT, is_open=True) + element(TRACKS, b"t"))
    sizes = set()
    for _ in range(50):
        check.update(cluster(*[b"x" * 9] * 20))
        sizes.add(len(json.dumps(check.state)))
    assert max(sizes) - min(sizes) < 20


@pytest.mark.parametrize(
    ("container", "codec", "pixels", "options"),
    [
        ("webm", "libvpx-vp9", "yuv420p", {}),
        ("webm", "libvpx", "yuv420p", {"live": "1"}),
        ("mov", "prores_ks", "yuva444p10le", {}),
        ("mp4", "mpeg4", "yuv420p", {}),
        ("gif", "gif", "rgb8", {}),
    ],
    ids=["webm", "live webm", "mov", "mp4", "gif"],
)
def test_ffmpegs_files_pass_but_not_if_truncated(
    container: str, codec: str, pixels: str, options: dict[str, str]
) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=12)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixels
        for number in range(6):
            frame = av.VideoFrame(32, 32, pixels)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = file.getvalue()
    assert checked(data, 100).container == container
    for cut in range(0, len(data), max(1, len(data) // 97)):
        with pytest.raises(VideoInvalid):
            checked(data[:cut])
