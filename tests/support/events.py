"""The recorded events."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parent.parent / "events"


def event(name: str) -> dict[str, Any]:
    """A recorded event."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return loaded


def requested(event_id: str, **detail: Any) -> dict[str, Any]:
    """Return an event that requests a video."""
    return {**event("generation_requested"), "id": event_id, "detail": detail}
