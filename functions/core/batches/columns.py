"""The columns of a table of prompts: the delimiter, the names, and which of them no model knows."""

import csv
import difflib
import re
from dataclasses import dataclass
from typing import IO

from core.errors import InvalidFile
from core.models import Models

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
NOT_UTF8 = (
    "The file is not UTF-8 text: in Excel choose CSV UTF-8 when you save it. The command line (--encoding cp1252) and "
    "the API (encoding=cp1252) also read other encodings, such as cp1252 for Windows in Western Europe."
)
FOR_US = ("id", "name", "tags", "webhook", "webhook_events")  # not sent to the provider
OWN = ("prompt", "model", *FOR_US)  # columns that every model allows
IGNORED = "_"  # the beginning of a column's name that is ignored
COMMENT = ("#", '"#')  # the beginning of a line before the header that is ignored; a spreadsheet may quote it
_SEPARATOR = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)  # as Excel writes it


def fold(name: str) -> str:
    """Return the one spelling of a column's name: `Aspect Ratio` is `aspect_ratio`."""
    return re.sub(r"[\s-]+", "_", name.strip()).casefold()


@dataclass(frozen=True)
class Columns:
    """The header of a table."""

    names: tuple[str, ...]
    delimiter: str

    @classmethod
    def of(cls, text: IO[str], most: int, models: Models | None) -> tuple["Columns", int]:
        """Read the comments and the header. Return the columns, and how many lines they took.

        Raise `InvalidFile` if the first other line names no known columns, or one that none of the `models` has.
        Without `models`, any name is allowed.
        """
        lines, delimiters = 0, tuple(DELIMITERS)
        while True:
            lines, first = lines + 1, text.readline(most)
            if named := _SEPARATOR.fullmatch(first.rstrip("\r\n")):
                delimiters = (named[1],)
            elif not first.startswith(COMMENT):
                break
        for delimiter in delimiters:
            columns = cls(_split(first, delimiter), delimiter)
            if {"prompt", "model"} & set(columns.names):
                columns._check(models)
                return columns, lines
        if "\0" in first:
            raise InvalidFile(NOT_UTF8)
        raise InvalidFile(
            "The file's first line must name the columns, including `prompt` or `model`, separated by commas, "
            "semicolons or tabs. Only comments, which begin with `#`, may be above it."
        )

    def problem(self, cells: list[str]) -> str | None:
        """Return what is wrong with a row's cells, or None. A cell without a named column must be blank."""
        named = [bool(name) for name in self.names] + [False] * (len(cells) - len(self.names))
        if not any(cell.strip() for cell, is_named in zip(cells, named, strict=False) if not is_named):
            return None
        parted = DELIMITERS.get(self.delimiter, f"`{self.delimiter}`")
        header = sum(map(bool, self.names))
        return f"The row has {len(cells)} cells, and the header {header}: quote cells that contain {parted}."

    def cells(self, cells: list[str]) -> dict[str, str]:
        """Return the cells of a row by the names of their columns, without the ignored ones."""
        pairs = zip(self.names, cells, strict=False)
        return {name: cell for name, cell in pairs if name and not name.startswith(IGNORED)}

    def _check(self, models: Models | None) -> None:
        counted = [fold(name) for name in self.names if name]
        if len(set(counted)) < len(counted):
            raise InvalidFile("The file's first line names a column twice.")
        if models is None:
            return
        known = {name: name for name in OWN}
        unknown = [name for name in self.names if name and not name.startswith(IGNORED) and fold(name) not in known]
        for model in models:  # stop when all columns are known: each schema is a file
            if not unknown or model.schema is None:
                return  # a model without a schema allows any field
            known |= {fold(name): name for name in model.schema["properties"]}
            unknown = [name for name in unknown if fold(name) not in known]
        if unknown:
            raise InvalidFile(
                f"No model has {', '.join(_named(name, known) for name in unknown)}: correct the file's first line; "
                f"columns that begin with `{IGNORED}` are ignored."
            )


def _split(header: str, delimiter: str) -> tuple[str, ...]:
    try:
        names = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return ()
    own = {name: name for name in OWN}
    return tuple(own.get(fold(name), name.strip()) for name in names)


def _named(name: str, known: dict[str, str]) -> str:
    near = difflib.get_close_matches(fold(name), known, n=1)
    return f"`{name[:100]}`" + (f" (did you mean `{known[near[0]]}`?)" if near else "")
