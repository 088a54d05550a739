"""The models that can be asked for: one JSON Schema a file beside this one, and nothing else to change to add one."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from core.errors import InvalidRequest

Schema = Mapping[str, Any]


@cache
def catalogue() -> Mapping[str, Schema]:
    """Every model's schema by the model's name, which is the `const` of its `model` property."""
    schemas = [json.loads(file.read_text("utf-8")) for file in sorted(Path(__file__).parent.glob("*.json"))]
    return {schema["properties"]["model"]["const"]: schema for schema in schemas}


@cache
def _validator(model: str) -> Validator:
    return Draft202012Validator(catalogue()[model])


def validate(request: object) -> dict[str, Any]:
    """The request itself, if its model's schema allows it; else `InvalidRequest` naming each field and what is
    allowed."""
    if not isinstance(request, dict):
        raise InvalidRequest("The body must be a JSON object with at least `model` and `prompt`.")
    model = request.get("model")
    if not isinstance(model, str):
        raise InvalidRequest(f"`model` must be the name of a model: {_one_of(catalogue())}.", "model")
    if model not in catalogue():
        raise InvalidRequest(f"`model` {_shown(model)} is not known here; use {_one_of(catalogue())}.", "model")
    problems = sorted(_validator(model).iter_errors(request), key=lambda error: [str(part) for part in error.path])
    if problems:
        sentences = dict.fromkeys(_sentence(problem, model) for problem in problems)
        raise InvalidRequest("; ".join(sentences) + ".", _field(problems[0]))
    return cast("dict[str, Any]", request)


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
            known = catalogue()[model]["properties"]
            return f"{_named(_unknown(error))} is not a parameter of model {model}, which takes {_named(known)}"
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
