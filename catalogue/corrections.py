"""Apply corrections.toml to the entries of the catalogue. The comments in that file describe its tables."""

from collections.abc import Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

Entries = dict[str, dict[str, Any]]


class Stale(Exception):
    """A correction has no effect, because the reference was corrected or has changed."""


def correct(entries: Entries, corrections: Mapping[str, Any]) -> None:
    """Remove odd examples, add models under other names, and set values. Raise `Stale`."""
    for odd in corrections.get("example", []):
        for pattern in odd["models"]:
            for name in _matching(entries, pattern, odd):
                _leave_out(name, entries[name]["schema"], odd)
    for also in corrections.get("also", []):
        (model,) = _matching(entries, also["model"], also)
        for name in also["names"]:
            if name in entries:
                raise Stale(f"The reference has {name} itself: {also['reason']}")
            entries[name] = _renamed(entries[model], name)
    for correction in corrections.get("correction", []):
        for pattern in correction["models"]:
            names = _matching(entries, pattern, correction)
            before = {name: deepcopy(entries[name]) for name in names}
            for name in names:
                _set(entries[name], correction["set"])
            if before == {name: entries[name] for name in names}:
                raise Stale(f"This changes nothing of {pattern}: {correction['reason']}")


def _matching(entries: Entries, pattern: str, correction: Mapping[str, Any]) -> list[str]:
    names = [name for name in entries if fnmatchcase(name, pattern)]
    if not names:
        raise Stale(f"There is no {pattern}: {correction['reason']}")
    return names


def _leave_out(name: str, schema: dict[str, Any], odd: Mapping[str, Any]) -> None:
    """Remove the examples whose field, or whose value of that field, is not allowed by their schema."""
    field = odd["field"]
    kept = [
        example
        for example in schema["examples"]
        if field not in example or example[field] != odd.get("value", example[field])
    ]
    if kept == schema["examples"]:
        raise Stale(f"No example of {name} has {field}: {odd['reason']}")
    schema["examples"] = kept


def _renamed(entry: dict[str, Any], name: str) -> dict[str, Any]:
    renamed = deepcopy(entry)
    renamed["name"] = name
    renamed["schema"]["properties"]["model"]["const"] = name
    renamed["schema"]["examples"] = [{**example, "model": name} for example in renamed["schema"]["examples"]]
    return renamed


def _set(entry: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set values at paths such as `schema.properties.duration.default`."""
    for path, value in values.items():
        *parents, key = path.split(".")
        holder = entry
        for parent in parents:
            holder = holder[parent]
        holder[key] = deepcopy(value)
