"""Responses of the API, as frozen dataclasses. `raw` has all fields, including unknown ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

ID_DIGITS = 32  # length of a full generation or batch id
CREDITS_PER_USD = 2_000_000
MP4 = ".mp4"  # the suffix of nearly every video


@dataclass(frozen=True)
class Video:
    """The archived video. `url` works without a key for about an hour, or is a short link if the key has them."""

    url: str = field(repr=False)  # hidden, because anyone who has the link can use it
    content_type: str | None
    file_name: str | None
    file_size: int | None  # bytes
    sha256: str | None = None  # as verified when it was archived
    # From the headers of its file. None if they are missing there, and for older videos.
    width: int | None = None  # pixels
    height: int | None = None
    duration: float | None = None  # seconds
    has_sound: bool | None = None
    poster_url: str | None = field(default=None, repr=False)  # a picture, made some seconds after the video: 404 before

    @property
    def suffix(self) -> str:
        """Return the suffix for the file name: `.mp4`, or for some models `.webm`, `.mov` or `.gif`."""
        return PurePosixPath(self.file_name or "").suffix or MP4

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], sha256: str | None) -> "Video":
        """Read the video from the API's response, which has the checksum in another place. Only `url` is required."""
        found: dict[str, Any] = {one.name: raw.get(one.name) for one in fields(cls)}
        return cls(**found | {"url": raw["url"], "sha256": sha256})


@dataclass(frozen=True)
class Failure:
    """Why a generation failed. See docs/errors.md for the names."""

    name: str
    message: str
    remedy: str | None = None  # what to do about it

    def __str__(self) -> str:
        """Return the name and the message; only the message if it begins with the name."""
        return self.message if self.message.startswith(self.name) else f"{self.name}: {self.message}"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Failure":
        """Read the failure from an `error` in the API's response."""
        return cls(str(raw.get("name")), str(raw.get("message")), raw.get("remedy"))


@dataclass(frozen=True)
class Generation:
    """The state of a request for a video at the time of the call."""

    id: str
    status: str  # queued, generating, completed, error
    stage: str  # like the status, but also `archiving`
    video: Video | None
    error: Failure | None
    request: Mapping[str, Any]
    credits_used: int | None  # the provider's unit: 2,000,000 credits are one US dollar
    ahead: int | None  # how many of your jobs are ahead in the queue for a slot; None if it is not queued
    created_at: datetime | None
    submitted_at: datetime | None
    ended_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object
    tags: tuple[str, ...] = ()  # your own, each `key=value` or a word
    waits_for: tuple[str, ...] = ()  # the generations whose videos it needs as inputs
    waits_for_credits: bool = False  # whether it waits because the provider account has no credits for it

    @property
    def usd(self) -> float | None:
        """Return the cost in US dollars: the charge if it is known, otherwise the estimate."""
        if self.credits_used is not None:
            return self.credits_used / CREDITS_PER_USD
        cost = (self.raw.get("meta") or {}).get("cost") or {}
        actual: float | None = cost.get("actual_usd")
        return cost.get("estimated_usd") if actual is None else actual

    @property
    def no_video(self) -> str:
        """Return why it has no video, for an error: it has not ended, or its video has expired."""
        if self.error:
            return f"Generation {self.id} has no video: {self.error.message}"
        return f"Generation {self.id} has no video yet: it is {self.stage}."

    @property
    def ended(self) -> bool:
        """Return whether it has completed or failed."""
        return self.status in ("completed", "error")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Generation":
        """Read the generation from the API's response. Only `id` and `status` are required."""
        meta = raw.get("meta") or {}
        video, error = raw.get("video"), raw.get("error")
        return cls(
            id=raw["id"],
            status=raw["status"],
            stage=meta.get("stage") or raw["status"],
            video=Video.from_json(video, meta.get("video_sha256")) if video else None,
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
            waits_for_credits=bool(meta.get("waits_for_credits")),
        )


@dataclass(frozen=True)
class Takes:
    """How long a model's latest generations took at the provider."""

    median_seconds: float
    slowest_tenth_seconds: float  # one in ten takes at least this long
    jobs: int  # the number of generations measured

    def __str__(self) -> str:
        median, slow = f"{self.median_seconds:.0f} s", f"{self.slowest_tenth_seconds:.0f} s"
        return median if slow == median else f"{median}, one in ten {slow} or more"


@dataclass(frozen=True)
class Model:
    """An available model.

    `kind` names the required input: `text-to-video`, `image-to-video` and so on. `vendor` and `kind` are None for a
    model whose requests are passed through unchecked. `schema` is the JSON Schema of its requests. It is set only by
    `Client.model`, and None for a model that accepts any request.
    """

    id: str
    title: str
    vendor: str | None
    kind: str | None
    schema: Mapping[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object
    takes: Takes | None = None  # None until generations have been measured
    media: tuple[str, ...] = ()  # of image, video and audio: what a request may refer to
    default_usd: float | None = None  # the provider's price with the default settings, if it is known

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Model":
        """Read the model from the API's response. Only `id` and `title` are required."""
        takes = raw.get("takes")
        return cls(
            id=raw["id"],
            title=raw["title"],
            vendor=raw.get("vendor"),
            kind=raw.get("kind"),
            schema=raw.get("schema"),
            raw=raw,
            takes=Takes(takes["median_seconds"], takes["slowest_tenth_seconds"], takes["jobs"]) if takes else None,
            media=tuple(raw.get("media") or ()),
            default_usd=raw.get("default_usd"),
        )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
