"""The stored key of the provider reaches nobody but the provider."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ProviderKeyMissing, ProviderKeyRejected
from core.provider.key import ProviderKey


def stored(*texts: str) -> ProviderKey:
    left = list(texts)
    secrets: Any = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": left.pop(0)})
    return ProviderKey(secrets, "secret")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sk-1\nsk-2", id="two lines"),
        "sk 1",
        pytest.param("sk-\x00", id="zero"),
        "schlüssel",
        pytest.param("x" * 600, id="600 characters"),
    ],
)
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(ProviderKeyRejected) as error:
        stored(text).get()
    assert text not in str(error.value)
    assert "store it again" in str(error.value)


def test_white_space_around_a_key_is_none_of_it() -> None:
    assert stored(" sk-1\n").get() == "sk-1"


def test_an_empty_secret_is_a_missing_key() -> None:
    with pytest.raises(ProviderKeyMissing):
        stored("").get()


def test_a_key_is_renewed_only_if_there_is_another_one() -> None:
    key = stored("sk-1", "sk-1", "sk-2")
    assert (key.get(), key.renew(), key.renew(), key.get()) == ("sk-1", False, True, "sk-2")
