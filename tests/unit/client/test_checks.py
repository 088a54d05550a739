"""Test the checks of doctor that need AWS."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from promptreel.errors import PromptreelError
from promptreel.findings import Finding, Verdict
from promptreel.operator import provider_key
from promptreel.operator.checks import _alarms, _concurrency, _provider_key, _url
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


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://a.example", Verdict.OK),
        ("https://a.example/", Verdict.OK),
        ("https://b.example", Verdict.WARNING),
        (None, Verdict.WARNING),
    ],
)
def test_the_url_in_the_shell_is_compared_with_the_stacks(url: str | None, verdict: Verdict) -> None:
    deployed = Deployment("promptreel-prod", "CREATE_COMPLETE", "us-east-1", {"ApiUrl": "https://a.example"}, None)
    finding = _url(deployed, url)
    assert finding.verdict is verdict
    assert (finding.remedy == "export PROMPTREEL_URL=https://a.example") is (verdict is Verdict.WARNING)


@pytest.mark.parametrize(
    ("limit", "verdict", "remedy"),
    [
        (10, Verdict.PROBLEM, "set account_concurrency = 10 in infra/config.py, and deploy, or request a higher quota"),
        (50, Verdict.OK, ""),
        (1000, Verdict.WARNING, "set account_concurrency = 1000 in infra/config.py, and deploy"),
    ],
)
def test_the_accounts_concurrency_is_compared_with_the_stages(limit: int, verdict: Verdict, remedy: str) -> None:
    class Account(Deployment):
        def client(self, service: str, **_: object) -> Any:
            assert service == "lambda"
            answer = {"AccountLimit": {"ConcurrentExecutions": limit}}
            return SimpleNamespace(get_account_settings=lambda: answer)

    finding = _concurrency(Account("s", "CREATE_COMPLETE", "us-east-1", {"AccountConcurrency": "50"}, None))
    assert (finding.verdict, finding.remedy) == (verdict, remedy)


def test_alarms_that_nobody_hears_come_with_the_command_that_subscribes(aws: None) -> None:  # noqa: ARG001 - sets up
    topic = boto3.client("sns").create_topic(Name="alarms")["TopicArn"]
    finding = _alarms(Deployment("s", "CREATE_COMPLETE", "us-east-1", {"AlarmTopicArn": topic}, None))
    assert finding.verdict is Verdict.WARNING
    assert finding.remedy.startswith(f"aws sns subscribe --region us-east-1 --topic-arn {topic} --protocol email ")


@pytest.mark.parametrize(
    ("answer", "stored", "said"),
    [
        (error(404), "new", None),
        (error(401), "old", "the provider rejects this key"),
        (error(403), "new", "credits"),
        (reset, "new", "provider"),
    ],
    ids=["404", "401", "403", "reset"],
)
def test_a_key_is_tried_before_it_replaces_another(
    secrets: "SecretsManagerClient", answer: Answer, stored: str, said: str | None
) -> None:
    secrets.create_secret(Name="provider-key", SecretString="old")
    with serving(answer) as wire:
        outputs = {"ProviderKeySecretArn": "provider-key", "ProviderUrl": wire.url}
        deployed = Deployment("stack", "CREATE_COMPLETE", "us-east-1", outputs, None)
        try:
            problem = provider_key.store(deployed, "new\n")
        except PromptreelError as refused:
            problem = str(refused)
    assert wire.header("Authorization")[0] == "Bearer new"
    assert secrets.get_secret_value(SecretId="provider-key")["SecretString"] == stored
    assert (problem is None) if said is None else said in str(problem)
    provider_key.store(deployed, "other", force=True)
    assert secrets.get_secret_value(SecretId="provider-key")["SecretString"] == "other"
