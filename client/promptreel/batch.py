"""Responses of the API about batches, as frozen dataclasses. `raw` has all fields, including unknown ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptreel.generation import Failure

Existing = Literal["reuse", "again", "replace"]  # what to do with rows that exist: see `Sending`
ENDED = ("completed", "cancelled", "stopped", "error")


@dataclass(frozen=True)
class OtherBatch:
    """Another batch that already has rows of a file."""

    id: str
    name: str
    rows: int


@dataclass(frozen=True)
class Problem:
    """Why a row is invalid. `row` counts from 1; `line` is where the row starts in the file."""

    row: int
    line: int
    message: str


@dataclass(frozen=True)
class BatchCheck:
    """The check of a file: its rows and problems, and the rows that this or another batch already has."""

    id: str
    name: str
    rows: int
    problem_rows: int
    problems: tuple[Problem, ...]  # the first thousand
    made_before: int  # rows that this batch has completed or is running
    failed_before: int
    made_elsewhere: OtherBatch | None
    estimated_usd: float | None  # for the rows that would run
    at_most_usd: float | None  # the amount that budgets reserve for them
    unpriced: int  # rows whose cost is unknown: both amounts count a fixed reserve for each
    unchecked: tuple[str, ...]  # fields that the models do not have, of valid rows; the first hundred
    new: int  # rows that would run
    rows_before: int  # rows of the latest revision of the batch
    dropped: int  # rows of that revision that the file does not have
    choices: tuple[Existing, ...]  # one of these must be passed as `existing`; empty if none is needed
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "BatchCheck":
        """Read the check from the API's response."""
        other = raw.get("made_elsewhere")
        return cls(
            id=raw["id"],
            name=raw["name"],
            rows=raw["rows"],
            problem_rows=raw["problem_rows"],
            problems=tuple(Problem(one["row"], one["line"], one["message"]) for one in raw["problems"]),
            made_before=raw["made_before"],
            failed_before=raw["failed_before"],
            made_elsewhere=OtherBatch(other["id"], other["name"], other["rows"]) if other else None,
            estimated_usd=raw.get("estimated_usd"),
            at_most_usd=raw.get("at_most_usd"),
            unpriced=raw.get("unpriced") or 0,
            unchecked=tuple(raw.get("unchecked") or ()),
            new=raw.get("new") or 0,
            rows_before=raw.get("rows_before") or 0,
            dropped=raw.get("dropped") or 0,
            choices=tuple(raw.get("choices") or ()),
            raw=raw,
        )


@dataclass(frozen=True)
class Revision:
    """A version of a batch's file."""

    number: int  # from 1
    rows: int
    started_at: str
    ended_at: str | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Revision":
        """Read the revision from the API's response."""
        return cls(raw["revision"], raw["rows"], raw["started_at"], raw.get("ended_at"))


@dataclass(frozen=True)
class Batch:
    """The state of a batch, a named file of requests, at the time of the call."""

    id: str
    name: str
    status: str  # reading, running, cancelling, completed, cancelled, stopped, error
    revision: int  # the version of the file, from 1
    rows: int | None
    made_before: int | None  # rows that an earlier run had completed or was running
    counts: Mapping[str, int] | None  # rows by status: not_started, queued, generating, completed, error; None in lists
    error: Failure | None
    sha256: str | None  # of the latest file that was read
    created_at: str | None
    held_back: str | None  # why rows were not started: a budget had no room, or too many rows were rejected
    rejected: int  # rows that were rejected, at no cost; their reasons are in the report
    revisions: tuple[Revision, ...]  # the latest ones, newest first
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def earlier(self) -> tuple[Revision, ...]:
        """Return the revisions before the latest one, newest first."""
        return tuple(one for one in self.revisions if 0 < one.number < self.revision)

    @property
    def ended(self) -> bool:
        """Return whether nothing is running. A new revision or a retry can start the batch again."""
        return self.status in ENDED

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Batch":
        """Read the batch from the API's response."""
        error = raw.get("error")
        return cls(
            id=raw["id"],
            name=raw["name"],
            status=raw["status"],
            revision=raw.get("revision") or 0,
            rows=raw.get("rows"),
            made_before=raw.get("made_before"),
            counts=raw.get("counts"),
            error=Failure.from_json(error) if error else None,
            sha256=raw.get("sha256"),
            created_at=raw.get("created_at"),
            held_back=raw.get("held_back"),
            rejected=raw.get("rejected") or 0,
            revisions=tuple(map(Revision.from_json, raw.get("revisions") or ())),
            raw=raw,
        )


@dataclass(frozen=True)
class ReportRow:
    """The state of a row at the time of the call."""

    row: int
    name: str | None
    tags: tuple[str, ...]
    prompt: str | None
    generation_id: str | None
    status: str
    s3_uri: str | None
    credits_used: int | None
    error: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "ReportRow":
        """Read the row from the API's response."""
        return cls(
            row=raw["row"],
            name=raw.get("name"),
            tags=tuple(raw.get("tags") or ()),
            prompt=raw.get("prompt"),
            generation_id=raw.get("generation_id"),
            status=raw["status"],
            s3_uri=raw.get("s3_uri"),
            credits_used=raw.get("credits_used"),
            error=raw.get("error"),
            raw=raw,
        )
