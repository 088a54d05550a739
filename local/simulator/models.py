"""What the provider asks of a request, written from its documentation and not from the product's own schemas.

Only what shapes the answer is checked; optional parameters that the simulator does not use are let through.
"""

from dataclasses import dataclass
from typing import Any

from local.simulator.videos import Clip


class Refused(Exception):
    """The provider's refusal: an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Model:
    durations: tuple[int, ...]  # seconds
    default_duration: int
    required: tuple[str, ...] = ()


_VEO2, _VEO3 = (5, 6, 7, 8), (4, 6, 8)
_T2V = ("veo3", "veo-3.0-fast", "veo-3.1-t2v", "veo-3.1-t2v-fast", "veo-3-1-lite-generate-preview")
_I2V = ("veo-3.0-i2v", "veo-3.0-i2v-fast", "veo-3.1-i2v", "veo-3.1-i2v-fast")
_FIRST_LAST = ("veo-3.1-first-last-image-to-video", "veo-3.1-first-last-image-to-video-fast")
_EXTEND = ("veo3-1-extend-video", "veo3-1-fast-extend-video")

MODELS = {
    "veo2": _Model(_VEO2, 5),
    "veo2/image-to-video": _Model(_VEO2, 5, ("image_url",)),
    "veo-3.1-lite-generate-001": _Model(_VEO3, 8),
    "google/veo-3.1-reference-to-video": _Model((8,), 8, ("image_urls",)),
    **{f"google/{name}": _Model(_VEO3, 8) for name in _T2V},
    **{f"google/{name}": _Model(_VEO3, 8, ("image_url",)) for name in _I2V},
    **{f"google/{name}": _Model(_VEO3, 8, ("image_url", "last_image_url")) for name in _FIRST_LAST},
    **{f"google/{name}": _Model((7,), 7, ("video_url",)) for name in _EXTEND},
}


def clip_of(request: Any) -> Clip:
    """The clip that the JSON body of a create call asks for; raises Refused: 404 for the model, else 400."""
    if not isinstance(request, dict):
        raise Refused(400, "The body must be a JSON object.")
    for field in ("prompt", "model"):
        if not isinstance(request.get(field), str) or not request[field]:
            raise Refused(400, f"{field} must be a non-empty string.")
    model = MODELS.get(request["model"])
    if model is None:
        raise Refused(404, "The model does not exist or is deprecated.")
    for field in model.required:
        if not request.get(field):
            raise Refused(400, f"{field} is required.")
    duration = request.get("duration", model.default_duration)
    if duration not in model.durations:
        raise Refused(400, f"duration must be one of {', '.join(map(str, model.durations))}.")
    aspect_ratio = request.get("aspect_ratio", "16:9")
    if aspect_ratio not in ("16:9", "9:16", "auto"):
        raise Refused(400, "aspect_ratio must be 16:9 or 9:16.")
    return Clip(request["prompt"], request["model"], int(duration), aspect_ratio)
