"""Tables that are opened as spreadsheets."""

from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a cell that begins so for


def harmless(row: dict[str, Any]) -> dict[str, Any]:
    """The row as it is to be shown: what looks like a formula is not run as one."""
    formulas = {name: f"'{cell}" for name, cell in row.items() if isinstance(cell, str) and cell.startswith(FORMULA)}
    return {**row, **formulas}
