"""Write docs/events.md from the schemas of the events: `python docs/generate_events.py [--check]`."""

import json
from pathlib import Path
from typing import Any

from generated import write

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "events.md"
SCHEMAS = ROOT / "functions" / "core" / "publish" / "events"

HEAD = """<!-- Written by docs/generate_events.py from functions/core/publish/events/. Do not edit. -->

# Events

This page is for authors of programs that receive announcements.
When a generation or a batch ends, Promptreel publishes an announcement at least once: as an SNS message, and as the detail of an event on the event bus.
The event's source is `promptreel`, and its detail type is the title below.
Announcements contain no prompt and no working link.

Filter policies of SNS subscriptions can use these message attributes: `type` (`generation` or `batch`), `status` (`completed` or `error`), `owner`, and `source` (`api`, `s3`, `event` or `import`).
A generation also has `model`, and `tags` (a list) if it has any.

`version` changes when a field is removed or changes its meaning.
New fields may be added at any time.

`Generation Requested` is the only event that Promptreel accepts.
"""


def document() -> str:
    """Return the content of docs/events.md."""
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
    write({DOCUMENT: document()})
