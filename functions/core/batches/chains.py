"""Rows of a file that use the videos of other rows: `row:3`, or `row:boat` for the row whose `id` is `boat`.

A row can only name rows above it. A file can therefore be read once, from its beginning, and cannot contain a circle.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import InvalidRequest
from core.inputs.references import named
from core.models import Input
from core.text import is_printable

SOME_GENERATION = "generation:" + "0" * 32  # replaces `row:` references when a request is validated
MAX_ID = 100  # characters
MAX_LONG = 100  # rows in a chain, where each uses the video of the one before
ROW = "row:"


class Chains:
    """Remember the ids of the rows so far, and the length of the chain that each row ends."""

    def __init__(self, in_file: bool) -> None:
        self._in_file = in_file
        self._by_id: dict[str, int] = {}
        self._lengths: list[int] = []  # 0 for a row that is not allowed

    def add(self, sources: Iterable[int], *, is_allowed: bool) -> None:
        """Add the next row, which uses the videos of the rows `sources`."""
        longest = max((self._lengths[number - 1] for number in sources), default=0)
        self._lengths.append(longest + 1 if is_allowed else 0)

    def name(self, value: object, number: int) -> None:
        """Record the `id` of a row. Raise `InvalidRequest` if it is not a valid id, or if another row has it."""
        name = value.strip() if isinstance(value, str) else value
        if name is None or name == "":
            return
        if not isinstance(name, str) or len(name) > MAX_ID or not is_printable(name) or re.fullmatch("[0-9]+", name):
            raise InvalidRequest(f"`id` must be a text of at most {MAX_ID} characters that is not a number.", "id")
        if self._by_id.setdefault(name, number) != number:
            raise InvalidRequest(f"`id` is already used by row {self._by_id[name]}. Each row needs its own.", "id")

    def named(self, request: Mapping[str, Any], fields: tuple[Input, ...], number: int) -> dict[str, int]:
        """Return the references in a request to other rows, each with the row's number.

        Raise `InvalidRequest` for a row that it cannot use.
        """
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
            raise InvalidRequest(
                f"{said} is not a row above this one. A row can only use videos of earlier rows.", field.field
            )
        if not self._lengths[source - 1]:
            raise InvalidRequest(f"{said} is row {source}, which is not valid itself.", field.field)
        if "video" not in field.media:
            raise InvalidRequest(
                f"{said} is a video, but the field accepts only {' or '.join(field.media)}.", field.field
            )
        if self._lengths[source - 1] >= MAX_LONG:
            raise InvalidRequest(
                f"{said} ends a chain of {MAX_LONG} rows, which is the limit: continue it in a second file.",
                field.field,
            )
        return source
