"""Read the parts of a stage's dashboard."""

import json
from typing import Any

from tests.support.templates import readable, resources


def body(stage: str) -> dict[str, Any]:
    """Return the dashboard's widgets, with references as readable names."""
    (dashboard,) = resources(stage, "AWS::CloudWatch::Dashboard").values()
    made: dict[str, Any] = json.loads(readable(dashboard["Properties"]["DashboardBody"]))
    return made


def queries(stage: str) -> dict[str, str]:
    """Return the log queries by the titles of their widgets."""
    found = [one["properties"] for one in body(stage)["widgets"] if one["type"] == "log"]
    return {one["title"]: one["query"] for one in found}
