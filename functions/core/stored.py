"""Read a part of a record that another release may have written."""

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def part(form: type[T], fields: Mapping[str, Any]) -> T:
    """Return a dataclass with its fields of a record.

    Fields that it does not have are ignored. While a release is deployed, and after a return to the one before, earlier
    functions read what later ones have written.
    """
    return form(**{name: value for name, value in fields.items() if name in form.__annotations__})
