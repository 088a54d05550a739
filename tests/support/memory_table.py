"""A table in memory, for simulations with far more calls than moto can answer."""

import re
from functools import cache
from types import CodeType
from typing import Any

from core.records.table import Condition, ConditionFailed, Item

_WORDS = re.compile(
    r"attribute_(?P<not>not_)?exists\(#?(?P<attribute>\w+)\)|#(?P<name>\w+)|:(?P<value>\w+)|(?P<equals>(?<![<>])=)"
    r"|(?P<word>AND|OR)"
)


@cache
def _compiled(text: str) -> CodeType:
    """Return a condition as Python. As in DynamoDB, a comparison with a missing attribute is false."""

    def python(found: re.Match[str]) -> str:
        if attribute := found["attribute"]:
            return f"({attribute!r} {'not in' if found['not'] else 'in'} item)"
        if name := found["name"]:
            return f"item.get({name!r}, missing)"
        if value := found["value"]:
            return f"values[':{value}']"
        return "==" if found["equals"] else found["word"].lower()

    return compile(_WORDS.sub(python, text), text, "eval")


class _Missing:
    """The value of a missing attribute."""

    def _false(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _false
    __hash__ = object.__hash__


class MemoryTable:
    """Implements those methods of `core.records.table.Table` that deliveries use."""

    def __init__(self, key: str) -> None:
        self.items: dict[str, Item] = {}
        self._key = key

    def get(self, key: str) -> Item | None:
        """Return the item, or None."""
        return self.items.get(key)

    def put(self, item: Item, only_if: Condition) -> None:
        """Write a whole item."""
        self._check(item[self._key], only_if)
        self.items[item[self._key]] = {name: value for name, value in item.items() if value is not None}

    def update(
        self, key: str, changes: Item, *, only_if: Condition | None = None, remove: tuple[str, ...] = ()
    ) -> None:
        """Change an item."""
        self._check(key, only_if or Condition(f"attribute_exists({self._key})"))
        present = {name: value for name, value in changes.items() if value is not None}
        item = {self._key: key, **self.items.get(key, {}), **present}
        self.items[key] = {name: value for name, value in item.items() if name not in remove}

    def _check(self, key: str, only_if: Condition) -> None:
        item = self.items.get(key, {})
        known: dict[str, Any] = {"item": item, "values": only_if.values, "missing": _Missing()}
        if not eval(_compiled(only_if.text), known):  # noqa: S307 - the text is our own
            raise ConditionFailed(item)
