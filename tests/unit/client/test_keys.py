"""API keys are made, listed and revoked, and two operators at once never lose one."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from core.api.api_keys import owner_of
from promptreel import PromptreelError
from promptreel.operator.keys import ApiKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001 - sets up
    return boto3.client("secretsmanager")


def stored(secrets: "SecretsManagerClient") -> str:
    # moto forgets to move its default when the label moves.
    return secrets.get_secret_value(SecretId="keys", VersionStage="AWSCURRENT")["SecretString"]


@pytest.mark.parametrize("first", [{}, {"SecretString": "{}"}], ids=["no value yet", "no key yet"])
def test_a_key_is_made_that_the_authorizer_knows_and_nobody_kept(
    secrets: "SecretsManagerClient", first: dict[str, Any]
) -> None:
    secrets.create_secret(Name="keys", **first)
    key, kept = ApiKeys(secrets, "keys").create("ann")
    assert owner_of(key, stored(secrets)) == "ann"
    assert key not in stored(secrets)
    assert ApiKeys(secrets, "keys").list() == [kept]


def test_a_revoked_key_is_gone_and_the_others_stay(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    (ann, kept), (bob, _) = keys.create("ann"), keys.create("bob")
    assert keys.revoke(kept.key_id).owner == "ann"
    assert owner_of(ann, stored(secrets)) is None
    assert owner_of(bob, stored(secrets)) == "bob"


def test_a_key_that_is_not_there_cannot_be_revoked(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    with pytest.raises(PromptreelError, match="keys list"):
        ApiKeys(secrets, "keys").revoke("00000000")


class Meanwhile:
    """A client whose first `put_secret_value` comes only after another operator's whole change."""

    def __init__(self, secrets: "SecretsManagerClient", change: Callable[[], object]) -> None:
        self._secrets = secrets
        self._change: Callable[[], object] | None = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._secrets, name)

    def put_secret_value(self, **arguments: Any) -> Any:
        change, self._change = self._change, None
        if change:
            change()
        return self._secrets.put_secret_value(**arguments)


def test_what_another_operator_changed_meanwhile_is_kept(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    _, old = ApiKeys(secrets, "keys").create("old")

    def others() -> None:
        ApiKeys(secrets, "keys").create("bob")
        ApiKeys(secrets, "keys").revoke(old.key_id)

    client: Any = Meanwhile(secrets, others)
    ApiKeys(client, "keys").create("ann")
    assert {record["owner"] for record in json.loads(stored(secrets)).values()} == {"ann", "bob"}
