"""Test that the stored key of the provider reaches nobody but the provider, and that a replaced one is noticed."""

import pytest

from core.errors import ProviderKeyMissing, ProviderKeyRejected, ProviderUnavailable
from core.provider.key import ProviderKey
from core.secrets import SecretUnavailable


class Stored:
    """A secret whose value changes each time it is fetched, and is remembered for ever in between."""

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
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(ProviderKeyRejected) as error:
        ProviderKey(Stored(text, text)).get()
    assert text not in str(error.value)
    assert "Store it again" in str(error.value)


def test_without_a_value_the_key_is_missing() -> None:
    with pytest.raises(ProviderKeyMissing):
        ProviderKey(Stored(None, None)).get()


def test_a_key_is_renewed_only_if_there_is_another_one() -> None:
    key = ProviderKey(Stored("sk-1", "sk-1", "sk-2"))
    assert (key.get(), key.renew(), key.renew(), key.get()) == ("sk-1", False, True, "sk-2")


@pytest.mark.parametrize("mistake", [None, "two words"])
def test_a_mistake_is_not_remembered(mistake: str | None) -> None:
    """A key that is stored in its place works at once, in warm functions as well."""
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


def test_a_key_that_cannot_be_read_is_no_refusal_of_the_provider() -> None:
    class Unreadable:
        def text(self, *, force_fetch: bool = False) -> str | None:
            raise SecretUnavailable(f"ClientError {force_fetch}")

    key = ProviderKey(Unreadable())
    for read in (key.get, key.renew):
        with pytest.raises(ProviderUnavailable, match="could not be read: ClientError"):
            read()
