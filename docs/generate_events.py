"""Writes docs/events.md from the schemas of the events: `python docs/generate_events.py [--check]`."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "events.md"
SCHEMAS = ROOT / "functions" / "core" / "publish" / "events"

HEAD = """<!-- Written by docs/generate_events.py from functions/core/publish/events/. Do not edit. -->

# Events

What is published when a generation or a batch has ended, over SNS (as the message) and on the event bus (as the detail,
from source `promptreel`, with the title below as detail type). SNS message attributes for filter policies: `type`
(`generation` or `batch`), `status` (`completed` or `error`), `owner`, `source` (`api`, `s3` or `event`), and of a
generation `model` and, where it has any, `tags` (a list). Announcements are made at least once. No prompt and no working link is in them. `version` changes when a field
is removed or changes its meaning; new fields may come at any time.

`Generation Requested` is the one event that is taken in.
"""


def document() -> str:
    """The whole of docs/events.md."""
    return HEAD + "".join(_section(json.loads(file.read_text("utf-8"))) for file in sorted(SCHEMAS.glob("*.json")))


def _section(schema: dict[str, Any]) -> str:
    rows = "".join(
        f"| `{name}` | {_kind(field)} | {field.get('description', '')} |\n"
        for name, field in schema["properties"].items()
    )
    example = json.dumps(schema["examples"][0], indent=2, ensure_ascii=False)
    return (
        f"\n## {schema['title']}\n\n{schema['description']}\n\n| field | type | |\n|---|---|---|\n{rows}"
        f"\n```json\n{example}\n```\n"
    )


def _kind(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    kind = field.get("type", "")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if "properties" in field:
        return f"{text}: {', '.join(f'`{name}`' for name in field['properties'])}"
    return text


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/events.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
