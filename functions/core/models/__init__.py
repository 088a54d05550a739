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
CDN = "cdn.aimlapi.com"  # the provider's

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
class Model:
    """A model of the provider. A passed-through model has no vendor, kind or schema."""

    name: str
    title: str
    vendor: str | None = None
    kind: str | None = None  # one of KINDS, after its required input
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
    def seconds(self) -> int | None:
        """Return how long the model takes for a video, in seconds, or None if the reference does not say."""
        return self.facts.get("seconds")


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
    """The offered models by name."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._by_name = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def vendors(self) -> list[str]:
        """Return the vendors of the models."""
        return sorted({model.vendor for model in self if model.vendor})

    def get(self, name: object) -> Model | None:
        """Return the model of this name, or None."""
        return self._by_name.get(name) if isinstance(name, str) else None


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of the names, compared with and without its vendor, or None if no name is similar."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name, which is rare

    forms = {form.lower(): full for full in names for form in (full.rpartition("/")[2], full)}
    whole = name[:100].lower()
    found = get_close_matches(whole.rpartition("/")[2], forms, n=1) or get_close_matches(whole, forms, n=1)
    return forms[found[0]] if found else None


def offered(allowed: Collection[str] = (), passed_through: Collection[str] = ()) -> Models:
    """Return the models that a deployment offers: all known or only the allowed ones, and the passed-through ones."""
    taken = {name: model for name, model in known().items() if not allowed or name in allowed}
    return Models([*taken.values(), *(Model(name, name) for name in passed_through if name not in taken)])
