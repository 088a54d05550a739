"""Test that the facts of real files are read from their headers, and that no header can do harm."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.archive import structure
from core.archive.check import Check
from core.archive.containers import CONTENT_TYPES
from core.archive.download import Allowed
from core.archive.facts import mp4_facts, webm_facts
from core.generation import NO_FACTS, Facts
from tests.support.films import film
from tests.support.mp4 import box
from tests.support.webm import element

ALLOWED = Allowed(("127.0.0.1",), max_bytes=1 << 30)


def facts_of(data: bytes, step: int = 1 << 20) -> Facts:
    check = Check(ALLOWED)
    for at in range(0, len(data), step):
        check.update(data[at : at + step])
    check.finish(len(data))
    return check.facts


@pytest.mark.parametrize("container", ["mp4", "mov", "webm"])
@pytest.mark.parametrize("has_sound", [False, True], ids=["silent", "with sound"])
def test_a_films_facts_are_in_its_headers(container: str, *, has_sound: bool) -> None:
    rate = Fraction(24) if container == "webm" else Fraction(24_000, 1_001)
    facts = facts_of(film(container, rate, sound=has_sound))
    assert (facts.width, facts.height, facts.has_sound) == (320, 568, has_sound)
    assert facts.duration_ms is not None
    assert abs(facts.duration_ms - 48_000 / rate) < 50
    assert facts.frames_per_1000_s is not None
    assert abs(facts.frames_per_1000_s - 1000 * rate) <= 10


def test_a_gif_has_a_size_and_no_sound() -> None:
    assert facts_of(film("gif")) == Facts(width=320, height=568, has_sound=False)


@pytest.mark.parametrize("container", CONTENT_TYPES)
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_the_facts_do_not_depend_on_how_the_bytes_arrive(container: str, step: int) -> None:
    data = film(container)
    assert facts_of(data, step) == facts_of(data) != NO_FACTS


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size)


def tkhd(width: int, height: int, matrix: tuple[int, int, int, int], *, is_long: bool = False) -> bytes:
    a, b, c, d = (one & 0xFFFFFFFF for one in matrix)
    before = bytes([is_long]) + bytes(51 if is_long else 39)
    turned = b"".join(map(number, (a, b, 0, c, d, 0, 0, 0, 1 << 30)))
    return box(b"tkhd", before + turned + number(width << 16) + number(height << 16))


ONE = 1 << 16
HANDLER = box(b"mdia", box(b"hdlr", bytes(8) + b"vide" + bytes(12)))


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        ((ONE, 0, 0, ONE), (1920, 1080)),
        ((0, ONE, -ONE, 0), (1080, 1920)),
        ((-ONE, 0, 0, -ONE), (1920, 1080)),
        ((0, -ONE, ONE, 0), (1080, 1920)),
    ],
    ids=["upright", "90 degrees", "180 degrees", "270 degrees"],
)
def test_the_size_is_the_one_that_is_shown(
    matrix: tuple[int, int, int, int], size: tuple[int, int], *, is_long: bool
) -> None:
    facts = mp4_facts(box(b"trak", tkhd(1920, 1080, matrix, is_long=is_long) + HANDLER))
    assert (facts.width, facts.height, facts.has_sound) == (*size, False)


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        (bytes(12) + number(1000) + number(5250), 5250),
        (b"\1" + bytes(19) + number(90_000) + number(90_000 * 60, 8), 60_000),
        (bytes(12) + number(1000) + number(0xFFFFFFFF), None),
        (b"\1" + bytes(19) + number(1000) + number((1 << 64) - 1, 8), None),
        (bytes(12) + number(0) + number(5250), None),
        (b"\1" + bytes(19) + number(1) + number(1 << 63, 8), None),
        (bytes(14), None),
    ],
    ids=["32 bits", "64 bits", "unknown", "unknown in 64 bits", "no time scale", "for ever", "cut off"],
)
def test_a_duration_is_plausible_or_absent(header: bytes, milliseconds: int | None) -> None:
    assert mp4_facts(box(b"mvhd", header)) == Facts(duration_ms=milliseconds)


@pytest.mark.parametrize(
    "moov",
    [
        b"",
        number(0) + b"trak",
        number(7) + b"trak" + bytes(20),
        number(1) + b"trak" + number(1 << 63, 8),
        number(1) + b"trak" + number(3, 8),
        number(1) + b"trak",
        b"".join(number(8 * left) + b"mdia" for left in range(50_000, 0, -1)),
        box(b"trak", b"".join(number(8 * left) + b"mdia" for left in range(50_000, 0, -1))),
        number(8) * 100_000,
    ],
    ids=["empty", "to the end", "too small", "2^63", "small in 64 bits", "cut off", "deep", "deep in a track", "many"],
)
def test_a_hostile_box_has_no_facts(moov: bytes) -> None:
    facts = mp4_facts(moov)
    assert (facts.width, facts.height, facts.duration_ms, facts.frames_per_1000_s) == (None,) * 4


def test_only_the_first_thousand_boxes_and_elements_are_read() -> None:
    trak = box(b"trak", tkhd(1920, 1080, (ONE, 0, 0, ONE)) + HANDLER)
    assert mp4_facts(box(b"free") * 999 + trak).width == 1920
    assert mp4_facts(box(b"free") * 1000 + trak).width is None
    void, duration = element(0xEC, size_bytes=1), element(0x4489, b"\x45\x1c\x40\x00", size_bytes=1)
    assert webm_facts(void * 999 + duration, b"").duration_ms == 2500
    assert webm_facts(void * 1000 + duration, b"").duration_ms is None


@pytest.mark.parametrize(
    "duration",
    [b"\x7f\xf0" + bytes(6), b"\x7f\xf8" + bytes(6), b"\xff" * 8, bytes(8), b"\1\2\3"],
    ids=["infinite", "not a number", "negative", "zero", "three bytes"],
)
def test_a_webms_impossible_duration_is_absent(duration: bytes) -> None:
    assert webm_facts(element(0x4489, duration, size_bytes=1), b"") == NO_FACTS


@given(st.binary(max_size=400), st.binary(max_size=400))
@example(b"\0" * 9, b"\xff" * 9)
def test_any_bytes_give_facts_and_no_error(first: bytes, second: bytes) -> None:
    for facts in (mp4_facts(first), webm_facts(first, second)):
        assert all(value is None or value >= 0 for value in (facts.width, facts.duration_ms, facts.frames_per_1000_s))


@pytest.mark.parametrize("container", ["mp4", "mov"])
@given(st.data())
def test_damage_in_a_moov_never_fails_a_check(container: str, data: st.DataObject) -> None:
    whole = film(container, sound=True)
    inside = whole.index(b"moov") + 4
    at = data.draw(st.integers(inside, len(whole) - 8))
    put = data.draw(st.binary(min_size=1, max_size=8))
    assert isinstance(facts_of(whole[:at] + put + whole[at + len(put) :]), Facts)


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_headers_above_the_limit_are_not_held_in_memory(container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MOST_HEADERS", 20)
    assert facts_of(film(container)) == NO_FACTS


def test_a_check_that_continues_does_not_invent_facts() -> None:
    """Finalize then reads the whole archived video again, also for its SHA-256."""
    whole = film("mp4")
    first = Check(ALLOWED)
    first.update(whole[: len(whole) - 700])  # in the middle of moov
    rest = Check(ALLOWED, first.state)
    rest.update(whole[len(whole) - 700 :])
    rest.finish(len(whole))
    assert (rest.sha256, rest.facts) == (None, NO_FACTS)
