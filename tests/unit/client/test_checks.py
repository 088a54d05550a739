"""Test how doctor checks the provider's key by using it."""

from typing import TYPE_CHECKING

import boto3
import pytest

from promptreel.findings import Finding, Verdict
from promptreel.operator.checks import _provider_key
from promptreel.operator.deployment import Deployment
from tests.support.api_answers import error
from tests.support.wire import Answer, reset, serving

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRET = "s3cr3t-key"


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001 - sets up
    return boto3.client("secretsmanager")


def found(url: str) -> Finding:
    outputs = {"ProviderKeySecretArn": "provider-key", "ProviderUrl": url}
    finding = _provider_key(Deployment("stack", "CREATE_COMPLETE", "us-east-1", outputs, None))
    assert SECRET not in repr(finding)
    return finding


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (error(404), Verdict.OK, "accepted by"),
        (error(401), Verdict.PROBLEM, "rejects it"),
        (error(403), Verdict.PROBLEM, "credits"),
        (error(500), Verdict.WARNING, "not tested"),
        (reset, Verdict.WARNING, "not tested"),
    ],
    ids=["404", "401", "403", "500", "reset"],
)
def test_the_stored_key_is_tried(secrets: "SecretsManagerClient", answer: Answer, verdict: Verdict, said: str) -> None:
    secrets.create_secret(Name="provider-key", SecretString=SECRET)
    with serving(answer) as wire:
        finding = found(wire.url)
    assert (finding.verdict, said in finding.detail) == (verdict, True)
    assert wire.header("Authorization")[0] == f"Bearer {SECRET}"


def test_a_missing_or_invalid_key_is_reported_without_a_call(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="provider-key")
    assert "not stored" in found("http://127.0.0.1:1").detail
    secrets.put_secret_value(SecretId="provider-key", SecretString=f"{SECRET}\nline")
    assert found("http://127.0.0.1:1").verdict is Verdict.PROBLEM
