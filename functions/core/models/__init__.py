"""The models that can be asked for: data that `make models` writes from the provider's reference.

`index.json` has every model's vendor, kind and title, and is small; `catalogue/` has a file a model, which is read when
something of that model is asked for. Nothing else changes when a model is added.
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
CDN = "cdn.aimlapi.com"  # the provider's own

# What every request has, all that is asked of a model that is passed through.
ANY_MODEL: Schema = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {"model": {"type": "string"}, "prompt": {"type": "string", "pattern": "\\S"}},
}

_HERE = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")  # of a model with a file


@dataclass(frozen=True)
class Input:
    """A field that takes the URL of a picture, a sound or a video."""

    field: str  # as `elements[].video_url`: `[]` follows the name of a list
    media: tuple[str, ...]  # image, video, audio: what it may be
    required: bool
    media_types: tuple[str, ...] = ()  # those that are allowed; none where the reference is silent
    max_bytes: int | None = None


@dataclass(frozen=True)
class Model:
    """A model of the provider. One that is passed through as it comes has neither vendor nor kind, and no schema."""

    name: str
    title: str
    vendor: str | None = None
    kind: str | None = None  # one of KINDS: what it cannot do without
    read: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False, compare=False)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """All that the catalogue has of it."""
        return self.read()

    @property
    def schema(self) -> Schema | None:
        """The JSON Schema of its requests; None for one that is passed through."""
        return self.facts.get("schema")

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it takes beside words."""
        return _inputs(self.facts)

    @property
    def seconds(self) -> int | None:
        """How long a video takes, as the reference says; None where it says nothing."""
        return self.facts.get("seconds")


@cache
def known() -> Mapping[str, Model]:
    """Every model of the catalogue, by its name."""
    index = json.loads((_HERE / "index.json").read_text("utf-8"))
    return {name: Model(name, read=_reader(name), **facts) for name, facts in index.items()}


def _reader(name: str) -> Callable[[], Mapping[str, Any]]:
    return lambda: _facts(name)


@cache
def _facts(name: str) -> Mapping[str, Any]:
    """The catalogue's file of this model; empty if there is none. The index is not needed for it."""
    file = _HERE / "catalogue" / file_name(name)
    if not _NAME.fullmatch(name) or not file.is_file():
        return {}
    facts: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return facts if facts["name"] == name else {}


def file_name(name: str) -> str:
    """Of a model's file: its name, which is no path."""
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
    """What the model of this name takes beside words."""
    return _inputs(_facts(name))


def hosts_of(name: str) -> tuple[str, ...]:
    """Return the hosts of this model's videos, each a name, or `*.` and a domain that belongs to one vendor.

    A deployment may allow more: see `core.archive.download.Allowed`.
    """
    return tuple(_facts(name).get("hosts", (CDN,)))


def containers_of(name: str) -> tuple[str, ...]:
    """What its videos may be, as their files' names end: see core.archive.containers."""
    return tuple(_facts(name).get("containers", ("mp4",)))


class Models:
    """The models that can be asked for, by their names."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._by_name = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def vendors(self) -> list[str]:
        """Whose models they are."""
        return sorted({model.vendor for model in self if model.vendor})

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
    return Models([*taken.values(), *(Model(name, name) for name in passed_through if name not in taken)])
