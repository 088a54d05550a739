"""What the API answers with, as frozen dataclasses. Unknown fields are ignored; `raw` has them all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

ID_DIGITS = 32  # of a whole id, of a generation or a batch
CREDITS_PER_USD = 2_000_000
MP4 = ".mp4"  # what nearly every video is


@dataclass(frozen=True)
class Video:
    """The archived video; `url` is a link that works without a key for about an hour."""

    url: str = field(repr=False)  # whoever has it can use it
    content_type: str | None
    file_name: str | None
    file_size: int | None  # bytes

    @property
    def suffix(self) -> str:
        """What a file's name should end with: `.mp4`, or `.webm`, `.mov` or `.gif` of a model that makes those."""
        return PurePosixPath(self.file_name or "").suffix or MP4


@dataclass(frozen=True)
class Failure:
    """Why a generation failed; the names are in docs/errors.md."""

    name: str
    message: str
    remedy: str | None = None  # what to do about it

    def __str__(self) -> str:
        """Return the name and the message; only the message if it begins with the name."""
        return self.message if self.message.startswith(self.name) else f"{self.name}: {self.message}"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Failure":
        """Read an `error` of the API's answer."""
        return cls(str(raw.get("name")), str(raw.get("message")), raw.get("remedy"))


@dataclass(frozen=True)
class Generation:
    """One request for one video, as it stood when it was asked for."""

    id: str
    status: str  # queued, generating, completed, error
    stage: str  # the status, or finer: archiving
    video: Video | None
    error: Failure | None
    request: Mapping[str, Any]
    credits_used: int | None  # the provider's unit: 2,000,000 are one US dollar
    ahead: int | None  # of yours that are before it in the queue for a slot at the provider; None if it is not in it
    created_at: datetime | None
    submitted_at: datetime | None
    ended_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object
    tags: tuple[str, ...] = ()  # your own, each `key=value` or a word
    waits_for: tuple[str, ...] = ()  # the generations that it waits for: it takes their videos

    @property
    def usd(self) -> float | None:
        """What it costs in US dollars: as charged, or as it was estimated as long as that is not known."""
        if self.credits_used is not None:
            return self.credits_used / CREDITS_PER_USD
        cost = (self.raw.get("meta") or {}).get("cost") or {}
        actual: float | None = cost.get("actual_usd")
        return cost.get("estimated_usd") if actual is None else actual

    @property
    def ended(self) -> bool:
        """Whether it is completed or has failed: it never changes again."""
        return self.status in ("completed", "error")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Generation":
        """The generation in the API's answer; only `id` and `status` have to be there."""
        meta = raw.get("meta") or {}
        video, error = raw.get("video"), raw.get("error")
        return cls(
            id=raw["id"],
            status=raw["status"],
            stage=meta.get("stage") or raw["status"],
            video=Video(video["url"], video.get("content_type"), video.get("file_name"), video.get("file_size"))
            if video
            else None,
            error=Failure.from_json(error) if error else None,
            request=meta.get("request") or {},
            credits_used=(meta.get("usage") or {}).get("credits_used"),
            ahead=meta.get("ahead"),
            created_at=_time(meta.get("created_at")),
            submitted_at=_time(meta.get("submitted_at")),
            ended_at=_time(meta.get("ended_at")),
            raw=raw,
            tags=tuple(meta.get("tags") or ()),
            waits_for=tuple(meta.get("waits_for") or ()),
        )


@dataclass(frozen=True)
class Takes:
    """How long the latest generations of a model took at the provider."""

    median_seconds: float
    slowest_tenth_seconds: float  # one in ten takes as long, or longer
    jobs: int  # of how many this is known

    def __str__(self) -> str:
        return f"{self.median_seconds:.0f} s, one in ten {self.slowest_tenth_seconds:.0f} s or more"


@dataclass(frozen=True)
class Model:
    """A model that can be asked for.

    `vendor` and `kind` (what it cannot do without: `text-to-video`, `image-to-video`, ...) are None for one that is
    passed through as it comes. `schema`, of its requests, is there only if this one model was asked for, and None if it
    takes any.
    """

    id: str
    title: str
    vendor: str | None
    kind: str | None
    schema: Mapping[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object
    takes: Takes | None = None  # where that has been seen

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Model":
        """The model in the API's answer; only `id` and `title` have to be there."""
        takes = raw.get("takes")
        return cls(
            id=raw["id"],
            title=raw["title"],
            vendor=raw.get("vendor"),
            kind=raw.get("kind"),
            schema=raw.get("schema"),
            raw=raw,
            takes=Takes(takes["median_seconds"], takes["slowest_tenth_seconds"], takes["jobs"]) if takes else None,
        )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
