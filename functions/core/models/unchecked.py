"""Fields of a request that its model's schema does not have. They are passed to the provider unchanged, within limits.

Clients send fields of other APIs, and the provider's own samples send parameters of sibling models. Nothing is known
about such a field, so it must not multiply the videos of a request and must not refer to files, which are only checked
and copied for the parameters that take them.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from core.errors import Problem
from core.models import Field, Model, known

MAX_FIELDS, MAX_BYTES, MAX_DEPTH = 32, 16 << 10, 8  # of all unchecked fields; bytes as JSON
MAX_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{MAX_NAME}}}", re.ASCII)
_REFERENCE = re.compile(r"\s*(?:(?:upload|generation):\S|s3://|data:[^\s,]*,)", re.IGNORECASE)
_LIKE = 0.8  # a name that is at least so similar is a misspelling

# Names of a number of videos, without case and separators.
_COUNT = "(?:num|number|nr|nb|n|count|amount|quantity|qty)"
_THING = (
    "(?:(?:video|output|sample|result|generation|image|clip|candidate|variation|variant|completion|choice|response|"
    "prediction|sequence|item|job|task|take|version)s?|copies|batch(?:es)?)"
)
_MULTIPLIES = re.compile(
    rf"{_COUNT}(?:of|to)?(?:returned|return|generated|generate)?{_THING}?(?:per\w+)?|{_THING}{_COUNT}s?|batch(?:es|size)?|"
    "samples|outputs|results|generations|variations|variants|candidates|completions|choices|responses|predictions|"
    "copies|repeats?|bestof|seeds|prompts"
)


def problems(found: Collection[Field], model: Model) -> Iterator[Problem]:
    """Yield why the fields must not be passed to the provider."""
    if not found:
        return
    size = len(json.dumps([[field.name, field.value] for field in found]))
    if len(found) > MAX_FIELDS or size > MAX_BYTES:
        yield Problem(
            (),
            f"Model {model.name} has no schema for {len(found)} of the fields, which have {size} bytes: at most "
            f"{MAX_FIELDS} such fields with {MAX_BYTES} bytes of JSON are allowed",
        )
        return
    for field in found:
        if message := _problem(field, model):
            yield Problem((field.path,), message, "additionalProperties")


def _problem(field: Field, model: Model) -> str | None:
    if not _NAME.fullmatch(field.name):
        return (
            f"`{field.path[: 2 * MAX_NAME]}` is not a parameter of model {model.name}, and its name is not plain: at "
            f"most {MAX_NAME} ASCII letters, digits, `_`, `-` and `.` are allowed"
        )
    if meant := _meant(field):
        return f"`{field.path}` is not a parameter of model {model.name}. Did you mean `{meant}`?"
    for path, name, value, depth in _inside(field.path, field.name, field.value, 1):
        if depth > MAX_DEPTH:
            return f"`{field.path}` is nested too deeply: at most {MAX_DEPTH} levels are allowed"
        if _multiplies(name) and not _is_one(value):
            return f"`{path}` must be 1, because a request makes one video. Send one request for each video"
        if isinstance(value, str) and _REFERENCE.match(value):
            return (
                f"`{path}` is not a parameter of model {model.name} for a file, so it must not contain an upload, a "
                "generation, an s3:// URI or a data: URI"
            )
    return None


def _inside(path: str, name: str, value: Any, depth: int) -> Iterator[tuple[str, str, Any, int]]:
    """Yield the path, the name, the value and the depth of a field and of all fields and items inside it."""
    yield path, name, value, depth
    if isinstance(value, dict) and depth <= MAX_DEPTH:
        for inner, of in value.items():
            yield f"{path}.{inner}"[: 2 * MAX_NAME], "", inner, depth  # a key is a text as well
            yield from _inside(f"{path}.{inner}"[: 2 * MAX_NAME], inner, of, depth + 1)
    elif isinstance(value, list) and depth <= MAX_DEPTH:
        for number, of in enumerate(value):
            yield from _inside(f"{path}.{number}"[: 2 * MAX_NAME], "", of, depth + 1)


def _multiplies(name: str) -> bool:
    return bool(_MULTIPLIES.fullmatch(re.sub(r"[^a-z]", "", name.lower())))


def _is_one(value: Any) -> bool:
    return value == "1" or (type(value) in (int, float) and value == 1)


def _meant(field: Field) -> str | None:
    """Return the parameter that the name probably means, unless it is a parameter of another model."""
    from difflib import get_close_matches  # noqa: PLC0415 - most requests have no such field

    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.name).replace("-", "_").lower()
    close = get_close_matches(name, field.parameters, n=1, cutoff=_LIKE)
    return close[0] if close and field.name not in _of_all_models() else None


@cache
def _of_all_models() -> frozenset[str]:
    """Return the names of all parameters of all models. This reads all files of the catalogue."""
    return frozenset(name for model in known().values() for name in _names(model.schema or {}))


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, of in schema.get("properties", {}).items():
        yield name
        yield from _names(of)
    yield from _names(schema["items"]) if "items" in schema else ()
