"""Test that the report of a batch is written while its rows are read, so its memory does not depend on their number."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import IO, Any

import pytest

from core.batches import report as batch_report
from core.batches.record import Batch, BatchRecord
from core.batches.rejection import MAX_PROMPT
from core.batches.run import BatchRun
from core.batches.staged_row import StagedRow
from core.records.ledger import Ledger
from core.records.table import write
from tests.support.generations import Clock

BATCH_ID = "b" * 32
AT = datetime(2026, 1, 1, tzinfo=UTC)
PROMPT = "a boat " * 3000  # 20 KiB
ROWS_OF_A_PAGE = 50  # DynamoDB's pages are of 1 MiB


def run_of(rows: int) -> BatchRun:
    return BatchRun(BATCH_ID, 1, 1, "ann", "a.csv", "s3://prompts/a.csv", "1-a", 4, AT, rows=rows)


def id_of(row: int) -> str:
    return f"{row:032x}"


class Table:
    """A table that generates the rows of a batch on demand."""

    def __init__(self, rows: int) -> None:
        self._rows, self._asked = rows, 0

    def get_paginator(self, _name: str) -> "Table":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for first in range(1, self._rows + 1, ROWS_OF_A_PAGE):
            rows = range(first, min(first + ROWS_OF_A_PAGE, self._rows + 1))
            yield {"Items": [self._item(row) for row in rows]}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Return rows, which must be requested in order."""
        ((table, asked),) = RequestItems.items()
        items = []
        for key in asked["Keys"]:
            self._asked += 1
            items.append(self._item(self._asked))
            if items[-1]["generation_id"] != key["generation_id"]:
                raise AssertionError(f"Row {self._asked} is not asked for in its order.")
        return {"Responses": {table: items}}

    def _item(self, row: int) -> dict[str, Any]:
        return write(
            {
                "generation_id": id_of(row),
                "owner": "ann",
                "request": json.dumps({"model": "veo2", "prompt": f"{row} {PROMPT}"}),
                "source": {"kind": "s3", "ref": "s3://prompts/a.csv"},
                "created_at": "2026-01-01T00:00:00.000Z",
                "updated_at": "2026-01-01T00:00:00.000Z",
                "status": "completed",
                "credits_used": 1,
                "rescues": 0,
                "row_number": row,
                "revision": 1,
            }
        )


class Bucket:
    """A bucket with staged rows that accepts files and records their length."""

    def __init__(self, rows: int) -> None:
        self.sizes: list[int] = []
        self._rows = rows

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": self}

    def iter_lines(self) -> Iterator[bytes]:
        for row in range(1, self._rows + 1):
            request = {"model": "veo2", "prompt": PROMPT}
            yield StagedRow(BATCH_ID, row, 1, "ann", "s3://prompts/a.csv", id_of(row), request).to_line()

    def upload(self, _s3: object, file: IO[bytes], *_: str) -> None:
        """Replace core.batches.run.upload, which needs the memory of a few parts."""
        file.seek(0)
        self.sizes.append(sum(len(chunk) for chunk in iter(lambda: file.read(1 << 16), b"")))


def report(run: BatchRun, dynamodb: Any, bucket: Any) -> batch_report.Reported:
    """Report a batch that is not announced."""
    record = BatchRecord(BATCH_ID, "ann", "a.csv", "s3://prompts/a.csv", AT, AT, run=1)
    records: Any = SimpleNamespace(
        run=lambda _: run,
        get=lambda _: Batch(record, run),
        rejections=lambda *_: {},
        ended=lambda *_, **__: None,
    )
    announcer: Any = SimpleNamespace(announce_batch=lambda _: None)
    return batch_report.ReportBatch(Ledger(dynamodb, "table", Clock()), records, announcer, bucket).report(
        run.id, "videos"
    )


def test_a_large_report_is_never_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 500
    dynamodb: Any = Table(rows)
    bucket: Any = Bucket(rows)
    monkeypatch.setattr(batch_report, "upload", bucket.upload)
    run = run_of(rows)
    tracemalloc.start()
    reported = report(run, dynamodb, bucket)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reported.is_complete
    assert reported.totals == {"rows": rows, "completed": rows, "failed": 0, "made_before": 0}
    assert min(bucket.sizes) > rows * MAX_PROMPT  # not ten times as much
    assert peak < 6 << 20


class Nothing:
    """An empty table of generations."""

    def get_paginator(self, _name: str) -> "Nothing":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"Items": []}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        return {"Responses": {}}


def test_a_batch_with_overwritten_staged_rows_is_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamodb: Any = Nothing()
    bucket: Any = Bucket(0)
    lines = [b"\xff\x00 no JSON", b"5", b"[]", b"[" * 100_000, b'{"problem": "no row"}', b'{"generation_id": "1"}']
    bucket.iter_lines = lambda: iter(lines)
    monkeypatch.setattr(batch_report, "upload", bucket.upload)
    rows = len(lines) + 1
    run = run_of(rows)
    reported = report(run, dynamodb, bucket)
    assert not reported.is_complete, "the alarm is raised, and the same file may be sent again"
    assert reported.totals == {"rows": rows, "completed": 0, "failed": rows, "made_before": 0}
    assert len(bucket.sizes) == 4, "two formats, each of the revision and of the batch"
