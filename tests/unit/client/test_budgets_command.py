"""Test that budgets set with promptreel budgets and keys are enforced."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
import pytest

from promptreel.__main__ import main
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OUTPUTS = {"MoneyTableName": "money", "Budgets": "day=50000000", "ApiKeysSecretArn": "keys"}


@pytest.fixture(autouse=True)
def deployed(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - sets up
    boto3.client("secretsmanager").create_secret(Name="keys", SecretString="{}")
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", OUTPUTS, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(Deployment, "client", lambda _, service, **__: boto3.client(service))


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    try:
        return main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)


def limits(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Return the scope, period and limit of each listed budget."""
    capsys.readouterr()
    assert run("budgets", "list") == 0
    return [line.split("\t")[:3] for line in capsys.readouterr().out.splitlines()]


def a_key(capsys: pytest.CaptureFixture[str]) -> str:
    assert run("keys", "create", "ann") == 0
    return capsys.readouterr().out.split("_")[1]


def test_the_stages_limit_holds_until_it_is_changed_or_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert limits(capsys) == [["this deployment", "day", "25.00 USD"]]
    assert run("budgets", "set", "--month", "300") == 0
    assert limits(capsys) == [["this deployment", "day", "25.00 USD"], ["this deployment", "month", "300.00 USD"]]
    assert run("budgets", "set", "--day", "none", "--month", "2.50", "--jobs-an-hour", "7") == 0
    assert limits(capsys) == [["this deployment", "month", "2.50 USD"], ["this deployment", "hour", "7"]]


@pytest.mark.parametrize("wrong", [["--day", "-1"], ["--day", "nan"], ["--day", "1e9"], ["--jobs-an-hour", "x"], []])
def test_an_invalid_limit_is_rejected_and_changes_nothing(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("budgets", "set", *wrong) == 2
    assert limits(capsys) == [["this deployment", "day", "25.00 USD"]]


def test_an_unknown_key_gets_no_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("budgets", "set", "--day", "5", "--key", "4cc949ae") == 1
    assert "There is no API key 4cc949ae" in capsys.readouterr().err
    assert len(limits(capsys)) == 1


def test_jobs_of_a_revoked_key_can_be_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    key_id = a_key(capsys)
    assert run("budgets", "set", "--day", "5", "--key", key_id) == 0
    assert run("keys", "revoke", key_id) == 0
    assert run("budgets", "set", "--day", "0", "--key", key_id) == 0
    assert limits(capsys)[1:] == [[f"key {key_id}", "day", "0.00 USD"]]


def test_a_key_and_its_replacement_share_one_budget(capsys: pytest.CaptureFixture[str]) -> None:
    key_id = a_key(capsys)
    assert run("budgets", "set", "--day", "5", "--key", key_id) == 0
    capsys.readouterr()
    assert run("keys", "rotate", key_id) == 0
    replacement_id = capsys.readouterr().out.split("_")[1]
    assert limits(capsys)[1:] == [[f"key {key_id}", "day", "5.00 USD"]]
    assert run("budgets", "set", "--day", "7", "--key", replacement_id) == 0
    assert limits(capsys)[1:] == [[f"key {key_id}", "day", "7.00 USD"]]
    assert run("keys", "revoke", key_id) == 0
    assert run("budgets", "set", "--day", "8", "--key", key_id) == 0
    assert limits(capsys)[1:] == [[f"key {key_id}", "day", "8.00 USD"]], "the line has its name from its first key"


def test_a_terminal_shows_the_whole_id_of_a_key(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("keys", "create", "a-rather-long-name-of-an-owner", "--name", "continuous integration", "--expires", "9d")
        == 0
    )
    key_id = capsys.readouterr().out.split("_")[1]
    terminal(80)
    assert run("keys", "list") == 0
    assert key_id in capsys.readouterr().out
