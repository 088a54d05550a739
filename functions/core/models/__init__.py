"""The available models: data that `make models` writes from the provider's reference.

`index.json` is small and has every model's vendor, kind and title. `catalogue/` has a file for each model, which is
read only when needed. A new model needs no other change.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

KINDS = ("text-to-video", "image-to-video", "video-to-video", "audio-to-video")
MEDIA = ("image", "video", "audio")
CDN = "cdn.aimlapi.com"  # the provider's
ANY = "*"  # as a passed-through model

# Required in every request, and the only check for a passed-through model.
ANY_MODEL: Schema = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {"model": {"type": "string"}, "prompt": {"type": "string", "pattern": "\\S"}},
}

_HERE = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")  # of a model that has a file


@dataclass(frozen=True)
class Input:
    """A field for the URL of an image, an audio file or a video."""

    field: str  # such as `elements[].video_url`: `[]` follows the name of a list
    media: tuple[str, ...]  # of image, video and audio
    required: bool
    media_types: tuple[str, ...] = ()  # the allowed ones; empty if the reference names none
    max_bytes: int | None = None


@dataclass(frozen=True)
class Field:
    """A field of a request that the schema does not have, with the parameters that it has at this place."""

    path: str  # such as `elements.0.colour`
    name: str
    value: Any
    parameters: Collection[str]


@dataclass(frozen=True)
class Model:
    """A model of the provider. A passed-through model has no vendor, kind or schema."""

    name: str
    title: str
    vendor: str | None = None
    kind: str | None = None  # one of KINDS, after its required input
    is_offered: bool = True  # False for a model that nobody has named in the settings
    read: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False, compare=False)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Return the content of the model's file in the catalogue."""
        return self.read()

    @property
    def schema(self) -> Schema | None:
        """Return the JSON Schema of the model's requests, or None for a passed-through model."""
        return self.facts.get("schema")

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return the fields for files and videos."""
        return _inputs(self.facts)

    @property
    def media(self) -> list[str]:
        """Return the media that a request may refer to, of image, video and audio."""
        found = {medium for one in self.inputs for medium in one.media}
        return [medium for medium in MEDIA if medium in found]

    @property
    def seconds(self) -> int | None:
        """Return how long the model takes for a video, in seconds, or None if the reference does not say."""
        return self.facts.get("seconds")

    def unknown(self, request: Mapping[str, Any]) -> list[Field]:
        """Return the fields that the schema does not have: without a schema, all except `model` and `prompt`."""
        return list(_unknown(request, self.schema or {**ANY_MODEL, "additionalProperties": False}, ""))

    def unchecked(self, request: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the paths of the fields that the provider gets unchecked: see core.models.unchecked.

        `model` is one of them if the deployment does not offer the model.
        """
        return (*(() if self.is_offered else ("model",)), *(field.path for field in self.unknown(request)))


def _unknown(value: Any, schema: Schema, path: str) -> Iterator[Field]:
    if isinstance(value, dict) and "properties" in schema:
        parameters = schema["properties"]
        for name, inner in value.items():
            if name in parameters:
                yield from _unknown(inner, parameters[name], f"{path}{name}.")
            elif schema.get("additionalProperties") is False:
                yield Field(path + name, name, inner, parameters)
    elif isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _unknown(inner, schema["items"], f"{path}{number}.")


@cache
def known() -> Mapping[str, Model]:
    """Return all models of the catalogue by name."""
    index = json.loads((_HERE / "index.json").read_text("utf-8"))
    return {name: Model(name, read=_reader(name), **facts) for name, facts in index.items()}


def _reader(name: str) -> Callable[[], Mapping[str, Any]]:
    return lambda: _facts(name)


@cache
def _facts(name: str) -> Mapping[str, Any]:
    """Return the content of the model's file in the catalogue, or an empty mapping. This does not need the index."""
    file = _HERE / "catalogue" / file_name(name)
    if not _NAME.fullmatch(name) or not file.is_file():
        return {}
    facts: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return facts if facts["name"] == name else {}


def file_name(name: str) -> str:
    """Return the name of a model's file, without slashes."""
    return name.replace("/", ".") + ".json"


def _inputs(facts: Mapping[str, Any]) -> tuple[Input, ...]:
    return tuple(
        Input(
            field=one["field"],
            media=tuple(one["media"]),
            required=one["required"],
            media_types=tuple(one.get("media_types", ())),
            max_bytes=one.get("max_bytes"),
        )
        for one in facts.get("inputs", ())
    )


def inputs_of(name: str) -> tuple[Input, ...]:
    """Return the model's fields for files and videos."""
    return _inputs(_facts(name))


def hosts_of(name: str) -> tuple[str, ...]:
    """Return the hosts of this model's videos, each a name, or `*.` and a domain that belongs to one vendor.

    A deployment may allow more: see `core.archive.download.Allowed`.
    """
    return tuple(_facts(name).get("hosts", (CDN,)))


def containers_of(name: str) -> tuple[str, ...]:
    """Return the file extensions of the model's videos: see core.archive.containers."""
    return tuple(_facts(name).get("containers", ("mp4",)))


class Models:
    """The offered models by name. If `passes_unknown`, requests may also name models that are not in the catalogue."""

    def __init__(self, models: Iterable[Model], *, passes_unknown: bool = False) -> None:
        self._by_name = {model.name: model for model in models}
        self.passes_unknown = passes_unknown

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def vendors(self) -> list[str]:
        """Return the vendors of the models."""
        return sorted({model.vendor for model in self if model.vendor})

    def get(self, name: object) -> Model | None:
        """Return the offered model of this name, or None."""
        return self._by_name.get(name) if isinstance(name, str) else None

    def requested(self, name: object) -> Model | None:
        """Return the model of a request: an offered one, or an unknown one that is passed through; otherwise None."""
        if offered_ := self.get(name):
            return offered_
        is_unknown = isinstance(name, str) and name not in known() and _NAME.fullmatch(name)
        return Model(str(name), str(name), is_offered=False) if is_unknown and self.passes_unknown else None


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of the names, compared with and without its vendor, or None if no name is similar."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name, which is rare

    forms = {form.lower(): full for full in names for form in (full.rpartition("/")[2], full)}
    whole = name[:100].lower()
    found = get_close_matches(whole.rpartition("/")[2], forms, n=1) or get_close_matches(whole, forms, n=1)
    return forms[found[0]] if found else None


def offered(allowed: Collection[str] = (), passed_through: Collection[str] = ()) -> Models:
    """Return the models that a deployment offers: all known or only the allowed ones, and the passed-through ones.

    `*` among the passed-through ones passes every model through that is not in the catalogue.
    """
    taken = {name: model for name, model in known().items() if not allowed or name in allowed}
    others = [Model(name, name) for name in passed_through if name not in taken and name != ANY]
    return Models([*taken.values(), *others], passes_unknown=ANY in passed_through)
