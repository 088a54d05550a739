"""Test that settings are read from the environment completely and with the right types."""

from dataclasses import dataclass

import pytest

from core.settings import InvalidSettings, read


@dataclass(frozen=True)
class Settings:
    name: str
    count: int
    flag: bool
    hosts: tuple[str, ...]


WHOLE = {"NAME": "x", "COUNT": "3", "FLAG": "true", "HOSTS": "a.com,b.com"}


def test_each_field_is_read_from_the_variable_of_its_name() -> None:
    assert read(Settings, WHOLE) == Settings("x", 3, True, ("a.com", "b.com"))


@pytest.mark.parametrize("broken", [{"COUNT": "many"}, {"FLAG": "yes"}])
def test_a_wrong_type_is_reported(broken: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings, match=next(iter(broken))):
        read(Settings, {**WHOLE, **broken})


def test_a_missing_variable_is_reported() -> None:
    with pytest.raises(InvalidSettings, match="NAME"):
        read(Settings, {key: value for key, value in WHOLE.items() if key != "NAME"})
