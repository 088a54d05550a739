"""Test how secrets are read and remembered."""

from typing import TYPE_CHECKING

import boto3
import pytest

import wiring
from core.secrets import SecretUnavailable
from wiring.secrets import CachedSecret
from wiring.webhooks import UsesWebhooks, make_master

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001 - sets up
    client = boto3.client("secretsmanager")
    client.create_secret(Name="secret", SecretString=" one\n")
    client.create_secret(Name="empty")
    return client


def test_a_secret_is_remembered_and_read_again_on_request(secrets: "SecretsManagerClient") -> None:
    remembered, fresh = CachedSecret("secret", 60), CachedSecret("secret", 0)
    assert remembered.text() == fresh.text() == "one"
    secrets.put_secret_value(SecretId="secret", SecretString="two")
    assert (remembered.text(), fresh.text()) == ("one", "two")
    assert remembered.text(force_fetch=True) == "two"
    assert remembered.text() == "two"


def test_a_missing_value_is_also_remembered(secrets: "SecretsManagerClient") -> None:
    """Guessing API keys therefore causes no calls if no key is stored."""
    empty = CachedSecret("empty", 60)
    assert empty.text() is None
    secrets.put_secret_value(SecretId="empty", SecretString="one")
    assert empty.text() is None
    assert empty.text(force_fetch=True) == "one"


@pytest.mark.usefixtures("secrets")
def test_white_space_is_not_a_value() -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId="secret", SecretString=" \n")
    assert CachedSecret("secret", 60).text() is None


@pytest.mark.usefixtures("secrets")
def test_an_error_of_aws_is_named_without_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_made", {})
    secret = CachedSecret("secret", 60)
    monkeypatch.setattr(wiring.client("secretsmanager"), "get_secret_value", lambda **_: 1 / 0)
    with pytest.raises(SecretUnavailable) as error:
        secret.text()
    assert str(error.value) == "ZeroDivisionError"


@pytest.mark.usefixtures("secrets")
def test_webhooks_need_the_deployments_secret() -> None:
    assert make_master(UsesWebhooks("table", "secret", "queue"))() == "one"
    with pytest.raises(LookupError, match="Deploy the stack again"):
        make_master(UsesWebhooks("table", "empty", "queue"))()
