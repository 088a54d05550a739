"""Fit tables to the width of the terminal. In a pipe, they are tab-separated lines."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from promptreel.commands import output

GAP = "  "
DIGITS = 8  # of an id: usually unique among ten thousand ids
WIDE = 120  # columns of a terminal that shows whole ids

Row = Sequence[object]


@dataclass(frozen=True)
class Column:
    """How a terminal shows a column.

    Its values may be cut to `least` columns of the terminal; without `least`, they are never cut. A column that does
    not fit is shown below each row, or left out if its place is `wide`. A column `below` is always shown there.
    """

    title: str
    least: int | None = None
    most: int | None = None  # a longer value is shown below its row
    place: Literal["beside", "below", "wide"] = "beside"
    is_right: bool = False
    is_id: bool = False  # shown with its first digits only, unless the terminal is wide
    mark: str = ""  # before a value below its row
    draw: Callable[[object, int], str] | None = None  # draws a value at a width, instead of its text


def say_table(columns: Sequence[Column], rows: Sequence[Row], nothing: str) -> None:
    """Print a table. If it has no rows, print `nothing` for the person at the terminal."""
    width = output.width()
    if width is None:
        output.say_rows(rows)
    elif not rows:
        output.warn(nothing)
    else:
        for line, style in _Table(columns, rows, width).lines():
            output.say_line(line, **style)


def lines_of(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[str]:
    """Return the lines of a table as plain text, for a display that is drawn again and again. The first has titles."""
    return [line.rstrip() for line, _ in _Table(columns, rows, width).lines()]


class _Table:
    def __init__(self, columns: Sequence[Column], rows: Sequence[Row], width: int) -> None:
        self._columns, self._rows, self._width = columns, rows, width
        self._texts = [[self._text(*cell) for cell in zip(columns, row, strict=True)] for row in rows]
        self._sizes = self._fitted()

    def lines(self) -> Iterator[tuple[str, dict[str, bool]]]:
        """Yield the titles, and each row with the lines below it, with their styles."""
        titles = [
            output.aligned(self._columns[i].title, size, self._columns[i].is_right) for i, size in self._sizes.items()
        ]
        yield GAP.join(titles), {"bold": True}
        for number, texts in enumerate(self._texts):
            yield GAP.join(self._cell(number, index) for index in self._sizes), {}
            yield from ((GAP + line, {"dim": True}) for line in self._lines_below(texts))

    def _text(self, column: Column, value: object) -> str:
        text = output.plain(value)
        return text[:DIGITS] if column.is_id and self._width < WIDE else text

    def _fitted(self) -> dict[int, int]:
        """Return the widths of the columns that share a line, by their indexes."""
        wanted, sizes = {}, {}
        for index, column in enumerate(self._columns):
            if column.place != "below":
                title = len(column.title)
                whole = max(title, *(output.cells(self._beside(texts, index)) for texts in self._texts))
                wanted[index] = self._width if column.draw else whole
                sizes[index] = whole if column.least is None else min(wanted[index], max(title, column.least))
        while len(sizes) > 1 and sum(sizes.values()) + len(GAP) * (len(sizes) - 1) > self._width:
            del sizes[max(list(sizes)[1:], key=self._dispensability)]
        left = self._width - sum(sizes.values()) - len(GAP) * (len(sizes) - 1)
        for index, size in sizes.items():
            more = max(0, min(left, wanted[index] - size))
            sizes[index], left = size + more, left - more
        return sizes

    def _beside(self, texts: Sequence[str], index: int) -> str:
        """Return the text of a column in its row, or an empty text if it is too long for the row."""
        most = self._columns[index].most
        return "" if most and output.cells(texts[index]) > most else texts[index]

    def _dispensability(self, index: int) -> tuple[bool, bool, int]:
        column = self._columns[index]
        return column.place == "wide", column.least is not None, index

    def _cell(self, number: int, index: int) -> str:
        column, size = self._columns[index], self._sizes[index]
        if column.draw:
            return column.draw(self._rows[number][index], size)
        return output.aligned(self._beside(self._texts[number], index), size, column.is_right)

    def _lines_below(self, texts: Sequence[str]) -> Iterator[str]:
        """Yield the values that are not in the row. Values of several columns share a line, with their titles."""
        width = self._width - len(GAP)
        facts: list[str] = []
        others: list[str] = []
        for index, column in enumerate(self._columns):
            text = texts[index]
            if column.place == "wide" or not text or (index in self._sizes and self._beside(texts, index)):
                continue
            if column.least is not None:
                others.append(output.cut(text, width))
            elif column.place == "below":
                others += _wrapped(text, width, column.mark)
            elif facts and len(facts[-1] + GAP + column.title + text) < width:
                facts[-1] += f"{GAP}{column.title} {text}"
            else:
                facts += _wrapped(text, width, f"{column.title} ")
        yield from (*facts, *others)


def _wrapped(text: str, width: int, mark: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=mark, break_long_words=False, break_on_hyphens=False)
