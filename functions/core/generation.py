"""A generation: one request for one video, from its acceptance to its end."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from core.errors import GenerationFailed
from core.hold import Hold
from core.links.record import Links
from core.workflow import Run

GENERATION_ID = "^[0-9a-f]{32}$"
BEGINNING = "^[0-9a-f]{1,31}$"  # of an id, if no other id of the owner begins in the same way

IMPORT = "import"  # the kind of source of a job that was sent to the provider outside Promptreel

Clock = Callable[[], datetime]  # returns the current time with its time zone


class Status(StrEnum):
    """The status of a generation. `completed` and `error` are final, except that a rescue reopens an `error`."""

    QUEUED = "queued"  # accepted by us, not yet by the provider
    GENERATING = "generating"  # accepted by the provider
    ARCHIVING = "archiving"  # finished by the provider, but not yet stored in S3
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def ended(self) -> bool:
        return self in (Status.COMPLETED, Status.ERROR)


class Submission(StrEnum):
    """The state of the one create call. A record without it was never sent, or the provider rejected it."""

    SENDING = "sending"  # written before the call; a later invocation that finds it does not know the outcome
    SUBMITTED = "submitted"  # accepted by the provider, whose id is in the record


@dataclass(frozen=True)
class Source:
    """The origin of a request.

    `kind` is `api`, `s3`, `event` or `import`; `ref` is a request id, an object, an event id or the provider's id.
    """

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
class Facts:
    """The properties of a video that its headers name. Those that cannot be read are None."""

    width: int | None = None  # in pixels, after rotation
    height: int | None = None
    duration_ms: int | None = None
    frames_per_1000_s: int | None = None  # a whole number, as all numbers of the ledger are
    has_sound: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the form that is shown and announced, with the duration in seconds and the frames per second."""
        return {
            "width": self.width,
            "height": self.height,
            "duration": self.duration_ms and self.duration_ms / 1000,
            "frame_rate": self.frames_per_1000_s and self.frames_per_1000_s / 1000,
            "has_sound": self.has_sound,
        }


NO_FACTS = Facts()


@dataclass(frozen=True)
class ArchivedVideo:
    """The location and the verified properties of an archived video."""

    bucket: str
    key: str
    s3_uri: str
    content_type: str
    file_name: str
    size: int  # bytes
    sha256: str  # hex
    facts: Facts = NO_FACTS

    def as_dict(self) -> dict[str, Any]:
        """Return the form that is announced."""
        fields = asdict(self)
        del fields["facts"]
        return {**fields, **self.facts.as_dict()}


@dataclass(frozen=True)
class Given:
    """An input that a request refers to: either the video of a generation, or a file that is copied."""

    reference: str  # as written in the request
    generation_id: str | None = None
    key: str | None = None  # of the copy, in the videos bucket
    content_type: str | None = None
    size: int | None = None  # bytes
    etag: str | None = None  # of the file that was checked; a different file is not copied


@dataclass(frozen=True)
class Cost:
    """The estimated cost of a request in credits, as of its acceptance."""

    estimated: int
    most: int  # the highest cost of similar requests
    basis: str  # core.money.estimates


@dataclass(frozen=True)
class Webhook:
    """A URL to notify when a generation ends: see core.webhooks."""

    url: str = field(repr=False)  # may contain the owner's secrets
    events: list[str]  # `completed`, `failed` or both

    def hears_of(self, status: Status) -> bool:
        """Return whether to notify the webhook of an end with this status."""
        return ("completed" if status is Status.COMPLETED else "failed") in self.events


@dataclass(frozen=True)
class Label:
    """The owner's name and tags for a generation, and its webhook. Each tag has a different key."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    webhook: Webhook | None = None


NO_LABEL = Label()


@dataclass(frozen=True)
class BatchRow:
    """A row of a batch: its number from 1 in a revision of the batch, and the number of the run that starts it."""

    batch_id: str
    number: int
    revision: int
    run: int = 0


@dataclass(frozen=True)
class Generation:
    """One record of the ledger. Times are UTC; `request` has the form that the provider expects."""

    generation_id: str
    owner: str
    request: dict[str, Any]
    source: Source
    created_at: datetime
    updated_at: datetime
    status: Status = Status.QUEUED
    submission: Submission | None = None
    attempt: str | None = None  # the id of the latest claimed create call
    sending_since: datetime | None = None
    submitted_at: datetime | None = None
    provider_id: str | None = None
    provider_video: dict[str, Any] | None = None  # the provider's answer; its link expires
    upload: dict[str, Any] | None = None  # of a partly archived video: core.archive.store.Interrupted
    generated_at: datetime | None = None
    credits_used: int | None = None  # the provider's unit: 2,000,000 are one US dollar
    video: ArchivedVideo | None = None
    error: Failure | None = None
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    reopened_at: datetime | None = None  # by the latest rescue
    slot: int | None = None  # the number of its slot at the provider: see core.slots
    admitted_at: datetime | None = None  # when its slot was granted
    held_since: datetime | None = None  # when it was held back for lack of credits: see core.slots.shortages
    rejected_at: datetime | None = None  # when the provider last rejected it for lack of credits
    rejected_again: int = 0  # how often it was rejected although others that cost as much had been accepted since
    batch_id: str | None = None
    row_number: int | None = None  # in its batch, from 1
    revision: int | None = None  # the latest revision of its batch that contains the row
    batch_run: int | None = None  # the number of the latest run of its batch that started it
    retried_as: str | None = None  # the id of the generation that replaced it in the batch
    name: str | None = None  # chosen by its owner
    tags: list[str] | None = None  # chosen by its owner
    sent_tags: list[str] | None = None  # those of its request, once its owner has edited its name or tags
    webhook: Webhook | None = None
    unchecked: list[str] | None = None  # paths of the fields that the model's schema does not have
    given: list[Given] | None = None  # the inputs that its request refers to: see core.inputs
    cost: Cost | None = None  # only if the request was accepted
    hold: Hold | None = None  # what it takes from budgets
    video_rule: str | None = None  # the name of the rule that says how long its video is kept: core.archive.retention
    links: Links | None = None  # None until a link is made, revoked or opened
    rescues: int = 0

    @property
    def run(self) -> Run:
        """Return the latest run of the generation's workflow."""
        return Run(self.generation_id, self.rescues)

    @property
    def model(self) -> str:
        return str(self.request.get("model", ""))

    @property
    def waits_for_slot(self) -> bool:
        """Return whether the generation may be in the queue for a slot at the provider."""
        return self.status is Status.QUEUED and self.slot is None and self.submission is None

    @property
    def gave_its_slot_back(self) -> bool:
        """Return whether it needs a slot again, after it gave one back for lack of credits."""
        return self.slot is None and self.held_since is not None

    @property
    def at_provider(self) -> bool:
        """Return whether the provider has the request, or may have it, and has not said that the job ended."""
        return self.submission is not None and self.generated_at is None and not self.failed_at_provider

    @property
    def charged(self) -> int:
        """Return the cost in credits.

        If the provider may charge but has not named an amount, this is the most that such requests cost.
        """
        if self.credits_used is not None:
            return self.credits_used
        may_cost = self.submission is not None and not self.failed_at_provider
        return self.cost.most if self.cost and may_cost else 0

    @property
    def failed_at_provider(self) -> bool:
        """Return whether the provider itself failed to generate the video, which it does not charge."""
        return self.error is not None and self.error.name == GenerationFailed.__name__


@dataclass(frozen=True)
class Tombstone:
    """The remains of a deleted generation: its id, and the state of its submission."""

    generation_id: str
    submission: Submission | None = None
    sending_since: datetime | None = None
    submitted_at: datetime | None = None
    provider_id: str | None = None


def generation_id_for(owner: str, source: str, key: str | None) -> str:
    """Return the id of a request: random without a key, and otherwise derived from owner, kind of source and key.

    For the ids of a file and its rows, which do not depend on the owner, see `core.batches.identity`.
    """
    return uuid4().hex if key is None else digest(owner, f"{source}:{key}")


def digest(*parts: str) -> str:
    """Return the first 32 hex digits of a SHA-256 of these texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def fingerprint(request: dict[str, Any]) -> str:
    """Return the SHA-256 of the request, whatever the order of its fields, to recognize a repeated request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def has_tag(tags: Collection[str], wanted: str) -> bool:
    """Return whether a tag is among these. A key without a value matches every value."""
    return wanted in tags or any(tag.partition("=")[0] == wanted for tag in tags)


def replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """Return a request, or a part of one, with each text that equals a key of `texts` replaced by its value."""
    match value:
        case str():
            return texts.get(value, value)
        case list():
            return [replaced(one, texts) for one in value]
        case dict():
            return {name: replaced(one, texts) for name, one in value.items()}
    return value


def iso(time: datetime) -> str:
    """Return a time in the form of all records and messages: UTC, milliseconds, `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
