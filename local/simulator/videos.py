"""Render videos that show their prompt.

MP4s are H.264 and yuv420p with the index first, so browsers play them while they load. Other formats of the provider's
models are supported. Rendering takes about 50 ms of CPU and is reproducible, so files are rendered for each request and
not stored: 1,000 generations need no disk and little memory.
"""

import functools
import io
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
from PIL import Image, ImageDraw, ImageFont

from local.simulator.clips import Clip

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FRAMES_PER_SECOND = 12
MARGIN = 24
BAR_HEIGHT = 10
BAR_LUMA = b"\xe0"
INDEX_BYTES = 8192  # reserved before the frames for the index (`moov`), which needs about 2 KB
LONGEST_SHOWN = 2000
LONG_SIDE = 640  # also for 1080p clips: pixels cost time, and tests do not look at them
SHORTEST_SIDE = 240  # leaves enough room for the text


@dataclass(frozen=True)
class _Encoding:
    """The format of a file, with PyAV's names."""

    codec: str
    pixels: str
    of_codec: Mapping[str, str]
    of_file: Mapping[str, str]


_H264 = {"preset": "ultrafast", "tune": "zerolatency"}
_ENCODINGS = {
    "mp4": _Encoding("libx264", "yuv420p", _H264, {"moov_size": str(INDEX_BYTES)}),
    "mov": _Encoding("libx264", "yuv420p", _H264, {}),
    # "bitexact" omits the random ids that the muxer would add.
    "webm": _Encoding("libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}, {"fflags": "+bitexact"}),
    "gif": _Encoding("gif", "gray", {}, {}),
}


@functools.lru_cache(maxsize=256)
def render(clip: Clip) -> bytes:
    """Return the whole file. An MP4 has about 20 to 100 KB."""
    encoding = _ENCODINGS[clip.container]
    picture = av.VideoFrame.from_image(_picture(clip))  # type: ignore[no-untyped-call]  # not annotated by PyAV
    frame = picture.reformat(format=encoding.pixels)
    luma = frame.planes[0]
    pixels = memoryview(luma)
    file = io.BytesIO()
    with av.open(file, "w", format=clip.container, options=dict(encoding.of_file)) as container:
        stream = cast("VideoStream", container.add_stream(encoding.codec, rate=FRAMES_PER_SECOND))
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, encoding.pixels
        stream.options = dict(encoding.of_codec)
        stream.codec_context.thread_count = 1  # with more threads the bytes would depend on the machine
        count = clip.seconds * FRAMES_PER_SECOND
        for index in range(count):
            # Drawing the bar into one converted frame is three times as fast as converting each frame.
            length = (frame.width - 2 * MARGIN) * (index + 1) // count
            for row in range(frame.height - MARGIN - BAR_HEIGHT, frame.height - MARGIN):
                start = row * luma.line_size + MARGIN
                pixels[start : start + length] = BAR_LUMA * length
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _picture(clip: Clip) -> Image.Image:
    width, height = size_of(clip.aspect_ratio)
    image = Image.new("RGB", (width, height), (24, 32, 48))
    draw = ImageDraw.Draw(image)
    # JSON can contain half a surrogate pair, which fonts cannot draw.
    prompt = clip.prompt[:LONGEST_SHOWN].encode(errors="replace").decode()
    lines = textwrap.wrap(prompt, width=width // 15, max_lines=height // 45, placeholder=" ...")
    draw.multiline_text((MARGIN, MARGIN), "\n".join(lines), fill="white", font=_font(22), spacing=6)
    notes = [*textwrap.wrap(f"{clip.model}, {clip.seconds} s", width // 12), "simulated: no AI involved"]
    above_bar = (MARGIN, height - MARGIN - 2 * BAR_HEIGHT)
    draw.multiline_text(above_bar, "\n".join(notes), fill=(160, 176, 200), font=_font(16), anchor="ld")
    return image


def size_of(aspect_ratio: str) -> tuple[int, int]:
    """Return width and height in pixels. H.264 requires even numbers."""
    found = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", aspect_ratio)
    wide, high = (int(found[1]), int(found[2])) if found else (16, 9)
    short = max(SHORTEST_SIDE, LONG_SIDE * min(wide, high) // max(wide, high)) // 2 * 2
    return (LONG_SIDE, short) if wide >= high else (short, LONG_SIDE)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)  # supports many more alphabets, if it is installed
    except OSError:
        return ImageFont.load_default(size)
