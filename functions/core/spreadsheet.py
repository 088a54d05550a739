"""Protect tables that users open in a spreadsheet program."""

import unicodedata
from typing import Any


def harmless(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with an apostrophe before each cell that could be run as a formula."""
    formulas = {name: f"'{cell}" for name, cell in row.items() if isinstance(cell, str) and _is_formula(cell)}
    return {**row, **formulas}


def original(cell: str) -> str:
    """Return the text of a cell without the apostrophe of `harmless`."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    """Return whether a program may run the cell. Some ignore blanks before `=`, and some accept full-width signs."""
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return cell.startswith(("\t", "\r")) or first in ("=", "+", "-", "@")
