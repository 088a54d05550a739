"""Protect tables that users open in a spreadsheet program."""

from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins with one of these can be run as a formula


def harmless(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with an apostrophe before each cell that could be run as a formula."""
    formulas = {name: f"'{cell}" for name, cell in row.items() if isinstance(cell, str) and cell.startswith(FORMULA)}
    return {**row, **formulas}
