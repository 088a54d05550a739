"""Test promptreel reconcile: its requests to the function, and its output for the response."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.reconciliation.line import Kind
from promptreel.__main__ import main
from promptreel.commands.reconcile import SAID
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment

COUNTS: dict[str, dict[str, int]] = {str(kind): {"count": 0, "credits": 0} for kind in Kind}
SUMS = {
    "day": "2026-11-24",
    "is_final": True,
    "adds_up": True,
    "counts": COUNTS | {"adds_up": {"count": 412, "credits": 2_060_000_000}},
    "report": "s3://videos/reconciliation/2026-11-24.csv",
}


class Function:
    """A function that returns the next of `answers` for each call."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.asked: list[Any] = []

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "the-function"
        self.asked.append(json.loads(Payload))
        said = self.answers.pop(0)
        failed = {"FunctionError": "Unhandled"} if "errorType" in said else {}
        return {**failed, "Payload": io.BytesIO(json.dumps(said).encode())}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    function = Function()
    outputs = {"ReconcileFunctionName": "the-function"}
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", outputs, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(Deployment, "client", lambda _, service, **__: {"lambda": function}[service])
    return function


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    try:
        return main(["reconcile", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_a_day_without_differences_is_reported(function: Function, capsys: pytest.CaptureFixture[str]) -> None:
    function.answers = [{"days": []}, {"days": [SUMS]}]
    assert run("--day", "2026-11-24") == 0
    assert function.asked == [{"day": "2026-11-24"}] * 2, "it calls again until everything is read"
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "2026-11-24 (UTC): all charges match. 412 charged as recorded, 1,030.00 USD in total.",
        "report         s3://videos/reconciliation/2026-11-24.csv",
    ]
    assert "Still reading" in said.err


def test_differences_are_reported_and_set_the_exit_code(function: Function, capsys: pytest.CaptureFixture[str]) -> None:
    counts = COUNTS | {"not_ours": {"count": 2, "credits": 1_500_000}}
    function.answers = [{"days": [{**SUMS, "adds_up": False, "counts": counts}]}] * 2
    assert run("--day", "2026-11-24") == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("2026-11-24 (UTC): some charges do not match.")
    assert said[1].split()[:5] == ["not", "ours", "2", "0.75", "USD"]
    assert run("--day", "2026-11-24", "--json") == 1
    assert json.loads(capsys.readouterr().out)["counts"] == counts


def test_the_default_day_is_yesterday_and_a_future_day_is_rejected(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.answers = [{"days": [SUMS]}]
    today = datetime.now(UTC).date()
    assert run() == 0
    assert function.asked in ([{"day": str(day - timedelta(days=1))}] for day in (today, today + timedelta(days=1)))
    assert run("--day", "2999-01-01") == 2
    assert "has not started" in capsys.readouterr().err


def test_a_function_that_fails_is_an_error_in_a_sentence(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.answers = [{"errorType": "ProviderUnavailable", "errorMessage": "The provider answered with 503"}]
    assert run("--day", "2026-11-24") == 1
    assert "ProviderUnavailable: The provider answered with 503" in capsys.readouterr().err


def test_every_kind_of_line_has_a_description() -> None:
    assert SAID.keys() | {"adds_up"} == set(Kind)
