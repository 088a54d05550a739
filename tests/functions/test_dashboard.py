"""Check that the functions log what the dashboard's queries read."""

import json
import logging
import re
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.generation import iso
from core.money.budgets import ALL, Budgets, Limits
from core.slots.table import PK, SK, SlotsTable, Waiting
from tests.support.dashboard import queries
from tests.support.functions import PATHS, Cloud, call
from tests.support.money import USD
from tests.support.states import caught
from wiring import now

pytestmark = pytest.mark.xdist_group("infra")  # the worker has the template already
_NO_FIELDS = {"as", "by", "count_distinct", "max", "pct", "sum", "bin", "5m", "50", "90"}


def fields(title: str) -> tuple[set[str], set[str]]:
    """Return the messages and the fields that a query selects."""
    lines = re.split(r"\s*\|\s*", queries("local")[title])
    (taken,) = (line for line in lines if line.startswith("filter"))
    (stats,) = (line for line in lines if line.startswith("stats"))
    read = re.sub(r" as \w+", "", stats.removeprefix("stats "))
    return set(re.findall(r"'([^']+)'", taken)), set(re.findall(r"\w+", read)) - _NO_FIELDS


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_the_sweep_logs_the_current_state(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.invoke("sweep", {})
    budgets = Budgets(boto3.client("dynamodb"), "money", Limits(), now)
    budgets.set(ALL, {"day": 8 * USD})
    call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    dynamodb = boto3.client("dynamodb")
    slot = {PK: "slot", SK: "000000", "holder": "g1", "owner": "o", "since": "2026-11-25T10:00:00.000Z"}
    dynamodb.put_item(TableName="slots", Item={name: {"S": text} for name, text in slot.items()})
    table = SlotsTable(dynamodb, "slots", "generations")
    table.wait(Waiting("g2", "b", iso(now() - timedelta(seconds=90))))
    table.wait(Waiting("g3", "a", iso(now())))
    capsys.readouterr()
    cloud.invoke("sweep", {})
    (line,) = (line for line in logged(capsys) if line.get("message") == "current state")
    assert (line["held"], line["waiting"]) == (1, 2)
    assert (line["day_usd"], line["day_limit_usd"]) == (2.5, 8)
    assert 90 <= line["oldest_seconds"] < 3600
    for title in ("Jobs at the provider", "Age of the oldest queued job, s", "Spent or held today (UTC), USD"):
        taken, read = fields(title)
        assert taken == {"current state"}
        assert read <= line.keys()


def test_core_logs_events_with_fields_in_the_format_of_the_handlers(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.invoke("sweep", {})
    logging.getLogger("promptreel").warning("unknown provider status", extra={"status": "pondering"})
    (line,) = (line for line in logged(capsys) if line["message"] != "current state")
    assert (line["level"], line["message"], line["status"]) == ("WARNING", "unknown provider status", "pondering")
    assert "name" not in line


def test_archived_and_failed_jobs_are_logged_with_their_model(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.invoke("sweep", {})
    _, made = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    cloud.run({"generation_id": made["id"]}, "submit", "check_status", "finalize")
    (line,) = (line for line in logged(capsys) if line.get("message") == "archived")
    taken, read = fields("Videos by model: seconds and USD")
    assert (taken, read <= line.keys()) == ({"archived"}, True)
    assert (line["model"], line["usd"]) == ("veo2", 2.5)

    _, made = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "another"})
    cloud.run({"generation_id": made["id"], **caught("GenerationTimedOut", "it took a day")}, "record_failure")
    (line,) = (line for line in logged(capsys) if line.get("message") == "failed")
    taken, read = fields("Failed by model and error")
    assert line["message"] in taken
    assert {name: line[name] for name in read} == {
        "model": "veo2",
        "error": "GenerationTimedOut",
        "generation_id": made["id"],
    }
