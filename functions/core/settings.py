"""Settings: a frozen dataclass for each function, read once from the environment and never at import."""

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast, get_type_hints

T = TypeVar("T")


class InvalidSettings(Exception):
    """A setting is missing or has the wrong type, which is a fault of the deployment."""


def read(settings: type[T], environment: Mapping[str, str] = os.environ) -> T:
    """Return a `settings` dataclass. Each field has the value of the environment variable of its name in upper case.

    Fields may be `str`, `int`, `float`, `bool` ("true" or "false") or `tuple[str, ...]` (comma-separated). All are
    required. A test checks that infra/ sets exactly these variables. Raise `InvalidSettings`.
    """
    hints = get_type_hints(settings)
    names = [field.name for field in fields(cast("Any", settings))]
    return settings(**{name: _value(name.upper(), hints[name], environment) for name in names})


def _value(name: str, kind: Any, environment: Mapping[str, str]) -> object:
    try:
        text = environment[name]
        if kind is bool:
            return {"true": True, "false": False}[text]
        if kind == tuple[str, ...]:
            return tuple(part for part in text.split(",") if part)
        return kind(text)
    except (KeyError, ValueError):
        raise InvalidSettings(f"Environment variable {name} is missing or not a {kind}.") from None
