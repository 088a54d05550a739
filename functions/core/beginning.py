"""Find the one generation or batch whose id starts with the given digits."""

from collections.abc import Mapping
from typing import TypeVar

from core.errors import InvalidRequest, NotFound

T = TypeVar("T")


def only(found: Mapping[str, T], beginning: str, missing: str, what: str, field: str = "") -> T:
    """Return the only item of `found`. Raise `NotFound` without one, and `InvalidRequest` if there are several."""
    if not found:
        raise NotFound(missing)
    if len(found) > 1:
        raise InvalidRequest(
            f"Several of your {what} begin with {beginning}. Send more digits: {', '.join(found)}.", field
        )
    return next(iter(found.values()))
