"""The JSON body of a call."""

from core.errors import BodyTooLarge, InvalidRequest
from core.models.validation import parse_json

MAX_BODY_BYTES = 256 << 10
MAX_FILES_BYTES = 11 << 19  # of a body with files in data: URIs; Lambda takes 6 MiB with the rest of the event


def parse_body(content: bytes, most: int = MAX_BODY_BYTES) -> object:
    """Return the JSON value of a body. Raise `BodyTooLarge`, or `InvalidRequest` if it is not valid JSON."""
    if len(content) > most:
        raise BodyTooLarge(f"The body is too large: at most {most} bytes are allowed.")
    try:
        text = content.decode()
    except ValueError:
        raise InvalidRequest("The body must be JSON in UTF-8.") from None
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body must be valid JSON: {error}.") from error
