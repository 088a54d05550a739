"""Rows of a file that take the videos of others: `row:3`, or `row:boat` where a row has that `id`.

A row names rows above it alone. So a file is read once, from its beginning, and no circle can be made.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import InvalidRequest
from core.inputs.references import named
from core.models import Input
from core.text import is_printable

SOME_GENERATION = "generation:" + "0" * 32  # what such a name stands for, as a schema sees it
MAX_ID = 100  # characters
MAX_LONG = 100  # rows of which each takes the video of the one before
ROW = "row:"


class Chains:
    """Remember the rows so far: their ids, and how many others each of them waits for, one after the other."""

    def __init__(self, in_file: bool) -> None:
        self._in_file = in_file
        self._by_id: dict[str, int] = {}
        self._lengths: list[int] = []  # 0 for a row that is not allowed

    def add(self, sources: Iterable[int], *, is_allowed: bool) -> None:
        """Add the next row, in order, which takes the videos of the rows `sources`."""
        longest = max((self._lengths[number - 1] for number in sources), default=0)
        self._lengths.append(longest + 1 if is_allowed else 0)

    def name(self, value: object, number: int) -> None:
        """Record the `id` of a row. Raise `InvalidRequest` if it is not a valid id, or if another row has it."""
        name = value.strip() if isinstance(value, str) else value
        if name is None or name == "":
            return
        if not isinstance(name, str) or len(name) > MAX_ID or not is_printable(name) or re.fullmatch("[0-9]+", name):
            raise InvalidRequest(f"`id` must be a text of at most {MAX_ID} characters, and no number.", "id")
        if self._by_id.setdefault(name, number) != number:
            raise InvalidRequest(f"`id` is that of row {self._by_id[name]}, too: each must be another.", "id")

    def named(self, request: Mapping[str, Any], fields: tuple[Input, ...], number: int) -> dict[str, int]:
        """The rows whose videos the row takes, by how it names them; `InvalidRequest` for one that it cannot take."""
        found: dict[str, int] = {}
        for field, reference in named(request, fields):
            if reference.startswith(ROW) and self._in_file:
                found[reference] = self._above(field, reference, number)
        return found

    def _above(self, field: Input, reference: str, number: int) -> int:
        name = reference.removeprefix(ROW).strip()
        is_number = re.fullmatch("[1-9][0-9]{0,5}", name, re.ASCII)
        source = int(name) if is_number else self._by_id.get(name, number)
        said = f"`{field.field}`: {reference[:MAX_ID]}"
        if source >= number:
            raise InvalidRequest(f"{said} is no row above this one: a row takes videos of rows above it.", field.field)
        if not self._lengths[source - 1]:
            raise InvalidRequest(f"{said} is row {source}, which is not allowed itself.", field.field)
        if "video" not in field.media:
            raise InvalidRequest(f"{said} is a video, and {' or '.join(field.media)} is needed.", field.field)
        if self._lengths[source - 1] >= MAX_LONG:
            raise InvalidRequest(
                f"{said} ends a chain of {MAX_LONG} rows: make a longer one of two files.", field.field
            )
        return source
