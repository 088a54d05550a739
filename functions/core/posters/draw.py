"""Draw the poster of a video, in a process of its own: `python -m core.posters.draw FILE CONTAINER`.

The file is a stranger's. So this process has limits for memory, CPU time and files, no credentials in its environment,
and a parent that ends it. It accepts only the containers and codecs of videos, decodes a few frames, and writes a JPEG
to its output. It exits with UNREADABLE if it cannot draw the file.
"""

import resource
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from av import VideoFrame

UNREADABLE = 3  # the exit code
MEMORY_BYTES, CPU_SECONDS = 384 << 20, 10
MOST_FRAMES = 48  # two seconds, after which a film that begins in black has usually begun
MOST_SIDE, MOST_PIXELS = 16_384, 36_000_000  # of a frame; 8K has 33 million pixels
LONG_SIDE = 640
MOST_BYTES = 256 << 10  # of the output
ENOUGH_BYTES = 24 << 10
QUALITIES = (3, 5, 8, 12, 20, 31)  # of the encoder, from good to bad: the first one that is small enough is used
SAMPLE = (32, 18)  # a frame is reduced to this size to measure its light
DARK, FLAT = 24, 4  # the mean of a frame's light, and its mean deviation, of 256 levels

DEMUXERS = {"mp4": "mp4", "mov": "mov", "webm": "webm", "gif": "gif"}
CODECS = {"h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "prores", "mjpeg", "gif"}


def main(path: str, container: str) -> int:
    """Write the poster of the file and return the exit code."""
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        with suppress(ValueError, OSError):  # macOS cannot limit the address space
            resource.setrlimit(what, (most, most))
    import av  # noqa: F401, PLC0415 - after the limits. If it is missing, the process fails

    try:
        poster = draw(Path(path), container)
    except Exception:  # noqa: BLE001 - whatever is wrong with the file, it only has no poster
        return UNREADABLE
    sys.stdout.buffer.write(poster)
    return 0


def draw(path: Path, container: str) -> bytes:
    """Return the first frame that is neither dark nor of one colour, or else the lightest of the first frames."""
    import av  # noqa: PLC0415 - as above

    # The format is fixed: a playlist, which could name other files and servers, is not opened.
    options = {"codec_whitelist": ",".join(CODECS)}
    with path.open("rb") as file, av.open(file, "r", format=DEMUXERS[container], options=options) as film:
        stream = film.streams.video[0]
        codec = stream.codec_context
        if codec.name not in CODECS or not is_of_a_fair_size(codec.width, codec.height):
            raise ValueError(f"A film of {codec.width}x{codec.height} pixels in {codec.name} is not decoded.")
        codec.thread_count = 1
        codec.options = {"max_pixels": str(MOST_PIXELS)}  # for a stream that changes its size
        best: VideoFrame | None = None
        most_light = -1.0
        for number, frame in enumerate(film.decode(stream), start=1):
            light, is_clear = _light(frame)
            if light > most_light:
                best, most_light = frame, light
            if is_clear or number == MOST_FRAMES:
                break
        if best is None:
            raise ValueError("The film has no frame.")
        return _jpeg(best)


def is_of_a_fair_size(width: int, height: int) -> bool:
    """Return whether frames of this size are decoded."""
    return 0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE and width * height <= MOST_PIXELS


def _light(frame: "VideoFrame") -> tuple[float, bool]:
    """Return the mean light of a frame, and whether it is neither dark nor of one colour."""
    plane = frame.reformat(*SAMPLE, format="gray").planes[0]
    data = bytes(plane)
    rows = [data[row * plane.line_size :][: SAMPLE[0]] for row in range(SAMPLE[1])]
    pixels = b"".join(rows)
    mean = sum(pixels) / len(pixels)
    contrast = sum(abs(pixel - mean) for pixel in pixels) / len(pixels)
    return mean, mean >= DARK and contrast >= FLAT


def _jpeg(frame: "VideoFrame") -> bytes:
    """Return the frame as a small JPEG, upright."""
    import av  # noqa: PLC0415 - as above

    scale = min(1.0, LONG_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    picture = _upright(frame.reformat(width, height, format="yuvj420p"), frame.rotation)
    picture.pts = 0
    data = b""
    for quality in QUALITIES:
        encoder = av.CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
        encoder.time_base = Fraction(1)
        encoder.options = {"qmin": str(quality), "qmax": str(quality)}
        data = b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
        if len(data) <= ENOUGH_BYTES:
            break
    return data


def _upright(picture: "VideoFrame", degrees: int) -> "VideoFrame":
    """Turn the picture as players turn the film: counterclockwise, by this many degrees."""
    from av.filter import Graph  # noqa: PLC0415 - as above

    turns = {90: ["cclock"], -90: ["clock"], 180: ["clock", "clock"], -180: ["clock", "clock"]}.get(degrees, [])
    for turn in turns:
        graph = Graph()
        source = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1)
        )
        graph.link_nodes(source, graph.add("transpose", turn), graph.add("buffersink")).configure()
        picture.pts = 0
        graph.push(picture)
        picture = cast("VideoFrame", graph.pull())
    return picture


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
