"""Test that the dashboard stays in the free tier and shows only existing resources."""

import json
import re
from typing import Any

import pytest

from infra.dashboard import Dashboard
from infra.monitoring import _COSTLY_FAILURES
from tests.support.dashboard import body
from tests.support.templates import STAGES, resources, stack

FREE = 50  # metrics per dashboard, for each of the three free ones


@pytest.mark.parametrize("stage", STAGES)
def test_it_stays_free_even_when_everything_has_failed(stage: str) -> None:
    widgets = body(stage)["widgets"]
    drawn = [metric for one in widgets for metric in one["properties"].get("metrics", [])]
    named = [metric for metric in drawn if "expression" not in metric[0]]
    assert len(named) >= 30
    assert len(named) + len(_COSTLY_FAILURES) <= FREE, (
        f"a dashboard has {FREE} free metrics: draw fewer in infra/dashboard.py, or one alarm fewer on an error"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_it_shows_every_alarm_and_every_function(stage: str) -> None:
    (alarms,) = (one for one in body(stage)["widgets"] if one["type"] == "alarm")
    assert len(alarms["properties"]["alarms"]) == len(resources(stage, "AWS::CloudWatch::Alarm"))
    shown = json.dumps(body(stage))
    for function in resources(stage, "AWS::Lambda::Function"):
        assert function in shown


def test_widgets_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for one in body("prod")["widgets"]:
        cells = {(one["x"] + x, one["y"] + y) for x in range(one["width"]) for y in range(one["height"])}
        assert not cells & taken
        taken |= cells
    assert max(x for x, _ in taken) == 23


def test_its_link_includes_the_region() -> None:
    (dashboard,) = (child for child in stack("prod").node.children if isinstance(child, Dashboard))
    region = stack("prod").region
    assert dashboard.url.endswith(f"region={region}#dashboards/dashboard/promptreel-prod-{region}")


def test_queries_read_logs_that_the_stack_has() -> None:
    logs = {f"Functions{name}Logs" for name in _functions()}
    for one in body("prod")["widgets"]:
        if one["type"] == "log":
            query: str = one["properties"]["query"]
            read = set(re.findall(r"SOURCE '([^']+)'", query))
            assert read
            assert read <= logs


def _functions() -> set[str]:
    found: dict[str, Any] = resources("prod", "AWS::Lambda::Function")
    return {re.sub(r"^Functions|Function$", "", name) for name in found}
