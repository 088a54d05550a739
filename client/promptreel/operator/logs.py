"""Read the functions' logs, merged and sorted by time."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_OF_A_FUNCTION = re.compile(r"Functions(\w+)Logs[0-9A-F]{8}")  # as infra/functions.py names it
_OF_LAMBDA = (
    "START ",
    "END ",
    "REPORT ",
    "INIT_START ",
    "EXTENSION ",
    "XRAY ",
)  # lines of the platform for every invocation
_LOGGER_S_OWN = {"level", "message", "timestamp", "location", "service", "function_name", "cold_start", "xray_trace_id"}


@dataclass(frozen=True)
class Line:
    """A line in a function's log."""

    at: datetime
    function: str
    level: str
    message: str
    fields: dict[str, Any]  # additional fields of the line


def read(
    deployment: Deployment, functions: Sequence[str], since: timedelta, level: str, text: str | None
) -> list[Line]:
    """Return the lines of `functions` (by default all) of the last `since`, at `level` or above, that contain `text`.

    Raise `PromptreelError` if a function does not exist.
    """
    groups = _groups(deployment)
    if unknown := set(functions) - groups.keys():
        raise PromptreelError(f"Function {min(unknown)} does not exist: choose from {', '.join(sorted(groups))}.")
    begin = datetime.now(UTC) - since
    pages = deployment.client("logs").get_paginator("filter_log_events")
    asked: dict[str, Any] = {"startTime": int(begin.timestamp() * 1000)}
    if text:
        asked["filterPattern"] = json.dumps(text)
    found = [
        line
        for name in functions or groups
        for page in pages.paginate(logGroupName=groups[name], **asked)
        for event in page["events"]
        if (line := _line(name, event)) and LEVELS[line.level] >= LEVELS[level]
    ]
    return sorted(found, key=lambda line: line.at)


def _groups(deployment: Deployment) -> dict[str, str]:
    """Return the functions' log groups by function name."""
    pages = deployment.client("cloudformation").get_paginator("list_stack_resources")
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found[1]).lower(): resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=deployment.stack_name)
        for resource in page["StackResourceSummaries"]
        if (found := _OF_A_FUNCTION.fullmatch(resource["LogicalResourceId"]))
    }


def _line(function: str, event: dict[str, Any]) -> Line | None:
    """Parse a line that the function logged. Return None for lines of the Lambda platform and for metrics."""
    at, text = datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"].rstrip()
    try:
        said = json.loads(text)
    except ValueError:
        # Lines that are not JSON are crash reports of Python or Lambda.
        return None if not text or text.startswith(_OF_LAMBDA) else Line(at, function, "error", text, {})
    if not isinstance(said, dict) or "message" not in said:
        return None
    level = str(said.get("level", "")).lower()
    rest = {
        name: value
        for name, value in said.items()
        if name not in _LOGGER_S_OWN and not name.startswith("function_") and name != "stack_trace"
    }
    return Line(at, function, level if level in LEVELS else "error", str(said["message"]), rest)


def as_json(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Yield the lines as dictionaries for JSON output."""
    for line in lines:
        yield {**line.fields, "at": line.at.isoformat(), "function": line.function, "level": line.level} | {
            "message": line.message
        }
