"""Describe the content of videos."""

from dataclasses import dataclass

CONTENT_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "gif": "image/gif"}


@dataclass(frozen=True)
class Clip:
    """The content of a video. `seconds` is its duration. An `aspect_ratio` that is not like 16:9 counts as 16:9."""

    prompt: str
    model: str
    seconds: int
    aspect_ratio: str = "16:9"
    container: str = "mp4"  # one of CONTENT_TYPES
    seed: int | None = None
    has_sound: bool = False
