"""Test that an operator can rescue all generations that failed with an error, and sees them first."""

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from core.generation import Failure
from core.records.ledger import Ledger
from core.workflow import Run
from promptreel.__main__ import main
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment
from tests.support.api_answers import error
from tests.support.generations import claimed, failed, generation
from tests.support.wire import http, serving
from wiring import now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

PROVIDER = "http://127.0.0.1:9"
KEY, OTHER = "ProviderKeyRejected", "VideoUnavailable"


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001 - sets up
    return boto3.client("secretsmanager")


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Ledger:
    machine = boto3.client("stepfunctions").create_state_machine(
        name="generation", definition="{}", roleArn="arn:aws:iam::123456789012:role/r"
    )
    outputs = {
        "TableName": "generations",
        "VideoGenerationStateMachineArn": machine["stateMachineArn"],
        "ProviderKeySecretArn": "provider-key",
        "ProviderUrl": PROVIDER,
    }
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", outputs, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(Deployment, "client", lambda _, service, **__: boto3.client(service))
    return Ledger(dynamodb, "generations", now)


class Terminal(io.StringIO):
    """A person at a terminal who has typed something."""

    def isatty(self) -> bool:
        return True


def fail(ledger: Ledger, number: int, error: str, *, owner: str = "ann", sent: bool = False) -> str:
    name = f"{number:032x}"
    ledger.add(generation(name, owner=owner, created_at=now(), updated_at=now()))
    if sent:
        claimed(ledger, Run(name)).submitted(f"p{number}")
    failed(ledger, Run(name), error)
    return name


def run(*arguments: str, command: str = "rescue") -> int:
    try:
        return main([command, *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


def continues(ledger: Ledger, name: str) -> bool:
    return not ledger.get(name).status.ended


def test_all_that_failed_with_an_error_are_listed_and_continue(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = fail(ledger, 1, KEY), fail(ledger, 2, KEY, owner="bob", sent=True)
    another = fail(ledger, 3, OTHER)
    assert run("--error", KEY, "--yes") == 0
    assert [continues(ledger, one) for one in (first, second, another)] == [True, True, False]
    said = capsys.readouterr().err
    assert [line.split("  ")[2:] for line in said.splitlines() if line.startswith("0000")] == [
        ["ann", "veo2", "not sent"],
        ["bob", "veo2", "sent"],
    ]


def test_nothing_continues_before_the_user_agrees(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = fail(ledger, 1, KEY)
    assert run("--error", KEY) == 2
    assert "add --yes" in capsys.readouterr().err
    for answer, does in (("n", False), ("y", True)):
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        run("--error", KEY)
        assert continues(ledger, name) is does


def test_older_failures_are_left_out(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    early = Ledger(boto3.client("dynamodb"), "generations", lambda: now() - timedelta(hours=3))
    name = fail(early, 1, KEY)
    assert run("--error", KEY, "--since", "2h", "--yes") == 0
    assert f"No generation failed with {KEY} in the last 2h." in capsys.readouterr().err
    assert not continues(ledger, name)


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "wrong",
    [[], ["0" * 32, "--error", KEY], ["--error", "Nonsense", "--yes"], ["--error", KEY, "--since", "x", "--yes"]],
)
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    assert run(*wrong) == 2


def test_one_that_cannot_be_rescued_does_not_stop_the_others(ledger: Ledger) -> None:
    """The outcome of the first one's submission is unknown."""
    first, second = f"{1:032x}", f"{2:032x}"
    for name in (first, second):
        ledger.add(generation(name, created_at=now(), updated_at=now()))
    claimed(ledger, Run(first))
    for name in (first, second):
        ledger.fail(Run(name), Failure("InternalError", "no"))
        ledger.announced(ledger.get(name))
    assert run("--error", "InternalError", "--yes") == 1
    assert [continues(ledger, one) for one in (first, second)] == [False, True]


def test_an_id_that_the_provider_does_not_show_is_not_recorded(
    ledger: Ledger,
    secrets: "SecretsManagerClient",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secrets.create_secret(Name="provider-key", SecretString="key")
    name = f"{1:032x}"
    ledger.add(generation(name, created_at=now(), updated_at=now()))
    claimed(ledger, Run(name))
    failed(ledger, Run(name), "SubmissionUnknown")
    with serving(error(404), http(200, {"id": "p1", "status": "generating"})) as wire:
        monkeypatch.setitem(deployment.find(None).outputs, "ProviderUrl", wire.url)  # type: ignore[arg-type]
        assert run(name, "--provider-id", "mistyped", command="resolve") == 1
        assert "the provider does not show the job mistyped" in capsys.readouterr().err
        assert not continues(ledger, name)
        assert run(name, "--provider-id", "p1", command="resolve") == 0
    assert ledger.get(name).provider_id == "p1"


def test_resolve_says_which_option_is_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{1:032x}", command="resolve") == 2
    assert "if the provider's log has the request" in " ".join(capsys.readouterr().err.replace("│", " ").split())
