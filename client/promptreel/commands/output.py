"""Print results on stdout and everything else on stderr; tables become tab-separated lines in a pipe."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from promptreel._text import UNPRINTABLE
from promptreel.generation import Generation

Columns = Mapping[str, Mapping[str, Any] | None]  # by their titles


def plain(value: object) -> str:
    """Return one line of printable text. Text from outside must not control the terminal or break a line."""
    return UNPRINTABLE.sub(" ", str(value))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural: 1 row, 2 rows."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(text: str) -> None:
    """Print a line of the result on stdout."""
    _line(Console(), text)


def warn(text: str) -> None:
    """Print a line for the person at the terminal on stderr."""
    _line(Console(stderr=True), text)


def say_json(value: object) -> None:
    """Print the result as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say_rows(rows: Sequence[Sequence[object]]) -> None:
    """Print tab-separated lines on stdout."""
    for row in rows:
        sys.stdout.write("\t".join(plain(cell) for cell in row) + "\n")


def is_terminal(console: Console) -> bool:
    """Return whether the output is a terminal. Rich also returns True if colours are forced in a pipe."""
    return console.file.isatty() or os.environ.get("TTY_COMPATIBLE") == "1"


def width() -> int | None:
    """Return the terminal's width in columns, or None if stdout is not a terminal."""
    console = Console()
    return console.width if is_terminal(console) else None


def cut(text: object, size: int, *, pad: bool = True) -> str:
    """Return the text cut to `size` columns with an ellipsis, or padded with spaces."""
    line = plain(str(text)[: 4 * size])
    if cell_len(line) > size:
        return set_cell_size(line, size - 1) + "…"
    return set_cell_size(line, size) if pad else line


def say_line(text: str, style: str = "") -> None:
    """Print a line that is already as wide as the terminal, without wrapping it."""
    Console().print(Text(text.rstrip(), style), soft_wrap=True)


def notify(text: str) -> None:
    """Ring the terminal's bell, and show a notification if the terminal supports it (OSC 9)."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\x1b]9;{plain(text)}\x07\x07")
        sys.stderr.flush()


def say_table(columns: Columns, rows: Sequence[Sequence[object]]) -> None:
    """Print a table. `columns` maps titles to Rich's options, or to None for a column that a terminal does not show.

    In a pipe, print all columns as tab-separated lines without titles.
    """
    console = Console()
    if not is_terminal(console):
        say_rows(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, options in columns.items():
        if options is not None:
            table.add_column(title, **options)
    for row in rows:
        shown = [cell for cell, options in zip(row, columns.values(), strict=True) if options is not None]
        table.add_row(*map(_escaped, shown))
    console.print(table, highlight=False)


def say_generation(generation: Generation, remedy: str | None) -> None:
    """Print the facts about a generation, one per line, and the remedy if it failed."""
    facts = {
        "id": generation.id,
        "status": generation.stage,
        "error": generation.error,
        "remedy": remedy,
        "ahead": generation.ahead and f"{generation.ahead} of your jobs ahead in the queue",
        "waits": generation.waits_for and f"for the video of {', '.join(generation.waits_for)}",
        "model": generation.request.get("model"),
        "prompt": generation.request.get("prompt"),
        "tags": ", ".join(generation.tags) or None,
        "created": generation.created_at and f"{generation.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "ended": generation.ended_at and f"{generation.ended_at:%Y-%m-%d %H:%M:%S} UTC",
        "cost": _cost(generation),
        "credits": generation.credits_used,
        "video": generation.video and generation.video.url,
    }
    for name, fact in facts.items():
        if fact not in (None, ()):
            say(f"{name:8} {plain(fact)}")


def _cost(generation: Generation) -> str | None:
    cost = (generation.raw.get("meta") or {}).get("cost") or {}
    if cost.get("actual_usd") is not None:
        return f"{cost['actual_usd']:.2f} USD"
    known = {"price": "based on the provider's price", "history": "based on similar videos"}.get(str(cost.get("basis")))
    estimated = cost.get("estimated_usd")
    if estimated is None:
        return None
    return f"about {estimated:.2f} USD, {known}" if known else f"unknown; {estimated:.2f} USD reserved"


def _escaped(cell: object) -> str:
    return plain(cell).replace("[", r"\[")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
