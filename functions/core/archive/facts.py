"""Read width, height, duration, frame rate and sound from the headers of a video.

The headers are untrusted: no size or nesting in them leads to an error or to reading a byte more than a few times.
A property that cannot be read, or is not plausible, is None.

Sources: ISO/IEC 14496-12, 8.2 to 8.7 (movie, tracks and sample tables); RFC 9559, 5.1.2 and 5.1.4 (Info and Tracks).
"""

import struct
from collections.abc import Iterable, Iterator
from typing import TypeVar

from core.generation import Facts

_MOST_PARTS = 1_000  # of one box or element; the rest is not read
_MOST_PIXELS = 65_535  # of a side
_MOST_SECONDS = 1e6
_MOST_FRAMES_PER_SECOND = 1e3

_INFO_SCALE, _INFO_DURATION = 0x2AD7B1, 0x4489
_TRACK, _TRACK_TYPE, _FRAME_NANOSECONDS, _VIDEO = 0xAE, 0x83, 0x23E383, 0xE0
_PIXEL_WIDTH, _PIXEL_HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT, _SHOWN_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_PICTURES, _SOUND = 1, 2  # types of a WebM's tracks

_NOTHING = memoryview(b"")
Name = TypeVar("Name", str, int)


def mp4_facts(moov: bytes | bytearray) -> Facts:
    """Return what the body of a `moov` box says."""
    parts = list(_boxes(memoryview(moov)))
    tracks = [_track(body) for name, body in parts if name == "trak"]
    kinds = [bytes(track.get("hdlr", _NOTHING)[8:12]) for track in tracks]
    video = tracks[kinds.index(b"vide")] if b"vide" in kinds else {}
    samples = _number(video.get("stsz", _NOTHING), 8, 4)
    return _plausible(
        _shown_size(video.get("tkhd", _NOTHING)),
        seconds=_seconds(_first(parts).get("mvhd", _NOTHING)),
        rate=_ratio(samples, _seconds(video.get("mdhd", _NOTHING))),
        has_sound=b"soun" in kinds if tracks else None,
    )


def webm_facts(info: bytes | bytearray, tracks: bytes | bytearray) -> Facts:
    """Return what the bodies of the `Info` and `Tracks` elements say."""
    about = _first(_elements(memoryview(info)))
    found = [_first(_elements(body)) for name, body in _elements(memoryview(tracks)) if name == _TRACK]
    kinds = [_whole(track.get(_TRACK_TYPE, _NOTHING)) for track in found]
    track = found[kinds.index(_PICTURES)] if _PICTURES in kinds else {}
    video = _first(_elements(track.get(_VIDEO, _NOTHING)))
    width, height, shown_width, shown_height, unit = (
        _whole(video.get(name, _NOTHING))
        for name in (_PIXEL_WIDTH, _PIXEL_HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT, _SHOWN_UNIT)
    )
    scale = _whole(about.get(_INFO_SCALE, _NOTHING)) or 1_000_000  # nanoseconds, and its default
    return _plausible(
        (shown_width, shown_height) if shown_width and shown_height and not unit else (width, height),
        seconds=_real(about.get(_INFO_DURATION, _NOTHING)) * scale / 1e9,
        rate=_ratio(1e9, _whole(track.get(_FRAME_NANOSECONDS, _NOTHING))),
        has_sound=_SOUND in kinds if found else None,
    )


def _plausible(size: tuple[int, int], seconds: float, rate: float, *, has_sound: bool | None) -> Facts:
    """Return the facts without the impossible ones, such as NaN."""
    width, height = size if all(0 < side <= _MOST_PIXELS for side in size) else (None, None)
    return Facts(
        width=width,
        height=height,
        duration_ms=round(seconds * 1000) or None if 0 < seconds <= _MOST_SECONDS else None,
        frames_per_1000_s=round(rate * 1000) or None if 0 < rate <= _MOST_FRAMES_PER_SECOND else None,
        has_sound=has_sound,
    )


def _boxes(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Yield the types and bodies of an MP4's boxes, up to the first that is not valid."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > len(data):
            return
        size, name, body_at = _number(data, at, 4), bytes(data[at + 4 : at + 8]), at + 8
        if size == 1:
            size, body_at = _number(data, at + 8, 8), at + 16
        end = at + size if size else len(data)
        if not body_at <= end <= len(data):
            return
        yield name.decode("latin-1"), data[body_at:end]
        at = end


def _track(trak: memoryview) -> dict[str, memoryview]:
    """Return the boxes that describe a track: its own, and those of its media and of its sample table."""
    boxes = _first(_boxes(trak))
    for parent in ("mdia", "minf", "stbl"):
        boxes = {**_first(_boxes(boxes.get(parent, _NOTHING))), **boxes}
    return boxes


def _seconds(header: memoryview) -> float:
    """Return the duration in an `mvhd` or `mdhd` box, or 0."""
    is_long = _number(header, 0, 1) == 1
    scale_at, size = (20, 8) if is_long else (12, 4)
    duration = _number(header, scale_at + 4, size)
    if duration == (1 << 8 * size) - 1:  # "unknown"
        return 0.0
    return _ratio(duration, _number(header, scale_at, 4))


def _shown_size(tkhd: memoryview) -> tuple[int, int]:
    """Return width and height in a `tkhd` box, after its rotation."""
    matrix_at = 52 if _number(tkhd, 0, 1) == 1 else 40
    width, height = _number(tkhd, matrix_at + 36, 4) >> 16, _number(tkhd, matrix_at + 40, 4) >> 16
    a, d = _number(tkhd, matrix_at, 4), _number(tkhd, matrix_at + 16, 4)
    b = _number(tkhd, matrix_at + 4, 4)
    is_on_its_side = b and not a and not d
    return (height, width) if is_on_its_side else (width, height)


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the ids and bodies of a WebM's elements, up to the first that is not valid."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at >= len(data):
            return
        size_at = at + 9 - data[at].bit_length()
        if size_at - at > 4 or size_at >= len(data):  # noqa: PLR2004 - bytes of the longest id
            return
        length = 9 - data[size_at].bit_length()
        body_at = size_at + length
        end = body_at + (int.from_bytes(data[size_at:body_at]) & ((1 << 7 * length) - 1))
        if length > 8 or end > len(data):  # noqa: PLR2004 - bytes of the longest size
            return
        yield int.from_bytes(data[at:size_at]), data[body_at:end]
        at = end


def _first(found: Iterable[tuple[Name, memoryview]]) -> dict[Name, memoryview]:
    """Return the first body of each name."""
    first: dict[Name, memoryview] = {}
    for name, body in found:
        first.setdefault(name, body)
    return first


def _number(data: memoryview, at: int, size: int) -> int:
    """Return a number in the data, or 0 if they end before it."""
    return int.from_bytes(data[at : at + size]) if at + size <= len(data) else 0


def _whole(body: memoryview) -> int:
    """Return an element's number, or 0 without one."""
    return int.from_bytes(body) if len(body) <= 8 else 0  # noqa: PLR2004 - bytes of the longest number


def _real(body: memoryview) -> float:
    """Return an element's number, or 0 without one."""
    form = {4: ">f", 8: ">d"}.get(len(body))
    return float(struct.unpack(form, body)[0]) if form else 0.0


def _ratio(number: float, of: float) -> float:
    return number / of if of else 0.0
