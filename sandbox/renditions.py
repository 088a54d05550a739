"""Name the videos that `make sandbox` renders. Every generation gets the one that is most like its request."""

from local.simulator.clips import CONTENT_TYPES, Clip

SECONDS = (4, 5, 6, 8)
BROKEN = "broken.mp4"  # half a video
MISSING = "missing.mp4"  # not in the bucket
PROMPT = "A video of the sandbox"
SHAPES = {"landscape": "16:9", "portrait": "9:16"}


def rendition_of(clip: Clip) -> str:
    """Return the key of the video for a clip. Its duration can be shorter, and its shape is one of `SHAPES`."""
    if clip.container != "mp4":
        return _key("landscape", SECONDS[0], clip.container)
    shape = "portrait" if clip.aspect_ratio == SHAPES["portrait"] else "landscape"
    seconds = next((seconds for seconds in SECONDS if seconds >= clip.seconds), SECONDS[-1])
    return _key(shape, seconds, "mp4")


def renditions() -> dict[str, Clip]:
    """Return all videos by their keys, without the broken one."""
    mp4s = [(shape, seconds, "mp4") for shape in SHAPES for seconds in SECONDS]
    others = [("landscape", SECONDS[0], container) for container in CONTENT_TYPES if container != "mp4"]
    return {
        _key(shape, seconds, container): Clip(PROMPT, "Promptreel", seconds, SHAPES[shape], container)
        for shape, seconds, container in (*mp4s, *others)
    }


def _key(shape: str, seconds: int, container: str) -> str:
    return f"{shape}-{seconds}.{container}"
