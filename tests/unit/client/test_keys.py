"""Test that API keys are created, listed and revoked, and that concurrent operators never lose one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from core.api.api_keys import Holder, holder_of
from core.generation import iso
from promptreel import PromptreelError
from promptreel.operator.keys import ApiKeys, KeySettings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def secrets(aws: None) -> "SecretsManagerClient":  # noqa: ARG001 - sets up
    return boto3.client("secretsmanager")


def owner_of(key: str, stored: str, now: datetime | None = None) -> str | None:
    found = holder_of(key, stored, now or datetime.now(UTC))
    return found.owner if found else None


def stored(secrets: "SecretsManagerClient") -> str:
    # moto does not move its default version when the label moves.
    return secrets.get_secret_value(SecretId="keys", VersionStage="AWSCURRENT")["SecretString"]


@pytest.mark.parametrize("first", [{}, {"SecretString": "{}"}], ids=["no value yet", "no key yet"])
def test_a_created_key_is_known_to_the_authorizer_but_not_stored(
    secrets: "SecretsManagerClient", first: dict[str, Any]
) -> None:
    secrets.create_secret(Name="keys", **first)
    key, kept = ApiKeys(secrets, "keys").create("ann")
    assert owner_of(key, stored(secrets)) == "ann"
    assert key not in stored(secrets)
    assert ApiKeys(secrets, "keys").list() == [kept]


def test_a_revoked_key_is_removed_and_the_others_stay(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    (ann, kept), (bob, _) = keys.create("ann"), keys.create("bob")
    assert keys.revoke(kept.key_id).owner == "ann"
    assert owner_of(ann, stored(secrets)) is None
    assert owner_of(bob, stored(secrets)) == "bob"


def test_an_unknown_key_cannot_be_revoked(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    with pytest.raises(PromptreelError, match="keys list"):
        ApiKeys(secrets, "keys").revoke("00000000")


def test_a_rotated_key_stays_valid_for_a_while_with_its_replacement(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    old, kept = keys.create("ann", name="ci", scope="create")
    new, replacement, ends = keys.rotate(kept.key_id, timedelta(hours=1))
    assert (replacement.owner, replacement.name, replacement.scope, replacement.expires_at) == (
        "ann",
        "ci",
        "create",
        None,
    )
    text, later = stored(secrets), datetime.now(UTC) + timedelta(hours=2)
    assert (owner_of(old, text), owner_of(new, text)) == ("ann", "ann")
    assert (owner_of(old, text, later), owner_of(new, text, later)) == (None, "ann")
    assert keys.list() == [ends, replacement]
    assert not ends.has_expired


def test_short_links_are_turned_on_and_off_and_rotation_keeps_them(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    key, kept = keys.create("ann", settings=KeySettings(short_links=True))
    assert kept.short_links
    new, replacement, old = keys.rotate(kept.key_id, timedelta(hours=1))
    assert (replacement.short_links, old.short_links) == (True, True)
    assert keys.set_short_links(kept.key_id, short_links=False) == replace(old, short_links=False)
    found = [holder_of(one, stored(secrets), datetime.now(UTC)) for one in (key, new)]
    assert [one and one.short_links for one in found] == [False, True]
    assert keys.set_short_links(kept.key_id, short_links=True) == old
    with pytest.raises(PromptreelError, match="keys list"):
        keys.set_short_links("00000000", short_links=True)


def test_all_replacements_of_a_key_are_in_its_line(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    _, first = keys.create("ann")
    _, second, _ = keys.rotate(first.key_id, timedelta())
    newest, third, _ = keys.rotate(second.key_id, timedelta())
    assert (first.line, second.line, third.line) == (first.key_id, first.key_id, first.key_id)
    holder = holder_of(newest, stored(secrets), datetime.now(UTC))
    assert holder == Holder("ann", third.key_id, "all", line=first.key_id)
    keys.revoke(second.key_id)
    keys.revoke(first.key_id)
    assert (keys.line_of(third.key_id), keys.line_of(first.key_id)) == (first.key_id, first.key_id)
    assert keys.line_of(second.key_id) is None, "it had no budget of its own"


def test_a_replacement_has_the_repeat_window_of_its_key(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    old, kept = keys.create("ann", settings=KeySettings(repeat_window="600"))
    new, replacement, _ = keys.rotate(kept.key_id, timedelta(hours=1))
    assert (kept.repeat_window, replacement.repeat_window) == ("600", "600")
    now = datetime.now(UTC)
    found = [holder_of(key, stored(secrets), now) for key in (old, new, keys.create("ann")[0])]
    assert [one and one.repeat_window for one in found] == ["600", "600", ""]


def test_a_replacement_lives_as_long_as_its_key_did(secrets: "SecretsManagerClient") -> None:
    """Otherwise a key that was meant to expire would be replaced by one that does not."""
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    _, kept = keys.create("ann", expires_at=datetime.now(UTC) + timedelta(days=30))
    _, replacement, _ = keys.rotate(kept.key_id, timedelta(hours=1))
    lifetime = replacement.lifetime()
    assert lifetime
    assert timedelta(days=30) - lifetime < timedelta(minutes=1)
    soon = datetime.now(UTC) + timedelta(hours=2)
    assert keys.rotate(replacement.key_id, timedelta(hours=1), soon)[1].expires_at == iso(soon)
    _, kept = keys.create("ann")
    assert keys.rotate(kept.key_id, timedelta(hours=1))[1].expires_at is None


def test_rotating_does_not_lengthen_the_life_of_a_key(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    keys = ApiKeys(secrets, "keys")
    _, kept = keys.create("ann", expires_at=datetime.now(UTC) + timedelta(minutes=5))
    assert keys.rotate(kept.key_id, timedelta(hours=1))[2].expires_at == kept.expires_at
    with pytest.raises(PromptreelError, match="keys list"):
        keys.rotate("00000000", timedelta())


class Meanwhile:
    """A client that lets another operator make a whole change before the first `put_secret_value`."""

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


def test_concurrent_changes_of_another_operator_are_kept(secrets: "SecretsManagerClient") -> None:
    secrets.create_secret(Name="keys", SecretString="{}")
    _, old = ApiKeys(secrets, "keys").create("old")

    def others() -> None:
        ApiKeys(secrets, "keys").create("bob")
        ApiKeys(secrets, "keys").revoke(old.key_id)

    client: Any = Meanwhile(secrets, others)
    ApiKeys(client, "keys").create("ann")
    assert {record["owner"] for record in json.loads(stored(secrets)).values()} == {"ann", "bob"}
