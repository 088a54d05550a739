"""Sort requests into kinds: requests of one kind cost the same and take about as long.

The provider's reference does not say which parameters change the price. Therefore every parameter counts, except texts,
seeds and the addresses of files. If a parameter counts that does not matter, a kind only takes longer to have a
history. If a parameter that matters did not count, cheap requests would be mixed with expensive ones.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_MEDIA = re.compile(r"(https?|s3)://|(data|upload|generation|row):", re.IGNORECASE)
_MOST = 64  # characters of an option such as 1080p; a longer value is a text
_NO_COST = re.compile(r"(negative_)?prompt|(.*_)?seed")  # parameters that do not change the cost, at any depth


def model_of(request: Mapping[str, Any]) -> str:
    """Return the model's name, shortened and without spaces."""
    return "".join(str(request.get("model", ""))[:200].split())


def has_media(value: Any) -> bool:
    """Return whether a request has a picture, sound or video as an input. Its length or size may change the cost."""
    if isinstance(value, Mapping):
        return any(map(has_media, value.values()))
    if isinstance(value, list):
        return any(map(has_media, value))
    return isinstance(value, str) and _MEDIA.match(value) is not None


def kind_of(request: Mapping[str, Any], owner: str) -> str:
    """Return an id of the request's kind. Requests with media are of the same kind only if they have the same owner."""
    parts = [_bears_cost(request), owner if has_media(request) else None]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _bears_cost(value: Any) -> Any:
    """Return the value without the parts that do not change the cost. Equal values have the same form."""
    match value:
        case Mapping():
            return {name: _bears_cost(one) for name, one in value.items() if not _NO_COST.fullmatch(name)}
        case list():
            return [_bears_cost(one) for one in value]
        case str() if _MEDIA.match(value):
            return "media:"
        case str():
            return value.lower() if len(value) <= _MOST else "text:"
        case bool() | None:
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
