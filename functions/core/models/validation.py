"""Check a request against the schema of its model, and say what is wrong and what is allowed."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any, cast

from core.errors import InvalidRequest, Problem
from core.models import ANY_MODEL, Models, closest
from core.models.unchecked import problems

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_PROBLEMS, MAX_PROBLEM = 10, 400  # problems in a message, and characters of each: batches store and report them
MAX_DEPTH = 32  # of nested lists and objects; no model needs more than three levels
MAX_PARSED_DEPTH = 100  # of a whole JSON text; Python's own limit depends on its version
MAX_NAMED = 10  # models in a message
MAX_REQUEST_BYTES = 192 << 10  # as JSON: a state of a batch's workflow contains a row and is limited to 256 KiB


def parse_json(text: str) -> object:
    """Return the value of a JSON text. Raise `ValueError` for any other text, including Python's NaN and Infinity.

    The results and the errors are the same with every version of Python.
    """
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _with_trailing_comma(error) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_deeper(value, MAX_PARSED_DEPTH):
        raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP = f"more than {MAX_PARSED_DEPTH} lists and objects are nested in each other"


def _with_trailing_comma(error: json.JSONDecodeError) -> json.JSONDecodeError:
    """Return the error about a trailing comma that Python 3.13 raises. Earlier versions raise a less helpful one."""
    before, end = error.doc[: error.pos].rstrip(" \t\r\n"), error.doc[error.pos : error.pos + 1]
    kind = {("Expecting value", "]"): "array", ("Expecting property name enclosed in double quotes", "}"): "object"}
    if not before.endswith(",") or (error.msg, end) not in kind:
        return error
    what = f"Illegal trailing comma before end of {kind[error.msg, end]}"
    return json.JSONDecodeError(what, error.doc, len(before) - 1)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


@dataclass(frozen=True)
class Valid:
    """A request that its model allows. The `unchecked` fields are not in the model's schema."""

    request: dict[str, Any]
    unchecked: tuple[str, ...] = ()


def check(request: object, models: Models, *, strict: bool) -> Valid:
    """Return the request with its numbers as numbers, if its model allows it.

    Unless `strict`, fields that the model's schema does not have are passed through unchecked, within limits. A model
    without a schema always passes them through. Raise `InvalidRequest`, which names each field and what is allowed.
    """
    if not isinstance(request, dict):
        raise InvalidRequest("The body must be a JSON object with `model` and the fields that the model requires.")
    _check_text(request)
    name = request.get("model")
    model = models.get(name) if strict else models.requested(name)
    if not isinstance(name, str):
        raise InvalidRequest(f"`model` must be the name of a model. {_offered(models)}.", "model")
    if model is None:
        meant = closest(name, (one.name for one in models))
        hint = f"Did you mean {meant}? " if meant else ""
        raise InvalidRequest(f"`model` {_shown(name)} is not offered here. {hint}{_offered(models)}.", "model")
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - many starts of a function validate nothing

    schema = model.schema or ANY_MODEL
    valid: dict[str, Any] = with_numbers(request, schema)
    passed = [] if strict and model.schema else model.unknown(valid)
    names = {field.path for field in passed}
    errors = Draft202012Validator(schema).iter_errors(valid)
    broken = [error for error in errors if not (_is_of_unknown(error) and names.issuperset(_unknown(error)))]
    broken.sort(key=lambda error: [str(part) for part in error.path])
    _reject([*(_problem(error, name) for error in broken), *problems(passed, model)])
    return Valid(valid, model.unchecked(valid) if passed or not model.is_offered else ())


def _is_of_unknown(error: "ValidationError") -> bool:
    return error.validator == "additionalProperties"


def _reject(found: list[Problem]) -> None:
    """Raise `InvalidRequest` if there are problems. Each is reported once."""
    different = list({problem.message: problem for problem in found}.values())
    if not different:
        return
    more = f"; and {len(different) - MAX_PROBLEMS} more" if len(different) > MAX_PROBLEMS else ""
    shown = different[:MAX_PROBLEMS]
    message = "; ".join(problem.message for problem in shown) + more
    raise InvalidRequest(message if message.endswith("?") else f"{message}.", problems=shown)


def with_numbers(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value with numbers that are sent as text, or as 5.0, as the numbers that its schema allows.

    So the same request has the same fingerprint, whichever form its client uses. Without a change, the value itself is
    returned.
    """
    if isinstance(value, dict):
        parameters = schema.get("properties", {})
        changed: Any = {name: with_numbers(inner, parameters.get(name, {})) for name, inner in value.items()}
        return changed if any(changed[name] is not inner for name, inner in value.items()) else value
    if isinstance(value, list):
        changed = [with_numbers(inner, schema.get("items", {})) for inner in value]
        return changed if any(new is not old for new, old in zip(changed, value, strict=True)) else value
    if _takes_numbers(schema):
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
            return int(value)
    return value


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?", re.ASCII)
_EXACT = 2**53  # below this, a float holds every whole number


def _takes_numbers(schema: Mapping[str, Any]) -> bool:
    if "enum" in schema:
        return any(type(one) in (int, float) for one in schema["enum"])
    return schema.get("type") in ("integer", "number")


def _check_text(request: dict[str, Any]) -> None:
    """Reject a request that cannot be shown or stored. Half a surrogate pair is valid JSON, but not valid Unicode."""
    if _is_deeper(request, MAX_DEPTH):
        raise InvalidRequest(f"The request is nested too deeply: at most {MAX_DEPTH} levels are allowed.")
    try:
        size = len(json.dumps(request, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise InvalidRequest("The request contains characters that are not valid Unicode.") from None
    if size > MAX_REQUEST_BYTES:
        raise InvalidRequest(
            f"The request is too large: at most {MAX_REQUEST_BYTES} bytes of JSON are allowed, in addition to files in "
            "data: URIs."
        )


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether lists and objects are nested more deeply than `depth`."""
    level = [value]
    for _ in range(depth + 1):
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return True


def _problem(error: "ValidationError", model: str) -> Problem:
    message = shorten(_sentence(error, model), MAX_PROBLEM, placeholder=" ...")
    # Of the rules about several fields, the schema is no value that an interface could show.
    rule, allowed = str(error.validator), error.validator_value
    is_about_fields = rule in ("required", "additionalProperties", "oneOf", "anyOf", "not")
    return Problem(_fields(error), message, rule, None if is_about_fields else allowed)


def _sentence(error: "ValidationError", model: str) -> str:
    """Return a sentence that says what is wrong and what is allowed, for a keyword about one field."""
    field, allowed = f"`{_at(error)}`", cast("Any", error.validator_value)
    match error.validator:
        case "enum":
            return f"{field} must be {_one_of(allowed)}, not {_shown(error.instance)}"
        case "type":
            kinds = allowed if isinstance(allowed, str) else " or ".join(allowed)
            return f"{field} must be of type {kinds}, not {_shown(error.instance)}"
        case "pattern" if allowed == r"\S":
            return f"{field} must not be blank"
        case "pattern":
            return (
                f"{field} must be a link (https://), upload:ID, generation:ID, s3://BUCKET/KEY or a data: URI, not "
                f"{_shown(error.instance)}"
            )
        case "minimum" | "maximum" as bound:
            return f"{field} must be {allowed} or {_MORE_OR_LESS[bound]}, not {_shown(error.instance)}"
        case "minLength" | "maxLength" | "minItems" | "maxItems" as bound:
            what = ("character" if bound.endswith("Length") else "item") + ("" if allowed == 1 else "s")
            found = len(cast("Any", error.instance))
            return f"{field} must have {_MORE_OR_LESS[bound]} {allowed} {what}, not {found}"
        case _:
            return _sentence_of_fields(error, model)


_MORE_OR_LESS = {
    "minimum": "more",
    "maximum": "less",
    **dict.fromkeys(("minLength", "minItems"), "at least"),
    **dict.fromkeys(("maxLength", "maxItems"), "at most"),
}


def _sentence_of_fields(error: "ValidationError", model: str) -> str:
    """Return such a sentence for a keyword about several fields, or the library's message for any other keyword."""
    allowed = cast("Any", error.validator_value)
    match error.validator:
        case "required":
            missing = _missing(error)
            return f"{_named(missing)} {'is' if len(missing) == 1 else 'are'} required by model {model}"
        case "additionalProperties":
            taken = [_at(error, name) for name in cast("Any", error.schema)["properties"]]
            return f"{_named(_unknown(error))} is not a parameter of model {model}, which takes {_named(taken)}"
        case "oneOf":
            return f"Either {_ways(allowed)} is required by model {model}, but not more than one"
        case "anyOf":
            return f"{_ways(allowed)} is required by model {model}"
        case "not":
            return f"{' and '.join(f'`{name}`' for name in allowed['required'])} cannot be used together"
        case _:
            return f"`{_at(error)}`: {error.message}"


def _fields(error: "ValidationError") -> tuple[str, ...]:
    """Return the paths of the fields that the problem concerns."""
    allowed = cast("Any", error.validator_value)
    match error.validator:
        case "required":
            return tuple(_missing(error))
        case "additionalProperties":
            return tuple(_unknown(error))
        case "oneOf" | "anyOf":
            return tuple(dict.fromkeys(_at(error, name) for way in allowed for name in way["required"]))
        case "not":
            return tuple(_at(error, name) for name in allowed["required"])
        case _:
            return (_at(error),)


def _at(error: "ValidationError", *inner: str) -> str:
    """Return the path of a field in the request, such as `elements.0.video_url`."""
    return ".".join(str(part) for part in (*error.absolute_path, *inner))


def _missing(error: "ValidationError") -> list[str]:
    instance, required = cast("Any", error.instance), cast("Any", error.validator_value)
    return [_at(error, name) for name in required if name not in instance]


def _unknown(error: "ValidationError") -> list[str]:
    instance, schema = cast("Any", error.instance), cast("Any", error.schema)
    return [_at(error, name) for name in instance if name not in schema["properties"]]


def _offered(models: Models) -> str:
    """Return a sentence that names the offered models if they are few, or else says where they are listed."""
    if len(models) <= MAX_NAMED:
        return f"Use {_one_of(model.name for model in models)}"
    return f"GET /v2/models or `promptreel models` lists the {len(models)} offered models"


def _one_of(allowed: Iterable[object]) -> str:
    """List the allowed values, once each: some are allowed both as a number and as text."""
    return "one of " + ", ".join(dict.fromkeys(str(value) for value in allowed))


def _ways(allowed: list[dict[str, Any]]) -> str:
    """List alternative groups of fields."""
    return " or ".join(" with ".join(f"`{name}`" for name in way["required"]) for way in allowed)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: object) -> str:
    return shorten(json.dumps(value, ensure_ascii=False), width=60)
