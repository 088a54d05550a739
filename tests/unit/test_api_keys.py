"""Test that a key is shown once, stored as a hash, and recognised."""

import json
from datetime import datetime, timedelta

import pytest

from core.api.api_keys import Holder, holder_of, issue
from tests.support.generations import START


def holder(key: str, stored: str | None, now: datetime = START) -> str | None:
    found = holder_of(key, stored, now)
    return found.owner if found else None


def test_an_issued_key_is_recognised_but_not_stored() -> None:
    key, entry = issue("ann", START)
    stored = json.dumps(entry)
    assert holder(key, stored) == "ann"
    assert key not in stored
    assert key[len("pr_00000000_") :] not in stored


@pytest.mark.parametrize(
    "key", ["", "pr_", "pr_00000000_" + "a" * 43, "Bearer x", pytest.param("é" * 50, id="no ASCII")]
)
def test_unknown_keys_have_no_owner(key: str) -> None:
    _, entry = issue("ann", START)
    assert holder(key, json.dumps(entry)) is None


def test_a_key_with_another_secret_has_no_owner() -> None:
    key, entry = issue("ann", START)
    assert holder(key[:-1] + ("A" if key[-1] != "A" else "B"), json.dumps(entry)) is None


def test_without_stored_keys_no_key_has_an_owner() -> None:
    assert holder(issue("ann", START)[0], None) is None


def test_a_key_is_valid_until_it_expires() -> None:
    key, entry = issue("ann", START, expires_at=START + timedelta(days=1))
    stored = json.dumps(entry)
    assert holder(key, stored, START + timedelta(hours=23)) == "ann"
    assert holder(key, stored, START + timedelta(days=1)) is None


def test_a_key_has_its_scope_or_full_access() -> None:
    key, entry = issue("ann", START, scope="read", name="dashboard")
    assert holder_of(key, json.dumps(entry), START) == Holder("ann", key[3:11], "read", line=key[3:11])
    key, entry = issue("ann", START)
    (record,) = entry.values()
    assert record.keys() == {"owner", "sha256", "created_at"}
    assert holder_of(key, json.dumps(entry), START) == Holder("ann", key[3:11], "all", line=key[3:11])
