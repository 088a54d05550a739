"""Files that show their prompt: MP4s (H.264, yuv420p, index first, so that a browser plays them as they load), and what
else the provider's models make.

Rendering takes some 50 ms of CPU and the same clip always gives the same bytes, so files are made when they
are needed and forgotten again: 1,000 generations need no disk and little memory.
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

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FRAMES_PER_SECOND = 12
MARGIN = 24
BAR_HEIGHT = 10
BAR_LUMA = b"\xe0"
INDEX_BYTES = 8192  # room kept before the frames for the index (`moov`), which needs some 2 KB
CONTENT_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "gif": "image/gif"}
LONGEST_SHOWN = 2000
LONG_SIDE = 640  # of 1080p clips too: pixels cost time and no test looks at them
SHORTEST_SIDE = 240  # for the words to have room


@dataclass(frozen=True)
class Clip:
    """What a video shows. `seconds` is its duration; `aspect_ratio` is as 16:9; anything else is that."""

    prompt: str
    model: str
    seconds: int
    aspect_ratio: str = "16:9"
    container: str = "mp4"  # one of CONTENT_TYPES


@dataclass(frozen=True)
class _Encoding:
    """How frames become a file: PyAV's names."""

    codec: str
    pixels: str
    of_codec: Mapping[str, str]
    of_file: Mapping[str, str]


_H264 = {"preset": "ultrafast", "tune": "zerolatency"}
_ENCODINGS = {
    "mp4": _Encoding("libx264", "yuv420p", _H264, {"moov_size": str(INDEX_BYTES)}),
    "mov": _Encoding("libx264", "yuv420p", _H264, {}),
    # "bitexact" leaves out the ids that the muxer else makes up.
    "webm": _Encoding("libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}, {"fflags": "+bitexact"}),
    "gif": _Encoding("gif", "gray", {}, {}),
}


@functools.lru_cache(maxsize=256)
def render(clip: Clip) -> bytes:
    """Return the whole file; an MP4 has some 20 to 100 KB."""
    encoding = _ENCODINGS[clip.container]
    picture = av.VideoFrame.from_image(_picture(clip))  # type: ignore[no-untyped-call]  # PyAV left it out
    frame = picture.reformat(format=encoding.pixels)
    luma = frame.planes[0]
    pixels = memoryview(luma)
    file = io.BytesIO()
    with av.open(file, "w", format=clip.container, options=dict(encoding.of_file)) as container:
        stream = cast("VideoStream", container.add_stream(encoding.codec, rate=FRAMES_PER_SECOND))
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, encoding.pixels
        stream.options = dict(encoding.of_codec)
        stream.codec_context.thread_count = 1  # more threads would make the bytes depend on the machine
        count = clip.seconds * FRAMES_PER_SECOND
        for index in range(count):
            # Drawing the bar into the one converted frame is three times as fast as converting each frame.
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
    # JSON can carry half a surrogate pair, which no font can draw.
    prompt = clip.prompt[:LONGEST_SHOWN].encode(errors="replace").decode()
    lines = textwrap.wrap(prompt, width=width // 15, max_lines=height // 45, placeholder=" ...")
    draw.multiline_text((MARGIN, MARGIN), "\n".join(lines), fill="white", font=_font(22), spacing=6)
    notes = [*textwrap.wrap(f"{clip.model}, {clip.seconds} s", width // 12), "simulated: no AI involved"]
    above_bar = (MARGIN, height - MARGIN - 2 * BAR_HEIGHT)
    draw.multiline_text(above_bar, "\n".join(notes), fill=(160, 176, 200), font=_font(16), anchor="ld")
    return image


def size_of(aspect_ratio: str) -> tuple[int, int]:
    """Width and height in pixels, even, as H.264 wants them."""
    found = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", aspect_ratio)
    wide, high = (int(found[1]), int(found[2])) if found else (16, 9)
    short = max(SHORTEST_SIDE, LONG_SIDE * min(wide, high) // max(wide, high)) // 2 * 2
    return (LONG_SIDE, short) if wide >= high else (short, LONG_SIDE)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)  # knows many more alphabets, where it is installed
    except OSError:
        return ImageFont.load_default(size)
