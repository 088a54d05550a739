"""Write the catalogue: one file per model, and the index."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalogue import house, reference
from catalogue.corrections import Entries, correct
from core.models import CDN, file_name

HERE = Path(__file__).parent
WIDTH = 110


def write(source: Path, target: Path, here: Path = HERE) -> list[str]:
    """Write the catalogue of `source` into `target`. Return a sentence for each file of the reference that is left out.

    `here` contains vendors.toml and corrections.toml. Raise `Unreadable` or `Stale` before anything is written.
    """
    vendors = tomllib.loads((here / "vendors.toml").read_text("utf-8"))
    corrections = tomllib.loads((here / "corrections.toml").read_text("utf-8"))
    models, problems = reference.read(source, {file["file"]: file.get("model") for file in corrections.get("file", [])})
    if not models:
        raise house.Unreadable(f"{source} is not a checkout of the reference: {reference.FOLDER} is missing.")
    entries: Entries = {}
    for model in models:
        vendor = _vendor(model.name, vendors)
        entries[model.name] = house.entry(model, vendor, (CDN, *vendors[vendor].get("hosts", [])))
    correct(entries, corrections)
    for name, entry in entries.items():
        _check(name, entry)
        entry["schema"] = {"$schema": house.DIALECT, "title": entry["title"], **entry["schema"]}
    _write(entries, target)
    return problems


def _vendor(name: str, vendors: Mapping[str, Any]) -> str:
    begins = {start: vendor for vendor, facts in vendors.items() for start in facts["begins"] if name.startswith(start)}
    if not begins:
        raise house.Unreadable(f"No vendor in vendors.toml has the model {name}: add it there.")
    return begins[max(begins, key=len)]


def _check(name: str, entry: dict[str, Any]) -> None:
    """Check that the schema accepts its examples and has at least one. Keep only the first few."""
    schema = entry["schema"]
    Draft202012Validator.check_schema(schema)
    if not schema["examples"]:
        raise house.Unreadable(f"{name} has no example: add one in corrections.toml.")
    for example in schema["examples"]:
        for problem in Draft202012Validator(schema).iter_errors(example):
            raise house.Unreadable(f"{name} does not allow its own example: {problem.message}.")
    schema["examples"] = schema["examples"][: house.MAX_EXAMPLES]
    if unclear := [one["field"] for one in entry["inputs"] if not one["media"]]:
        raise house.Unreadable(
            f"{name} has the input {', '.join(unclear)}, whose media type is unknown: add a rule to house.py."
        )


def _write(entries: Entries, target: Path) -> None:
    folder = target / "catalogue"
    folder.mkdir(parents=True, exist_ok=True)
    names = {file_name(name): name for name in sorted(entries)}
    if len(names) < len(entries):
        raise house.Unreadable("Two models have the same file name: change file_name in functions/core/models/.")
    for old in folder.glob("*.json"):
        if old.name not in names:
            old.unlink()
    for file, name in names.items():
        (folder / file).write_text(text(entries[name]) + "\n", "utf-8")
    index = {name: {key: entries[name][key] for key in ("vendor", "kind", "title")} for name in names.values()}
    (target / "index.json").write_text(text(index) + "\n", "utf-8")


def text(value: Any, indent: str = "") -> str:
    """Return JSON with each short value on one line, so that diffs are short."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + text(one, deeper) for one in value) + f"\n{indent}]"
    inside = (f"{deeper}{json.dumps(key, ensure_ascii=False)}: {text(one, deeper)}" for key, one in value.items())
    return "{\n" + ",\n".join(inside) + f"\n{indent}}}"
