"""A generation: one request for one video, from its acceptance to its end."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

GENERATION_ID = "^[0-9a-f]{32}$"


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

    SENDING = "sending"  # written before the call; found by a later entry, the outcome is unknown
    ACCEPTED = "accepted"  # the provider's id is in the record


@dataclass(frozen=True)
class Source:
    """Which door the request came by (`api`, `s3`, `event`) and what it was there: a request id, an object, an event
    id."""

    kind: str
    ref: str


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
    sending_since: datetime | None = None
    submitted_at: datetime | None = None
    provider_id: str | None = None
    provider_video: dict[str, Any] | None = None  # as the provider gave it; the link expires
    generated_at: datetime | None = None
    credits_used: int | None = None  # the provider's unit: 2,000,000 are one US dollar
    video: dict[str, Any] | None = None  # what is archived: see core.archive
    error: dict[str, str] | None = None  # name and message
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    reopened_at: datetime | None = None  # by the latest rescue
    place: datetime | None = None  # since when it has one of the places at the provider: see core.capacity
    batch_id: str | None = None
    row_number: int | None = None  # in its batch, from 1
    rescues: int = 0

    @property
    def execution_name(self) -> str:
        """The name of the workflow's latest execution: the id, and a number after a rescue."""
        return f"{self.generation_id}-{self.rescues}" if self.rescues else self.generation_id

    @property
    def model(self) -> str:
        return str(self.request.get("model", ""))


def new_id(owner: str, idempotency_key: str | None) -> str:
    """32 hex digits: the same for the same owner and key, else random."""
    if idempotency_key is None:
        return uuid4().hex
    return hashlib.sha256(json.dumps([owner, idempotency_key]).encode()).hexdigest()[:32]


def fingerprint(request: dict[str, Any]) -> str:
    """SHA-256 of the request, whatever the order of its fields: tells a repetition from another request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
