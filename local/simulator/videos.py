"""Render videos that show moving shapes and their prompt, with sound if the model makes sound.

MP4s are H.264 and yuv420p with the index first, so browsers play them while they load. Other formats of the provider's
models are supported. Rendering takes about 0.2 s of CPU and is reproducible, so files are rendered for each request and
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
from local.simulator.scene import SAMPLES_PER_SECOND, Scene, second_of_sound

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

FRAMES_PER_SECOND = 12
MARGIN = 24
BAR_HEIGHT, BAR_LIGHT = 6, 224
LINE, NOTE = 24, 18  # heights
INDEX_BYTES, INDEX_BYTES_A_SECOND = 4096, 512  # reserved before the frames for the index (`moov`)
LONGEST_SHOWN = 2000
MOST_LINES = 2
LONG_SIDE = 640  # also for 1080p clips: pixels cost time, and tests do not look at them
SHORTEST_SIDE = 240  # leaves enough room for the text


@dataclass(frozen=True)
class _Encoding:
    """The format of a file, with PyAV's names. Without an audio codec it has no sound."""

    codec: str
    pixels: str
    of_codec: Mapping[str, str]
    of_file: Mapping[str, str]
    audio: str | None


_H264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "34"}
_ENCODINGS = {
    "mp4": _Encoding("libx264", "yuv420p", _H264, {}, "aac"),
    "mov": _Encoding("libx264", "yuv420p", _H264, {}, "aac"),
    # "bitexact" omits the random ids that the muxer would add. A positive "cpu-used" would follow the machine's speed.
    "webm": _Encoding(
        "libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "-8"}, {"fflags": "+bitexact"}, "libopus"
    ),
    "gif": _Encoding("gif", "gray", {}, {}, None),
}


@functools.lru_cache(maxsize=256)
def render(clip: Clip) -> bytes:
    """Return the whole file. An MP4 has about 50 to 200 KB."""
    encoding = _ENCODINGS[clip.container]
    file = io.BytesIO()
    options = dict(encoding.of_file)
    if clip.container == "mp4":
        options["moov_size"] = str(INDEX_BYTES + INDEX_BYTES_A_SECOND * clip.seconds)
    with av.open(file, "w", format=clip.container, options=options) as container:
        stream = cast("VideoStream", container.add_stream(encoding.codec, rate=FRAMES_PER_SECOND))
        stream.width, stream.height = size_of(clip.aspect_ratio)
        stream.pix_fmt = encoding.pixels
        stream.options = dict(encoding.of_codec)
        stream.codec_context.thread_count = 1  # with more threads the bytes would depend on the machine
        sound: AudioStream | None = None
        if clip.has_sound and encoding.audio:
            sound = cast(
                "AudioStream",
                container.add_stream(encoding.audio, rate=SAMPLES_PER_SECOND, layout="mono", bit_rate=32_000),
            )
        _show(clip, container, stream)
        if sound:
            _play(clip, container, sound)
    return file.getvalue()


def _show(clip: Clip, container: "OutputContainer", stream: "VideoStream") -> None:
    """Encode the frames: a moving picture, and over its lower part a caption with a bar that grows."""
    width, height, interpolation = stream.width, stream.height, "POINT" if clip.container == "gif" else "FAST_BILINEAR"
    caption = _caption(clip, width)
    scene = Scene(clip, width, height, caption.height)
    draw = ImageDraw.Draw(caption)
    top = caption.height - MARGIN - BAR_HEIGHT
    count = clip.seconds * FRAMES_PER_SECOND
    for index in range(count):
        picture = av.VideoFrame.from_image(scene.picture(index / count))  # type: ignore[no-untyped-call]  # PyAV's
        frame = picture.reformat(width, height, format=stream.pix_fmt, interpolation=interpolation)
        length = max(1, (width - 2 * MARGIN) * (index + 1) // count)
        draw.rectangle((MARGIN, top, MARGIN + length - 1, top + BAR_HEIGHT - 1), fill=BAR_LIGHT)
        _lay_over(frame, caption)
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _lay_over(frame: av.VideoFrame, caption: Image.Image) -> None:
    """Add the light of the caption to the bottom of the frame, which is dark there.

    Whole rows are combined as one number, which takes a fraction of the time of drawing into a converted frame.
    """
    luma = frame.planes[0]
    lit = Image.new("L", (luma.line_size, caption.height))
    lit.paste(caption)
    rows = memoryview(luma)[(frame.height - caption.height) * luma.line_size : frame.height * luma.line_size]
    both = int.from_bytes(rows) | int.from_bytes(lit.tobytes())
    rows[:] = both.to_bytes(len(rows))


def _play(clip: Clip, container: "OutputContainer", stream: "AudioStream") -> None:
    second = second_of_sound(clip)
    for number in range(clip.seconds):
        samples = av.AudioFrame("s16", "mono", SAMPLES_PER_SECOND)
        samples.planes[0].update(second)
        samples.sample_rate, samples.pts = SAMPLES_PER_SECOND, number * SAMPLES_PER_SECOND
        container.mux(stream.encode(samples))
    container.mux(stream.encode(None))


def _caption(clip: Clip, width: int) -> Image.Image:
    """Return the light of the caption, which has room for the bar at its bottom."""
    # JSON can contain half a surrogate pair, which fonts cannot draw.
    prompt = clip.prompt[:LONGEST_SHOWN].encode(errors="replace").decode()
    lines = textwrap.wrap(prompt, width=width // 12, max_lines=MOST_LINES, placeholder=" ...")
    notes = textwrap.wrap(f"{clip.model}, {clip.seconds} s, simulated: no AI involved", width // 10)
    texts = MARGIN // 2 + LINE * len(lines) + NOTE * len(notes)
    image = Image.new("L", (width, texts + MARGIN // 2 + BAR_HEIGHT + MARGIN))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN // 2 + LINE * number), line, fill=235, font=_font(18))
    for number, note in enumerate(notes):
        draw.text((MARGIN, texts - NOTE * (len(notes) - number)), note, fill=150, font=_font(13))
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
