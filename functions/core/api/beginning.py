"""What is named by the beginning of its id: the only one that begins so, as a generation or a batch of the caller's."""

from collections.abc import Mapping
from typing import TypeVar

from core.errors import InvalidRequest, NotFound

T = TypeVar("T")


def only(found: Mapping[str, T], beginning: str, missing: str, what: str, field: str = "") -> T:
    """The only one of those `found` by their ids; `NotFound` if there is none, `InvalidRequest` names several."""
    if not found:
        raise NotFound(missing)
    if len(found) > 1:
        raise InvalidRequest(f"Several of your {what} begin with {beginning}, name one: {', '.join(found)}.", field)
    return next(iter(found.values()))
