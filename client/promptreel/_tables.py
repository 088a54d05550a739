"""Read a table of requests (.csv or .tsv) as text cells, by the rules of the API, and write it again."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass

COMMENT = ("#", '"#')  # the beginning of a line before the header that is ignored; a spreadsheet may quote it
_SEPARATOR = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)  # as Excel writes it


@dataclass(frozen=True)
class Table:
    """A table of requests."""

    before: str  # the lines before the header: comments, and Excel's line that names the delimiter
    delimiter: str
    names: list[str]  # of the columns
    rows: list[tuple[int, list[str]]]  # the line on which each begins, and its cells; without blank rows

    @classmethod
    def of(cls, text: str) -> "Table | None":
        """Return the table in a text, or None if the text has no header. Raise csv.Error if it cannot be read."""
        stream, before, delimiters = io.StringIO(text, newline=""), "", ",;\t"
        while True:
            first = stream.readline()
            if named := _SEPARATOR.fullmatch(first.rstrip("\r\n")):
                delimiters = named[1]
            elif not first.startswith(COMMENT):
                break
            before += first
        for delimiter in delimiters:
            names = next(csv.reader([first], delimiter=delimiter), [])
            if {"prompt", "model"} & set(map(fold, names)):
                lines = 1 + sum(1 for _ in io.StringIO(before, newline=""))
                return cls(before, delimiter, names, _rows(stream, delimiter, lines))
        return None

    def text(self) -> str:
        """Return the table as text."""
        out = io.StringIO(newline="")
        out.write(self.before)
        csv.writer(out, delimiter=self.delimiter).writerows([self.names, *(cells for _, cells in self.rows)])
        return out.getvalue()


def fold(name: str) -> str:
    """Return the one spelling of a column's name: `Aspect Ratio` is `aspect_ratio`."""
    return re.sub(r"[\s-]+", "_", name.strip()).casefold()


def harmless(cell: str) -> str:
    """Return the cell with an apostrophe before it if a spreadsheet might run it. `original` undoes this."""
    return f"'{cell}" if is_formula(cell.lstrip("'")) else cell


def original(cell: str) -> str:
    """Return the cell without the apostrophe of `harmless`."""
    return cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell


def is_formula(cell: str) -> bool:
    """Return whether a program may run the cell. Some ignore blanks before `=`, and some accept full-width signs."""
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return cell.startswith(("\t", "\r")) or first in ("=", "+", "-", "@")


def _rows(stream: io.StringIO, delimiter: str, before: int) -> list[tuple[int, list[str]]]:
    """Return the rows below the header, which is the last of the lines `before` them."""
    lines = csv.reader(stream, delimiter=delimiter, strict=True)
    rows, line = [], before + 1
    for cells in lines:
        if any(cell.strip() for cell in cells):
            rows.append((line, cells))
        line = before + lines.line_num + 1
    return rows
