"""Encode small films with PyAV."""

import io
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import cast

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

SOUND = {"mp4": "aac", "mov": "aac", "webm": "libopus"}
CODECS = {"mp4": "libx264", "mov": "libx264", "webm": "libvpx", "gif": "gif"}


@cache
def film(
    container: str, rate: Fraction = Fraction(24), *, size: tuple[int, int] = (320, 568), sound: bool = False
) -> bytes:
    """Return a file of 48 frames. Its first eight are black, and then the upper half is yellow and the lower blue."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = cast("VideoStream", output.add_stream(CODECS[container], rate=rate))
        stream.width, stream.height = size
        stream.pix_fmt = "rgb8" if container == "gif" else "yuv420p"
        stream.options = {"deadline": "realtime", "cpu-used": "-8"} if container == "webm" else {"preset": "ultrafast"}
        heard: AudioStream | None = None
        if sound:
            heard = cast("AudioStream", output.add_stream(SOUND[container], rate=48_000, layout="mono"))
        for number, picture in enumerate(_pictures(size)):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV left it out
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for number in range(2) if heard else ():
            silence = av.AudioFrame("flt" if container == "webm" else "fltp", "mono", 960)
            silence.sample_rate, silence.pts = 48_000, 960 * number
            silence.planes[0].update(bytes(silence.planes[0].buffer_size))
            output.mux(heard.encode(silence) if heard else [])
        output.mux(heard.encode(None) if heard else [])
    return file.getvalue()


def _pictures(size: tuple[int, int]) -> Iterator[Image.Image]:
    black, flag = Image.new("RGB", size), Image.new("RGB", size, (0, 40, 200))
    ImageDraw.Draw(flag).rectangle((0, 0, size[0], size[1] // 2), fill=(250, 220, 60))
    for number in range(48):
        yield black if number < 8 else flag
