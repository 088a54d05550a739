"""Test that only the provider gets its stored key, and that a replaced key is noticed."""

import pytest

from core.errors import ProviderKeyMissing, ProviderKeyRejected, ProviderUnavailable
from core.provider.key import ProviderKey
from core.secrets import SecretUnavailable


class Stored:
    """A secret with a new value for each fetch. The last value stays in memory."""

    def __init__(self, *texts: str | None) -> None:
        self._left = list(texts)
        self._remembered: list[str | None] = []

    def text(self, *, force_fetch: bool = False) -> str | None:
        if force_fetch or not self._remembered:
            self._remembered = [self._left.pop(0)]
        return self._remembered[0]


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
def test_an_invalid_key_is_reported_without_showing_it(text: str) -> None:
    with pytest.raises(ProviderKeyRejected) as error:
        ProviderKey(Stored(text, text)).get()
    assert text not in str(error.value)
    assert "Store it again" in str(error.value)


def test_without_a_value_the_key_is_missing() -> None:
    with pytest.raises(ProviderKeyMissing):
        ProviderKey(Stored(None, None)).get()


def test_a_key_is_renewed_only_if_it_was_replaced() -> None:
    key = ProviderKey(Stored("sk-1", "sk-1", "sk-2"))
    assert (key.get(), key.renew(), key.renew(), key.get()) == ("sk-1", False, True, "sk-2")


@pytest.mark.parametrize("mistake", [None, "two words"])
def test_a_mistake_is_not_remembered(mistake: str | None) -> None:
    """A key stored instead works immediately, also in warm functions."""
    key = ProviderKey(Stored(mistake, mistake, "sk-1"))
    with pytest.raises((ProviderKeyMissing, ProviderKeyRejected)):
        key.get()
    assert key.get() == "sk-1"


def test_a_key_that_was_removed_is_not_used_again() -> None:
    key = ProviderKey(Stored("sk-1", None, None, "sk-2"))
    assert (key.get(), key.renew()) == ("sk-1", False)
    with pytest.raises(ProviderKeyMissing):
        key.get()
    assert key.get() == "sk-2"


def test_an_unreadable_key_is_not_a_rejection_by_the_provider() -> None:
    class Unreadable:
        def text(self, *, force_fetch: bool = False) -> str | None:
            raise SecretUnavailable(f"ClientError {force_fetch}")

    key = ProviderKey(Unreadable())
    for read in (key.get, key.renew):
        with pytest.raises(ProviderUnavailable, match="could not be read: ClientError"):
            read()
