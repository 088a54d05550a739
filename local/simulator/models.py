"""Check requests as the provider does, and describe the requested clip.

Only the attributes that affect the video are checked: the model, its required attributes, the duration and the format.
Veo's models are defined here from the provider's documentation, independently of the product's data. The other models
are those of the product's catalogue.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.simulator.clips import CONTENT_TYPES, Clip

CATALOGUE = Path(__file__).parents[2] / "functions" / "core" / "models" / "catalogue"
SECONDS = 5  # of a video with a fixed duration
CONTAINER = re.compile(rf"\(\.({'|'.join(CONTENT_TYPES)})\)$")


class Refused(Exception):
    """A request that the provider rejects, with an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A model's requirements for a request. Empty `durations` (in seconds) and `aspect_ratios` allow any."""

    durations: tuple[int, ...]
    default_duration: int
    required: tuple[str, ...] = ()
    aspect_ratios: tuple[str, ...] = ("16:9", "9:16", "auto")
    default_aspect_ratio: str = "16:9"
    has_sound: bool | None = None  # whether its videos do without `generate_audio`; None if it makes no sound


_VEO2, _VEO3 = (5, 6, 7, 8), (4, 6, 8)
_WORDS, _PICTURE, _VIDEO = ("prompt",), ("prompt", "image_url"), ("prompt", "video_url")
_T2V = ("veo3", "veo-3.0-fast", "veo-3.1-t2v", "veo-3.1-t2v-fast", "veo-3-1-lite-generate-preview")
_I2V = ("veo-3.0-i2v", "veo-3.0-i2v-fast", "veo-3.1-i2v", "veo-3.1-i2v-fast")
_FIRST_LAST = ("veo-3.1-first-last-image-to-video", "veo-3.1-first-last-image-to-video-fast")
_EXTEND = ("veo3-1-extend-video", "veo3-1-fast-extend-video")

VEO = {
    "veo2": Asked(_VEO2, 5, _WORDS),
    "veo2/image-to-video": Asked(_VEO2, 5, _PICTURE),
    "veo-3.1-lite-generate-001": Asked(_VEO3, 8, _WORDS, has_sound=True),
    "google/veo-3.1-reference-to-video": Asked((8,), 8, ("prompt", "image_urls"), has_sound=True),
    **{f"google/{name}": Asked(_VEO3, 8, _WORDS, has_sound=True) for name in _T2V},
    **{f"google/{name}": Asked(_VEO3, 8, _PICTURE, has_sound=True) for name in _I2V},
    **{f"google/{name}": Asked(_VEO3, 8, (*_PICTURE, "last_image_url"), has_sound=True) for name in _FIRST_LAST},
    **{f"google/{name}": Asked((7,), 7, _VIDEO, has_sound=True) for name in _EXTEND},
}


def clip_of(request: Any) -> Clip:
    """Return the clip for the JSON body of a create call. Raise Refused (404 for an unknown model, else 400)."""
    if not isinstance(request, dict):
        raise Refused(400, "The body must be a JSON object.")
    name = request.get("model")
    if not isinstance(name, str) or not name:
        raise Refused(400, "model must be a non-empty string.")
    model = asked_by(name)
    if model is None:
        raise Refused(404, "The model does not exist or is deprecated.")
    for field in model.required:
        if not request.get(field):
            raise Refused(400, f"{field} is required.")
    if not isinstance(request.get("prompt", ""), str):
        raise Refused(400, "prompt must be a string.")
    duration = _whole(request.get("duration", model.default_duration))
    if duration is None or (model.durations and duration not in model.durations):
        raise Refused(400, f"duration must be one of {', '.join(map(str, model.durations))}.")
    aspect_ratio = request.get("aspect_ratio", model.default_aspect_ratio)
    if not isinstance(aspect_ratio, str) or (model.aspect_ratios and aspect_ratio not in model.aspect_ratios):
        raise Refused(400, f"aspect_ratio must be one of {', '.join(model.aspect_ratios)}.")
    return Clip(
        request.get("prompt") or _words_of(request),
        name,
        duration,
        aspect_ratio,
        _container_of(request),
        seed=_whole(request.get("seed")),
        has_sound=model.has_sound is not None and request.get("generate_audio", model.has_sound) is True,
    )


def asked_by(name: str) -> Asked | None:
    """Return the requirements of a model, or None for an unknown name."""
    return VEO.get(name) or _of_catalogue().get(name)


def all_models() -> dict[str, Asked]:
    """Return all models by name."""
    return {**_of_catalogue(), **VEO}


@functools.cache
def _of_catalogue() -> Mapping[str, Asked]:
    entries = [json.loads(file.read_text("utf-8")) for file in CATALOGUE.glob("*.json")]
    return {entry["name"]: _asked(entry["schema"]) for entry in entries}


def _asked(schema: Mapping[str, Any]) -> Asked:
    properties = schema["properties"]
    duration, ratio = properties.get("duration", {}), properties.get("aspect_ratio", {})
    durations = {int(one) for one in duration.get("enum", ())}
    if "maximum" in duration:
        durations = set(range(duration["minimum"], duration["maximum"] + 1))
    return Asked(
        durations=tuple(sorted(durations)),
        default_duration=int(duration.get("default") or min(durations, default=SECONDS)),
        required=tuple(name for name in schema["required"] if name != "model"),
        aspect_ratios=tuple(ratio.get("enum", ())),
        default_aspect_ratio=ratio.get("default", "16:9"),
        has_sound=properties["generate_audio"].get("default", True) if "generate_audio" in properties else None,
    )


def _whole(value: object) -> int | None:
    """Return a number, which the provider also accepts as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 4:  # noqa: PLR2004 - hours
        return int(value)
    return value if type(value) is int else None


def _container_of(request: Mapping[str, Any]) -> str:
    """Return the requested container, for models with a choice such as `VP9 (.webm)`."""
    values = (value for name, value in request.items() if isinstance(value, str) and name != "prompt")
    return next((found[1] for value in values if (found := CONTAINER.search(value))), "mp4")


def _words_of(request: Mapping[str, Any]) -> str:
    """Return the text to show for a request without a prompt: the prompts of its shots, or its inputs."""
    shots = request.get("multi_prompt") or []
    texts = [shot.get("prompt", "") if isinstance(shot, dict) else shot for shot in shots]
    inputs = [value for name, value in request.items() if name.endswith("_url")]
    return "\n".join(str(text) for text in [*texts, *inputs])
