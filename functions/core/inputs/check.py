"""Check whether a field of a model accepts an input."""

from core.errors import InvalidRequest
from core.generation import Given
from core.inputs.media import SUFFIXES
from core.models import Input

MAX_UPLOAD_BYTES = 512 << 20  # more than any limit in the provider's reference
MAX_SHOWN = 100  # characters of a reference in a message
_UNKNOWN = {True: "a video", False: "of an unknown type"}
_WORDS = {"image": "an image", "audio": "an audio file", "video": "a video"}


def check(given: Given, field: Input) -> None:
    """Raise `InvalidRequest` unless the field accepts this file. The type of a future video may be unknown."""
    wanted = field.media_types or tuple(kind for kind in SUFFIXES if kind.partition("/")[0] in field.media)
    name = f"`{field.field}`: {shown(given.reference)}"
    is_some_video = given.generation_id is not None and given.content_type is None
    if given.content_type not in wanted and not (is_some_video and "video" in field.media):
        words = " or ".join(_WORDS[one] for one in field.media)
        raise InvalidRequest(
            f"{name} is {given.content_type or _UNKNOWN[is_some_video]}, not {words} ({', '.join(wanted)}).",
            field.field,
        )
    most = field.max_bytes or (MAX_UPLOAD_BYTES if given.key else None)
    if most and (given.size or 0) > most:
        raise InvalidRequest(f"{name} has {given.size} bytes. At most {most} are allowed.", field.field)
    if given.size == 0:
        raise InvalidRequest(f"{name} is empty.", field.field)


def shown(reference: str) -> str:
    """Return a reference, shortened for a message."""
    return reference if len(reference) <= MAX_SHOWN else f"{reference[:MAX_SHOWN]}..."
