"""Print results on stdout and everything else on stderr."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import typer

from promptreel._text import UNPRINTABLE

if TYPE_CHECKING:
    from promptreel.generation import Generation


def plain(value: object) -> str:
    """Return one line of printable text. Text from outside must not control the terminal or break a line."""
    return UNPRINTABLE.sub(" ", str(value))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural: 1 row, 2 rows."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(text: str) -> None:
    """Print a line of the result on stdout."""
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    """Print a line for the person at the terminal on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_json(value: object) -> None:
    """Print the result as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say_json_line(value: object) -> None:
    """Print one of several results as a line of JSON on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say_rows(rows: Sequence[Sequence[object]]) -> None:
    """Print tab-separated lines on stdout."""
    for row in rows:
        sys.stdout.write("\t".join(plain(cell) for cell in row) + "\n")


def is_terminal(file: TextIO) -> bool:
    """Return whether an output is a terminal, or is to be treated as one."""
    return file.isatty() or os.environ.get("TTY_COMPATIBLE") == "1"


def width() -> int | None:
    """Return the terminal's width in columns, or None if stdout is not a terminal."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def cells(text: str) -> int:
    """Return how many columns of a terminal a text has."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - rarely needed

    return cell_len(text)


def cut(text: str, size: int) -> str:
    """Return the text, cut to `size` columns with an ellipsis if it is longer."""
    if cells(text) <= size:
        return text
    from rich.cells import set_cell_size  # noqa: PLC0415 - also

    return set_cell_size(text[: 4 * size], size - 1).rstrip() + "…"


def aligned(text: str, size: int, is_right: bool = False) -> str:
    """Return the text as wide as its column: cut, or filled with spaces."""
    short = cut(text, size)
    space = " " * (size - cells(short))
    return space + short if is_right else short + space


def link(url: str, opening: str) -> str:
    """Return a link, or on a terminal that is too narrow for it the command that opens it, as a hyperlink (OSC 8)."""
    columns = width()
    if columns is None or len(url) <= columns or os.environ.get("TERM") == "dumb":
        return plain(url)
    return f"\x1b]8;;{plain(url)}\x1b\\{opening}\x1b]8;;\x1b\\"


def say_line(text: str, *, bold: bool = False, dim: bool = False) -> None:
    """Print a line of a table."""
    line = text.rstrip()
    is_styled = (bold or dim) and not os.environ.get("NO_COLOR")
    sys.stdout.write((typer.style(line, bold=bold or None, dim=dim or None) if is_styled else line) + "\n")


def say_rest(has_more: bool, limit: int) -> None:
    """Say on a terminal that a list stops at its limit."""
    if has_more and width():
        warn(f"These are the newest {limit}. List more with --limit {10 * limit}.")


def _waits(generation: "Generation") -> str | None:
    if generation.waits_for_credits:
        return "for credits in the provider account"
    return f"for the video of {', '.join(generation.waits_for)}" if generation.waits_for else None


def say_generation(generation: "Generation", remedy: str | None, opening: str) -> None:
    """Print the facts about a generation, one per line, and the remedy if it failed.

    `opening` is the command that opens its video.
    """
    facts = {
        "id": generation.id,
        "status": generation.stage,
        "error": generation.error,
        "remedy": remedy,
        "ahead": generation.ahead and f"{generation.ahead} of your jobs are before it in the queue",
        "waits": _waits(generation),
        "model": generation.request.get("model"),
        "prompt": generation.request.get("prompt"),
        "tags": ", ".join(generation.tags) or None,
        "created": generation.created_at and f"{generation.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "ended": generation.ended_at and f"{generation.ended_at:%Y-%m-%d %H:%M:%S} UTC",
        "cost": _cost(generation),
        "credits": generation.credits_used,
    }
    for name, fact in facts.items():
        if fact not in (None, ()):
            say(f"{name:8} {plain(fact)}")
    if generation.video:
        say(f"{'video':8} {link(generation.video.url, opening)}")


def _cost(generation: "Generation") -> str | None:
    cost = (generation.raw.get("meta") or {}).get("cost") or {}
    if cost.get("actual_usd") is not None:
        return f"{cost['actual_usd']:.2f} USD"
    known = {"price": "based on the provider's price", "history": "based on similar videos"}.get(str(cost.get("basis")))
    estimated = cost.get("estimated_usd")
    if estimated is None:
        return None
    return f"about {estimated:.2f} USD, {known}" if known else f"unknown; {estimated:.2f} USD reserved"
