"""The models that can be asked for: one JSON Schema a file beside this one, and nothing else to change to add one."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

# What every request has, all that is asked of a model that is passed through.
ANY_MODEL: Schema = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {"model": {"type": "string"}, "prompt": {"type": "string", "pattern": "\\S"}},
}


@dataclass(frozen=True)
class Model:
    """A model of the provider; `schema` is None for one that is passed through as it comes."""

    name: str
    schema: Schema | None

    @property
    def title(self) -> str:
        """Its name for people."""
        return str(self.schema["title"]) if self.schema else self.name


@cache
def known() -> Mapping[str, Model]:
    """Every model with a schema, by its name, which is the `const` of the schema's `model` property."""
    schemas = [json.loads(file.read_text("utf-8")) for file in sorted(Path(__file__).parent.glob("*.json"))]
    models = [Model(schema["properties"]["model"]["const"], schema) for schema in schemas]
    return {model.name: model for model in models}


class Models:
    """The models that can be asked for, by their names."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._by_name = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def get(self, name: object) -> Model | None:
        """The model of this name, if there is one."""
        return self._by_name.get(name) if isinstance(name, str) else None


def closest(name: str, names: Iterable[str]) -> str | None:
    """The one of the names that `name` is most like, with its vendor or without; None if it is like none."""
    from difflib import get_close_matches  # noqa: PLC0415 - for a name that is wrong, which is seldom

    forms = {form.lower(): full for full in names for form in (full.rpartition("/")[2], full)}
    whole = name[:100].lower()
    found = get_close_matches(whole.rpartition("/")[2], forms, n=1) or get_close_matches(whole, forms, n=1)
    return forms[found[0]] if found else None


def offered(allowed: Collection[str] = (), passed_through: Collection[str] = ()) -> Models:
    """The models that a deployment offers: those of `known()`, or only the allowed ones, and those passed through."""
    taken = {name: model for name, model in known().items() if not allowed or name in allowed}
    return Models([*taken.values(), *(Model(name, None) for name in passed_through if name not in taken)])
