"""Writes docs/models.md from the catalogue of models: `python docs/generate_models.py [--check]`."""

import json
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core.models import Model, known  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "models.md"

HEAD = """<!-- Written by docs/generate_models.py from functions/core/models/. Do not edit. -->

# The models

What each model takes, as the provider's public reference has it; `make models SOURCE=<a checkout of it>` writes the data anew.
What the reference gets wrong is corrected in [catalogue/corrections.toml](../catalogue/corrections.toml). A deployment may offer
fewer, or others as they come: `promptreel models` and `GET /v2/models` tell what yours does. A model's kind is by what it
cannot do without. An input is the URL of a picture, a video or a sound. How long a video takes is what the reference says,
where it does.

"""
NOT_TOLD = ("model",)


def document() -> str:
    """The whole of docs/models.md."""
    models = sorted(known().values(), key=lambda model: (model.vendor or "", model.name))
    vendors = [(vendor, list(group)) for vendor, group in groupby(models, lambda model: model.vendor)]
    index = "".join(
        f"| [{vendor}](#{vendor}) | {len(group)} | {', '.join(sorted({str(model.kind) for model in group}))} |\n"
        for vendor, group in vendors
    )
    text = HEAD + f"| vendor | models: {len(models)} | kinds |\n|---|---|---|\n{index}"
    return text + "".join(f"\n## {vendor}\n" + "".join(map(_section, group)) for vendor, group in vendors)


def _section(model: Model) -> str:
    schema = model.schema or {}
    rows = "".join(_rows(schema, ""))
    example = json.dumps(schema["examples"][0], ensure_ascii=False, indent=2)
    return (
        f"\n### `{model.name}`\n\n{_about(model)}\n\n| parameter | values | default | |\n|---|---|---|---|\n{rows}"
        f"\n```json\n{example}\n```\n"
    )


def _about(model: Model) -> str:
    schema = model.schema or {}
    facts = [f"{model.title}: {model.kind}"]
    if inputs := [f"`{one.field}` ({' or '.join(one.media)}{_limits(one)})" for one in model.inputs]:
        facts.append(f"inputs: {', '.join(inputs)}")
    if "prompt" not in schema["required"]:
        facts.append("no prompt needed")
    if model.seconds:
        facts.append(f"takes about {model.seconds} s")
    return "; ".join(facts) + "."


def _limits(one: Any) -> str:
    kinds = ", ".join(kind.partition("/")[2] for kind in one.media_types)
    size = f"{one.max_bytes >> 20} MiB at most" if one.max_bytes else ""
    return "".join(f", {limit}" for limit in (kinds, size) if limit)


def _rows(schema: Mapping[str, Any], path: str) -> list[str]:
    rows = []
    required = schema.get("required", [])
    for name, value in schema["properties"].items():
        if path + name in NOT_TOLD:
            continue
        default = "required" if name in required else _cell(value["default"]) if "default" in value else ""
        rows.append(f"| `{path}{name}` | {_values(value)} | {default} | {_text(value.get('description', ''))} |\n")
        if "properties" in value:
            rows += _rows(value, f"{path}{name}.")
        if "properties" in value.get("items", {}):
            rows += _rows(value["items"], f"{path}{name}[].")
    return rows


def _values(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(dict.fromkeys(map(_cell, value["enum"])))
    kinds = value.get("type", "any")
    words = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
    if "https?://" in str(value.get("pattern", "")):
        words = ["URL" if kinds == "string" else "URL or list of URL"]
    elif kinds == "array":
        words = [f"list of {_values(value['items'])}"]
    for keyword, what in (("minimum", "from"), ("maximum", "to"), ("minItems", "from"), ("maxItems", "to")):
        if keyword in value:
            words.append(f"{what} {value[keyword]}")
    if "maxLength" in value:
        words.append(f"of {value['maxLength']} characters at most")
    return " ".join(words)


def _cell(value: object) -> str:
    return _text(value if isinstance(value, str) else json.dumps(value))


def _text(text: str) -> str:
    """Safe in a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/models.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
