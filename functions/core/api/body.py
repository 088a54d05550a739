"""The JSON body of a call."""

from core.errors import InvalidRequest
from core.models.validation import parse_json

MAX_BODY_BYTES = 256 << 10


def parse_body(text: str) -> object:
    """Return the JSON value of a body. Raise `InvalidRequest` if it is too large or not valid JSON."""
    if len(text.encode()) > MAX_BODY_BYTES:
        raise InvalidRequest(f"The body is too large: at most {MAX_BODY_BYTES} bytes are allowed.")
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body must be valid JSON: {error}.") from error
