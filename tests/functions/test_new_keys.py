"""Test that a key works as soon as it is stored, although keys and the answers about them are remembered."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from core.api.api_keys import MOST_READS, READ_EVERY, KnownKeys, issue
from tests.support.functions import PATHS, Cloud, call
from tests.support.generations import Clock
from wiring import now

stored: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _empty() -> None:
    stored.clear()


def create(owner: str = "ann", **options: Any) -> str:
    """Create a key as the operator does, and return it."""
    key, entry = issue(owner, now(), **options)
    stored.update(entry)
    boto3.client("secretsmanager").put_secret_value(SecretId="api-keys", SecretString=json.dumps(stored))
    return key


def owner_of(cloud: Cloud, key: str) -> str:
    answer = cloud.invoke("authorize", {"headers": {"authorization": f"Bearer {key}"}}, warm=True)
    return str(answer["context"]["owner"])


def listed(cloud: Cloud, key: str) -> int:
    """List the generations, with the gateway's remembered answer that the key has no owner."""
    return call(cloud.caller(""), "GET", PATHS[0], authorization=f"Bearer {key}")[0]


def test_several_keys_in_a_row_work_at_their_first_use(cloud: Cloud) -> None:
    """Each is used within a second of the one before, whose use has read the secret."""
    cloud.invoke("authorize", {"headers": {"authorization": f"Bearer {create('first')}"}})
    for owner in ("ann", "bob", "cyd"):
        assert owner_of(cloud, create(owner)) == owner


def test_a_key_works_although_the_gateway_remembers_that_it_did_not(cloud: Cloud) -> None:
    """For 240 seconds: it was used before the secret had it, or before that could be read."""
    late, entry = issue("ann", now())
    assert owner_of(cloud, late) == ""
    stored.update(entry)
    boto3.client("secretsmanager").put_secret_value(SecretId="api-keys", SecretString=json.dumps(stored))
    assert listed(cloud, late) == 200
    assert call(cloud.caller("ann"), "GET", PATHS[0])[0] == 200


def test_without_a_remembered_owner_a_key_has_no_more_rights(cloud: Cloud) -> None:
    reader, expired = create(scope="read"), create(expires_at=now() - timedelta(seconds=1))
    query = f"generation_id={'0' * 32}"
    assert call(cloud.caller(""), "DELETE", PATHS[0], query=query, authorization=f"Bearer {reader}")[0] == 401
    assert listed(cloud, reader) == 200
    unknown, _ = issue("ann", now())
    for key in (expired, unknown, unknown[:-1], reader[:-1], "", "x"):
        assert listed(cloud, key) == 401
    assert call(cloud.caller(""), "GET", PATHS[0], authorization=reader)[0] == 401, "without its scheme"


def test_an_owner_of_the_gateway_is_not_looked_up(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecretsProvider, "_get", lambda *_: pytest.fail("it was read"))
    assert call(cloud, "GET", PATHS[0], authorization=f"Bearer {issue('bob', now())[0]}")[0] == 200
    assert call(cloud.caller(""), "GET", "/health", authorization=f"Bearer {issue('bob', now())[0]}")[0] == 200


def test_guesses_read_the_secret_rarely_and_new_keys_work_soon_nevertheless() -> None:
    clock, reads = Clock(), []
    secret = {"now": "{}", "remembered": "{}"}

    class Stored:
        def text(self, *, force_fetch: bool = False) -> str:
            if force_fetch:
                reads.append(clock())
                secret["remembered"] = secret["now"]
            return secret["remembered"]

    keys = KnownKeys(Stored(), clock)
    for _ in range(600):
        assert keys.holder(f"Bearer {issue('x', clock())[0]}") is None
        clock.forward(0.1)
    assert len(reads) <= MOST_READS + timedelta(seconds=60) / READ_EVERY
    new, entry = issue("ann", clock())
    secret["now"] = json.dumps(entry)
    waited = 0.0
    while keys.holder(f"Bearer {new}") is None:
        clock.forward(0.1)
        waited += 0.1
    assert waited <= READ_EVERY.total_seconds() + 0.1
