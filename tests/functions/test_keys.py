"""Test what owners see of their API keys: no hash and no other owner's key."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.api.api_keys import CREATE, READ, issue
from core.generation import iso
from tests.support.functions import Cloud, call
from wiring import now
from wiring.secrets import CachedSecret

END = now() + timedelta(days=5)


@pytest.fixture
def ids(cloud: Cloud) -> list[str]:
    """Return the ids of two keys of ann and one of bob, by age."""
    made = [
        issue("ann", now() - timedelta(days=2), name="shop", scope=READ, expires_at=END),
        issue("ann", now() - timedelta(days=1)),
        issue("bob", now(), name="bob's own"),
    ]
    secret = json.dumps({key_id: record for _, entry in made for key_id, record in entry.items()})
    boto3.client("secretsmanager").put_secret_value(SecretId=cloud.environment["API_KEYS_SECRET"], SecretString=secret)
    return [key_id for _, entry in made for key_id in entry]


def keys(cloud: Cloud, **asked: Any) -> list[dict[str, Any]]:
    status, answer = call(cloud.caller(**asked), "GET", "/v2/keys")
    assert status == 200
    found: list[dict[str, Any]] = answer["data"]
    return found


def test_an_owner_sees_only_its_keys_and_no_hash(cloud: Cloud, ids: list[str]) -> None:
    shop, plain, _ = ids
    call(cloud.caller(key_id=shop), "GET", "/v2/models", query="limit=1")
    newest, oldest = keys(cloud, key_id=plain)
    assert (newest["id"], newest["name"], newest["scope"], newest["expires_at"]) == (plain, None, "all", None)
    assert (oldest["id"], oldest["name"], oldest["scope"], oldest["expires_at"]) == (shop, "shop", "read", iso(END))
    assert (newest["is_yours"], oldest["is_yours"]) == (True, False)
    assert oldest["used_at"][:13] == f"{now():%Y-%m-%dT%H}"
    assert newest["used_at"] is None, "this call is its first"
    names = {
        "id",
        "line",
        "name",
        "scope",
        "short_links",
        "created_at",
        "expires_at",
        "repeat_window",
        "used_at",
        "is_yours",
    }
    assert set(newest) == names
    assert [one["name"] for one in keys(cloud, owner="bob")] == ["bob's own"]
    assert keys(cloud, owner="cyd") == []


@pytest.mark.parametrize("scope", [READ, CREATE])
def test_a_limited_key_sees_only_itself(cloud: Cloud, ids: list[str], scope: str) -> None:
    assert [one["id"] for one in keys(cloud, scope=scope, key_id=ids[0])] == [ids[0]]
    assert keys(cloud, scope=scope) == [], "nor anything if the key is unknown"
    assert keys(cloud, scope=scope, key_id=ids[2]) == [], "nor with the id of another owner's key"


def test_without_a_stored_secret_the_list_is_empty(cloud: Cloud) -> None:
    assert keys(cloud) == []


@pytest.mark.usefixtures("ids")
def test_only_this_call_reads_the_secret(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CachedSecret, "text", lambda _: pytest.fail("it was read"))
    assert call(cloud, "GET", "/v2/budgets")[0] == 200
    assert call(cloud.caller(""), "GET", "/v2/keys")[0] == 401
