"""A staged row: one line of rows.jsonl, which the batch's execution hands to AcceptRow."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from core.generation import NO_LABEL, BatchRow, Label, Webhook
from core.stored import part


class Span(NamedTuple):
    """Where a line is in rows.jsonl, in bytes."""

    first: int
    length: int


@dataclass(frozen=True)
class StagedRow:
    """A row with everything that AcceptRow needs. It does not name a run, because retries use it again."""

    batch_id: str
    number: int  # from 1
    revision: int
    owner: str
    source_ref: str  # s3://bucket/key of the file
    generation_id: str  # of the row's first attempt
    request: dict[str, Any]  # valid when the file was read, unless the row already had a generation
    label: Label = NO_LABEL
    needs: Mapping[str, Span] = field(default_factory=dict)  # rows whose videos it uses, by their generation ids
    rows_key: str | None = None  # of the file that it is a line of, if it needs others

    def place(self, run: int = 0) -> BatchRow:
        """Return where the row is: its batch, number and revision, and the number of the run that starts it."""
        return BatchRow(self.batch_id, self.number, self.revision, run)

    def to_line(self) -> bytes:
        """Return the line of rows.jsonl. Empty values are left out."""
        line = {
            "batch_id": self.batch_id,
            "row": self.number,
            "generation_id": self.generation_id,
            "revision": self.revision,
            "owner": self.owner,
            "source_ref": self.source_ref,
            "name": self.label.name,
            "tags": self.label.tags,
            "webhook": self.label.webhook and asdict(self.label.webhook),
            "request": self.request,
            "needs": self.needs,
            "rows_key": self.rows_key,
        }
        return json.dumps({key: value for key, value in line.items() if value}, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> "StagedRow":
        """Return the row of a parsed line.

        Raise `KeyError`, `TypeError` or `AttributeError` for anything else that was put in the file.
        """
        webhook = line.get("webhook")
        return cls(
            batch_id=line["batch_id"],
            number=line["row"],
            revision=line.get("revision", 0),
            owner=line["owner"],
            source_ref=line["source_ref"],
            generation_id=line["generation_id"],
            request=line.get("request", {}),
            label=Label(line.get("name"), tuple(line.get("tags", ())), part(Webhook, webhook) if webhook else None),
            needs={generation_id: Span(*span) for generation_id, span in line.get("needs", {}).items()},
            rows_key=line.get("rows_key"),
        )
