"""What the API answers about batches, as frozen dataclasses. Unknown fields are ignored; `raw` has them all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptreel.generation import Failure

ENDED = ("completed", "cancelled", "stopped", "error")


@dataclass(frozen=True)
class OtherBatch:
    """A batch that has made rows of a file: its id, its name, and how many."""

    id: str
    name: str
    rows: int


@dataclass(frozen=True)
class Problem:
    """Why a row is not allowed; `row` counts from 1, `line` is where it begins in the file."""

    row: int
    line: int
    message: str


@dataclass(frozen=True)
class BatchCheck:
    """What a file holds, and how much of it was made before, by the batch of its name or by another."""

    id: str
    name: str
    rows: int
    problem_rows: int
    problems: tuple[Problem, ...]  # the first thousand
    made_before: int
    failed_before: int
    made_elsewhere: OtherBatch | None
    estimated_usd: float | None  # of the rows that would be made
    at_most_usd: float | None  # what budgets hold for them
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "BatchCheck":
        """The check in the API's answer."""
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
            raw=raw,
        )


@dataclass(frozen=True)
class Batch:
    """A file of requests under its name, as it stood when it was asked for."""

    id: str
    name: str
    status: str  # reading, running, completed, cancelled, stopped, error
    revision: int  # which content of the file it is, from 1
    rows: int | None
    made_before: int | None  # rows that an earlier run had made
    counts: Mapping[str, int] | None  # rows by status: not_started, queued, generating, completed, error; None in lists
    error: Failure | None
    sha256: str | None  # of the file that was read last
    created_at: str | None
    held_back: str | None  # why rows were not begun: a budget has no room for them
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing runs; a new revision or a retry may run again."""
        return self.status in ENDED

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Batch":
        """The batch in the API's answer."""
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
            raw=raw,
        )


@dataclass(frozen=True)
class ReportRow:
    """What became of a row, as it is now."""

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
        """The row in the API's answer."""
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
