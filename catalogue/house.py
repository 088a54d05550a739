"""Convert a model of the reference to an entry of the catalogue.

The schema of a request is as flat as possible, so that every error names a field and its allowed values. `anyOf` is
used only if one of several fields is required, `format` is not used, and unknown parameters are rejected.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from catalogue.reference import Documented

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A link, or a reference that Promptreel converts to a link: functions/core/inputs/references.py.
URL = "^(https?://[!-~]+|s3://[^/]+/.+|(upload|generation):[0-9a-f]{32}|data:[!-~]+)$"
NOT_BLANK = "\\S"
MAX_EXAMPLES = 3
MAX_RANGE = 32  # of integers: shorter ranges become lists
PLACEHOLDER = "<YOUR_"  # in an example that users must complete
FAL = "*.fal.media"  # the hosts on which fal.ai stores its videos

_KEPT = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_KNOWN = {*_KEPT, "type", "enum", "format", "items", "properties", "required", "nullable", "anyOf", "oneOf"} | {
    *("default", "description", "example", "title")
}
_FORMATS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}
_FORMAT = re.compile(rf"\b({'|'.join(_FORMATS)})\b", re.IGNORECASE)
_CONTAINER = re.compile(r"\(\.(mp4|webm|mov|gif)\)$")
_MEGABYTES = re.compile(r"(\d+) ?MB")
_WAY = re.compile(
    r"[ ,(/]*\b((?:first[ -]last[ -]|multi )?(?:text|image|frame|video|reference))[ -]to[ -]video\b\)?", re.IGNORECASE
)


class Unreadable(Exception):
    """The reference contains something that these rules do not cover. The message says what and where."""


def entry(model: Documented, vendor: str, hosts: tuple[str, ...]) -> dict[str, Any]:
    """Return a model's entry in the catalogue. `hosts` are the hosts of its vendor's videos."""
    schema = _request(model)
    examples = _examples(model, schema)
    schema["examples"] = examples
    inputs = list(_inputs(schema, "", required=True))
    title = _title(model)
    seconds = [second for page in model.pages for second in page.seconds]
    return {
        "name": model.name,
        "vendor": vendor,
        "title": title,
        "kind": _kind(inputs, title),
        "inputs": inputs,
        "hosts": _hosts(model, hosts),
        "containers": _containers(schema),
        **({"seconds": max(seconds)} if seconds else {}),
        "schema": schema,
    }


def _hosts(model: Documented, vendors: tuple[str, ...]) -> list[str]:
    """Return the vendor's hosts, and fal.ai's if it runs the model.

    Raise `Unreadable` for any other host, because a person has to decide whether to allow it.
    """
    seen = {host for page in model.pages for host in page.hosts}
    provider = model.schema["properties"].get("provider", {}).get("description", "")
    by_fal = "fal.ai" in provider or any(fnmatchcase(host, FAL) for host in seen)
    hosts = sorted({*vendors, *([FAL] if by_fal else [])})
    if unknown := [host for host in sorted(seen) if not any(fnmatchcase(host, known) for known in hosts)]:
        raise Unreadable(
            f"A video of {model.name} is on {', '.join(unknown)}: if this is the vendor's host, add it to vendors.toml."
        )
    return hosts


def _containers(schema: Mapping[str, Any]) -> list[str]:
    """Return the containers of the model's videos: mp4, unless a parameter has values such as `VP9 (.webm)`."""
    values = [str(one) for field in schema["properties"].values() for one in field.get("enum", ())]
    return [found[1] for value in values if (found := _CONTAINER.search(value))] or ["mp4"]


def _title(model: Documented) -> str:
    """Return the title of the page, such as `Veo 3.1 Fast, text to video`."""
    titles = [page.title for page in model.pages if page.title]
    title = titles[0] if titles else " ".join(re.split(r"[/_-]+", model.name))
    way = _WAY.search(title)
    if not way:
        return title
    rest = " ".join((title[: way.start()] + " " + title[way.end() :]).split())
    return f"{rest}, {way[1].lower()} to video" if rest else title


def _kind(inputs: list[dict[str, Any]], title: str) -> str:
    """Return the model's kind, from its required inputs, or from its title if only text is required."""
    needed = {kind for one in inputs if one["required"] for kind in one["media"]}
    for kind in ("video", "audio", "image"):
        if kind in needed:
            return f"{kind}-to-video"
    way = _WAY.search(title)
    return "image-to-video" if inputs and way and "text" not in way[1].lower() else "text-to-video"


# --- the schema ---------------------------------------------------------------------------------------------------


def _request(model: Documented) -> dict[str, Any]:
    where = f"{model.name} ({model.file})"
    properties = {}
    required = list(model.schema.get("required", []))
    for name, raw in model.schema["properties"].items():
        if name == "model":
            properties[name] = {"const": model.name, "description": "The provider's name of the model."}
            continue
        if raw.get("required") is True:  # JSON Schema's own draft 3, once
            required.append(name)
            raw = {key: value for key, value in raw.items() if key != "required"}  # noqa: PLW2901 - without it
        properties[name] = _value(raw, name, f"{where}: {name}")
        if name == "prompt" and "prompt" in required:
            properties[name] = _ordered({**properties[name], "pattern": NOT_BLANK})
    if missing := set(required) - set(properties):
        raise Unreadable(
            f"{where} requires {', '.join(sorted(missing))} but does not define it: add a rule to house.py."
        )
    return {
        "type": "object",
        "required": list(dict.fromkeys(["model", *required])),
        "properties": properties,
        "additionalProperties": False,
    }


def _value(raw: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    if unknown := set(raw) - _KNOWN:
        raise Unreadable(f"{where} has {', '.join(sorted(unknown))}, which no rule covers: add one to house.py.")
    if alternatives := raw.get("anyOf") or raw.get("oneOf"):
        value = _flat([_value(one, name, where) for one in alternatives])
    else:
        value = _plain(raw, name, where)
    if raw.get("nullable") and value.get("type"):
        value["type"] = [value["type"], "null"]
    if description := " ".join(str(raw.get("description", "")).split()):
        value["description"] = description
    return _ordered(value)


def _plain(raw: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    kind = raw.get("type")
    value: dict[str, Any] = {}
    if "enum" in raw:
        value["enum"] = list(raw["enum"])
    elif kind:
        value["type"] = kind
        value |= {key: raw[key] for key in _KEPT if key in raw}
    if kind == "string" and (raw.get("format") == "uri" or re.search(r"_url$", name)):
        value["pattern"] = URL
        value.pop("minLength", None)
    elif raw.get("format") not in (None, "uuid"):  # ids are not always UUIDs: some end in their model's name
        raise Unreadable(f"{where} has format {raw['format']}, which no rule covers: add one to house.py.")
    if kind == "array":
        value["items"] = _value(raw["items"], name.removesuffix("s"), where + "[]")
    if kind == "object":
        inner = {key: _value(one, key, f"{where}.{key}") for key, one in raw["properties"].items()}
        value |= {"properties": inner, "additionalProperties": False}
        if raw.get("required"):
            value["required"] = list(raw["required"])
    if "default" in raw:
        value["default"] = _typed(raw["default"], kind)
        if "enum" in value and value["default"] not in value["enum"]:
            raise Unreadable(f"{where} has a default that is not an allowed value: add a rule to house.py.")
    return value


def _typed(value: Any, kind: Any) -> Any:
    """Return a default as a value of its type, because the reference often writes numbers as text."""
    return json.loads(value) if isinstance(value, str) and kind in ("integer", "number", "boolean") else value


def _flat(alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one schema for several: objects that differ by their `type`, or values of different types."""
    objects = [one for one in alternatives if one.get("type") == "object"]
    others = [one for one in alternatives if one and one not in objects]
    nullable = len(objects) + len(others) < len(alternatives)  # OpenAPI's {"nullable": true}
    flat: dict[str, Any] = {}
    for one in others:
        flat |= {key: value for key, value in one.items() if key != "type"}
    if objects:
        flat |= {**_merged(objects), "additionalProperties": False}
    types = list(dict.fromkeys([one["type"] for one in others + objects] + (["null"] if nullable else [])))
    return {"type": types[0] if len(types) == 1 else types, **flat}


def _merged(objects: list[dict[str, Any]]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    kinds: list[Any] = []
    always = set(objects[0].get("required", []))
    rules = []
    for one in objects:
        always &= set(one.get("required", []))
        kinds += one["properties"]["type"]["enum"]
        properties |= one["properties"]
    properties["type"] = {"enum": kinds}
    for one in objects:
        if more := [name for name in one.get("required", []) if name not in always]:
            only = {"properties": {"type": {"enum": one["properties"]["type"]["enum"]}}, "required": ["type"]}
            rules.append({"if": only, "then": {"required": more}})
    required = [name for name in objects[0].get("required", []) if name in always]
    return {"properties": properties, "required": required, **({"allOf": rules} if rules else {})}


_ORDER = ("type", "enum", "const", "pattern", *_KEPT, "items", "required", "properties", "additionalProperties")


def _ordered(value: dict[str, Any]) -> dict[str, Any]:
    rest = [key for key in value if key not in (*_ORDER, "default", "description")]
    return {key: value[key] for key in (*_ORDER, *rest, "default", "description") if key in value}


# --- its examples -------------------------------------------------------------------------------------------------


def _examples(model: Documented, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the examples of the reference. The examples of pages come first, because their authors ran them.

    Examples often have a number as text, which the provider accepts. The schema of such a model then accepts it too.
    """
    found: list[dict[str, Any]] = []
    for example in [*(one for page in model.pages for one in page.examples), *model.examples]:
        if example.get("model") == model.name and example not in found and PLACEHOLDER not in json.dumps(example):
            found.append(example)
    for example in found:
        for name, value in example.items():
            allowed = schema["properties"].get(name, {})
            numbers = _whole_numbers(allowed)
            if isinstance(value, str) and value in map(str, numbers) and value not in allowed.get("enum", []):
                told = {key: allowed[key] for key in ("default", "description") if key in allowed}
                schema["properties"][name] = {"enum": [*numbers, *map(str, numbers)], **told}
    return found


def _whole_numbers(allowed: Mapping[str, Any]) -> list[int]:
    """Return all allowed integers, or nothing if there are too many."""
    if "enum" in allowed:
        return [one for one in allowed["enum"] if type(one) is int]
    low, high = allowed.get("minimum", 0), allowed.get("maximum", MAX_RANGE)
    is_short = allowed.get("type") == "integer" and "minimum" in allowed and high - low < MAX_RANGE
    return list(range(low, high + 1)) if is_short else []


# --- its inputs ---------------------------------------------------------------------------------------------------


def _inputs(schema: Mapping[str, Any], path: str, *, required: bool) -> Iterator[dict[str, Any]]:
    """Yield every field for the URL of an image, audio or video file. `[]` after a name marks a list."""
    for name, value in schema.get("properties", {}).items():
        field = f"{path}{name}"
        needed = required and name in schema.get("required", [])
        kinds = value.get("type", [])
        media = _media(name, value, schema["properties"].get("type", {}).get("enum", []))
        if value.get("pattern") == URL:
            yield _input(field, media, value, value, required=needed)
        items = value.get("items", {})
        if items.get("pattern") == URL:
            yield _input(field + "[]", media, items, value, required=needed and kinds == "array")
        yield from _inputs(items, field + "[].", required=needed)
        yield from _inputs(value, field + ".", required=needed)


def _media(name: str, value: Mapping[str, Any], kinds: list[str]) -> list[str]:
    for kind, words in (("audio", "audio"), ("video", "video"), ("image", "image|frame|mask")):
        if re.search(words, name):
            return [kind]
    told = [kind for kind in kinds if kind in ("image", "video", "audio")]
    text = value.get("description", "")
    return told or [kind for kind in ("image", "video", "audio") if kind in text]


def _input(
    field: str, media: list[str], value: Mapping[str, Any], outer: Mapping[str, Any], *, required: bool
) -> dict[str, Any]:
    text = value.get("description") or outer.get("description", "")
    formats = sorted({_FORMATS[word.lower()] for word in _FORMAT.findall(text)} if "ormat" in text else set())
    size = _MEGABYTES.search(text)
    return {
        "field": field,
        "media": media,
        "required": required,
        **({"media_types": formats} if formats else {}),
        **({"max_bytes": int(size[1]) << 20} if size else {}),
    }
