"""A key is shown once, kept as a hash, and recognised."""

import json

import pytest

from core.api.api_keys import issue, owner_of
from tests.support.generations import START


def test_an_issued_key_is_recognised_and_not_kept() -> None:
    key, entry = issue("ann", START)
    stored = json.dumps(entry)
    assert owner_of(key, stored) == "ann"
    assert key not in stored
    assert key[len("pr_00000000_") :] not in stored


@pytest.mark.parametrize("key", ["", "pr_", "pr_00000000_" + "a" * 43, "Bearer x", "é" * 50])
def test_other_keys_are_nobodys(key: str) -> None:
    _, entry = issue("ann", START)
    assert owner_of(key, json.dumps(entry)) is None


def test_a_key_with_another_secret_is_nobodys() -> None:
    key, entry = issue("ann", START)
    assert owner_of(key[:-1] + ("A" if key[-1] != "A" else "B"), json.dumps(entry)) is None


def test_before_any_key_is_stored_all_are_nobodys() -> None:
    assert owner_of(issue("ann", START)[0], None) is None
