"""Whether a field of a model takes what a request names for it."""

from core.errors import InvalidRequest
from core.generation import Given
from core.inputs.media import SUFFIXES
from core.models import Input

MAX_UPLOAD_BYTES = 512 << 20  # beyond any limit in the provider's reference
MAX_SHOWN = 100  # characters of a reference in a message
_UNKNOWN = {True: "a video", False: "of no known type"}
_WORDS = {"image": "picture", "audio": "sound", "video": "video"}


def check(given: Given, field: Input) -> None:
    """`InvalidRequest` unless the field takes such a file, as far as it is known: some video may still be made."""
    wanted = field.media_types or tuple(kind for kind in SUFFIXES if kind.partition("/")[0] in field.media)
    name = f"`{field.field}`: {shown(given.reference)}"
    is_some_video = given.generation_id is not None and given.content_type is None
    if given.content_type not in wanted and not (is_some_video and "video" in field.media):
        words = " or a ".join(_WORDS[one] for one in field.media)
        raise InvalidRequest(
            f"{name} is {given.content_type or _UNKNOWN[is_some_video]}, and a {words} is needed: {', '.join(wanted)}.",
            field.field,
        )
    most = field.max_bytes or (MAX_UPLOAD_BYTES if given.key else None)
    if most and (given.size or 0) > most:
        raise InvalidRequest(f"{name} has {given.size} bytes; at most {most} are allowed.", field.field)
    if given.size == 0:
        raise InvalidRequest(f"{name} is empty.", field.field)


def shown(reference: str) -> str:
    """A reference, or as much of it as belongs in a message."""
    return reference if len(reference) <= MAX_SHOWN else f"{reference[:MAX_SHOWN]}..."
