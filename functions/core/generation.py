"""A generation: one request for one video, from its acceptance to its end."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from core.errors import GenerationFailed
from core.workflow import Run

GENERATION_ID = "^[0-9a-f]{32}$"
BEGINNING = "^[0-9a-f]{4,31}$"  # of an id: as much as tells it from the owner's others

Clock = Callable[[], datetime]  # the time now, with its zone


class Status(StrEnum):
    """Where a generation stands. `completed` and `error` are ends and never change again."""

    QUEUED = "queued"  # accepted by us, not yet by the provider
    GENERATING = "generating"  # accepted by the provider
    ARCHIVING = "archiving"  # the provider is done, the video is not in S3 yet
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def ended(self) -> bool:
        return self in (Status.COMPLETED, Status.ERROR)


class Submission(StrEnum):
    """How far the one create call got. Absent from the record: nothing was sent, or what was sent was refused."""

    SENDING = "sending"  # written before the call; found by a later invocation, the outcome is unknown
    SUBMITTED = "submitted"  # the provider has it, and its id is in the record


@dataclass(frozen=True)
class Source:
    """Where the request came from (`api`, `s3`, `event`) and what it was there: a request id, an object, an event
    id."""

    kind: str
    ref: str


@dataclass(frozen=True)
class Failure:
    """Why a generation failed: `name` is one of the classes in core.errors, `message` one sentence for the user."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


@dataclass(frozen=True)
class ArchivedVideo:
    """Where the archived video is, and what was verified."""

    bucket: str
    key: str
    s3_uri: str
    content_type: str
    file_name: str
    size: int  # bytes
    sha256: str  # hex

    def as_dict(self) -> dict[str, Any]:
        """As it is recorded and announced."""
        return asdict(self)


@dataclass(frozen=True)
class Given:
    """What a request names by a reference: the video of a generation, or else a file, of which a copy is kept."""

    reference: str  # as it is in the request
    generation_id: str | None = None
    key: str | None = None  # of the copy, in the videos bucket
    content_type: str | None = None
    size: int | None = None  # bytes
    etag: str | None = None  # of the file that was looked at: no other is copied


@dataclass(frozen=True)
class Cost:
    """What a request costs, in credits: as it was estimated, and as it counts."""

    estimated: int
    most: int  # of what such requests cost
    basis: str  # what the estimate is by: core.money.estimates
    held: int = 0  # what budgets count for it
    day: str = ""  # of the budgets that count it, 2026-11-25
    key_id: str | None = None  # of the API key that it was asked for with
    counted: dict[str, Any] | None = None  # what the sums have of it: core.money.usage


@dataclass(frozen=True)
class Webhook:
    """Who is told of the end by HTTP: see core.webhooks."""

    url: str = field(repr=False)  # it may hold what only its owner should know
    events: list[str]  # of `completed` and `failed`

    def hears_of(self, status: Status) -> bool:
        """Whether it is told of such an end."""
        return ("completed" if status is Status.COMPLETED else "failed") in self.events


@dataclass(frozen=True)
class Label:
    """What an owner calls a generation, and the webhook to notify of its end. The tags have different keys."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    webhook: Webhook | None = None


NO_LABEL = Label()


@dataclass(frozen=True)
class BatchRow:
    """The row of a batch that a generation is. Its number counts from 1, in a revision of the batch."""

    batch_id: str
    number: int
    revision: int


@dataclass(frozen=True)
class Generation:
    """One record of the ledger. Times are UTC; `request` is as the provider takes it."""

    generation_id: str
    owner: str
    request: dict[str, Any]
    source: Source
    created_at: datetime
    updated_at: datetime
    status: Status = Status.QUEUED
    submission: Submission | None = None
    attempt: str | None = None  # names the create call that was claimed last
    sending_since: datetime | None = None
    submitted_at: datetime | None = None
    provider_id: str | None = None
    provider_video: dict[str, Any] | None = None  # as the provider gave it; the link expires
    upload: dict[str, Any] | None = None  # of a video that is archived in part: core.archive.store.Interrupted
    generated_at: datetime | None = None
    credits_used: int | None = None  # the provider's unit: 2,000,000 are one US dollar
    video: ArchivedVideo | None = None
    error: Failure | None = None
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    reopened_at: datetime | None = None  # by the latest rescue
    slot: int | None = None  # the number of its slot at the provider: see core.slots
    admitted_at: datetime | None = None  # when it was given its slot
    batch_id: str | None = None
    row_number: int | None = None  # in its batch, from 1
    revision: int | None = None  # of its batch, the latest one that has the row
    retried_as: str | None = None  # the generation that took its place in the batch
    name: str | None = None  # its user's own word for it
    tags: list[str] | None = None  # its user's own
    webhook: Webhook | None = None
    given: list[Given] | None = None  # what its request names by references: see core.inputs
    cost: Cost | None = None  # of one that was accepted
    is_awaited: bool | None = None  # others wait for its end: see core.slots
    rescues: int = 0

    @property
    def run(self) -> Run:
        """The latest run of its workflow."""
        return Run(self.generation_id, self.rescues)

    @property
    def model(self) -> str:
        return str(self.request.get("model", ""))

    @property
    def waits_for_slot(self) -> bool:
        """Whether it may be in the queue for a slot at the provider."""
        return self.status is Status.QUEUED and self.slot is None and self.submission is None

    @property
    def at_provider(self) -> bool:
        """Whether the provider has the request, or may have it, and has not said that the job ended."""
        return self.submission is not None and self.generated_at is None and not self.failed_at_provider

    @property
    def charged(self) -> int:
        """What it costs, in credits, as far as that is known: where the provider may charge and has not said what, as
        much as such requests cost."""
        if self.credits_used is not None:
            return self.credits_used
        may_cost = self.submission is not None and not self.failed_at_provider
        return self.cost.most if self.cost and may_cost else 0

    @property
    def failed_at_provider(self) -> bool:
        """Whether the provider itself failed to make the video, which it does not charge."""
        return self.error is not None and self.error.name == GenerationFailed.__name__


@dataclass(frozen=True)
class Tombstone:
    """What is left of a deleted generation: that its id was used, and what became of its submission."""

    generation_id: str
    submission: Submission | None = None
    sending_since: datetime | None = None
    submitted_at: datetime | None = None
    provider_id: str | None = None


def generation_id_for(owner: str, source: str, key: str | None) -> str:
    """The id of a request: the same for the same owner, kind of source and idempotency key; random without a key.

    Of a file and its rows see `core.batch`: what they are does not depend on whose they are.
    """
    return uuid4().hex if key is None else digest(owner, f"{source}:{key}")


def digest(*parts: str) -> str:
    """32 hex digits that stand for these texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def fingerprint(request: dict[str, Any]) -> str:
    """SHA-256 of the request, whatever the order of its fields: tells a repetition from another request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """A request, or a part of it, with other texts for those that are exactly one of these."""
    match value:
        case str():
            return texts.get(value, value)
        case list():
            return [replaced(one, texts) for one in value]
        case dict():
            return {name: replaced(one, texts) for name, one in value.items()}
    return value


def iso(time: datetime) -> str:
    """A time as all records and messages show it: UTC, milliseconds, `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
