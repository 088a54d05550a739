"""The models that can be asked for: one JSON Schema a file beside this one, and nothing else to change to add one."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from core.errors import InvalidRequest

MAX_REQUEST_BYTES = 192 << 10  # as JSON: a batch carries a row in a state, which holds 256 KiB in all
Schema = Mapping[str, Any]


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
    """The models that a deployment offers: those of `known()`, or only the allowed ones, and those passed through."""

    def __init__(self, allowed: Collection[str] = (), passed_through: Collection[str] = ()) -> None:
        self._offered = {name: model for name, model in known().items() if not allowed or name in allowed}
        self._offered |= {name: Model(name, None) for name in passed_through if name not in self._offered}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._offered.values())

    def validate(self, request: object) -> dict[str, Any]:
        """The request itself, if its model allows it; else `InvalidRequest` naming each field and what is allowed."""
        if not isinstance(request, dict):
            raise InvalidRequest("The body must be a JSON object with at least `model` and `prompt`.")
        _check_text(request)
        name = request.get("model")
        if not isinstance(name, str):
            raise InvalidRequest(f"`model` must be the name of a model: {_one_of(self._offered)}.", "model")
        if name not in self._offered:
            raise InvalidRequest(f"`model` {_shown(name)} is not offered here; use {_one_of(self._offered)}.", "model")
        problems = sorted(_validator(name).iter_errors(request), key=lambda error: [str(part) for part in error.path])
        if problems:
            sentences = dict.fromkeys(_sentence(problem, name) for problem in problems)
            raise InvalidRequest("; ".join(sentences) + ".", _field(problems[0]))
        return cast("dict[str, Any]", request)


def _check_text(request: dict[str, Any]) -> None:
    """Before anything of the request is shown or stored. Half a surrogate pair is valid JSON, but no text."""
    try:
        size = len(json.dumps(request, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise InvalidRequest("The request holds characters that are not valid Unicode.") from None
    if size > MAX_REQUEST_BYTES:
        raise InvalidRequest(f"The request is too large: at most {MAX_REQUEST_BYTES} bytes of JSON are allowed.")


# What every request has, all that is asked of a model that is passed through.
ANY_MODEL: Schema = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {"model": {"type": "string"}, "prompt": {"type": "string", "pattern": "\\S"}},
}


@cache
def _validator(name: str) -> Validator:
    model = known().get(name)
    return Draft202012Validator(model.schema if model and model.schema else ANY_MODEL)


def _sentence(error: ValidationError, model: str) -> str:
    """What is wrong and what is allowed, for the keywords the schemas use; the library's own words for any other."""
    field, allowed = f"`{_field(error)}`", cast("Any", error.validator_value)
    match error.validator:
        case "enum":
            return f"{field} must be {_one_of(allowed)}, not {_shown(error.instance)}"
        case "type":
            return f"{field} must be of type {allowed}, not {_shown(error.instance)}"
        case "required":
            return f"{_named(_missing(error))} is required by model {model}"
        case "additionalProperties":
            taken = cast("Any", error.schema)["properties"]
            return f"{_named(_unknown(error))} is not a parameter of model {model}, which takes {_named(taken)}"
        case "pattern" if allowed == r"\S":
            return f"{field} must not be blank"
        case "pattern":
            return f"{field} must be a URL that starts with http:// or https://, not {_shown(error.instance)}"
        case _:
            return f"{field}: {error.message}"


def _field(error: ValidationError) -> str:
    """The name of the field to look at: for a missing or an unknown one, the first of them."""
    match error.validator:
        case "required":
            return _missing(error)[0]
        case "additionalProperties":
            return _unknown(error)[0]
        case _:
            return ".".join(str(part) for part in error.absolute_path)


def _missing(error: ValidationError) -> list[str]:
    instance, required = cast("Any", error.instance), cast("Any", error.validator_value)
    return [name for name in required if name not in instance]


def _unknown(error: ValidationError) -> list[str]:
    instance, schema = cast("Any", error.instance), cast("Any", error.schema)
    return [name for name in instance if name not in schema["properties"]]


def _one_of(allowed: Iterable[object]) -> str:
    return "one of " + ", ".join(str(value) for value in allowed)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: object) -> str:
    return shorten(json.dumps(value, ensure_ascii=False), width=60)
