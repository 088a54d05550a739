"""The report of a batch: what became of every row."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.batch import Batch, row_id, upload
from core.generation import Generation, Status
from core.records.ledger import Ledger
from core.records.table import AT_ONCE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLUMNS = ("row", "prompt", "generation_id", "status", "s3_uri", "credits_used", "error")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a cell that begins so for


def report(batch: Batch, ledger: Ledger, s3: "S3Client") -> tuple[dict[str, Any], bool]:
    """Write report.csv and report.jsonl, every row once, in order: what to announce, and whether all have ended.

    A few rows are held at a time, however many there are.
    """
    statuses: Counter[str] = Counter()
    credits_used = 0
    with tempfile.TemporaryFile() as table, tempfile.TemporaryFile() as lines:
        text = io.TextIOWrapper(table, encoding="utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        for row in _rows(batch, ledger):
            statuses[row["status"]] += 1
            credits_used += row["credits_used"] or 0
            writer.writerow({name: _cell(value) for name, value in row.items()})
            lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        text.detach()
        uris = {}
        for suffix, file, kind in (("csv", table, "text/csv"), ("jsonl", lines, "application/jsonl")):
            key = f"{batch.results}/report.{suffix}"
            upload(s3, file, batch.bucket, key, kind)
            uris[suffix] = f"s3://{batch.bucket}/{key}"
    announced = {
        "version": "1",
        "batch_id": batch.batch_id,
        "owner": batch.owner,
        "source": {"kind": "s3", "ref": batch.source_ref},
        "totals": {
            "rows": batch.rows,
            "completed": statuses[Status.COMPLETED],
            "failed": batch.rows - statuses[Status.COMPLETED],
        },
        "credits_used": credits_used,
        "report": uris,
    }
    return announced, statuses[Status.COMPLETED] + statuses[Status.ERROR] == batch.rows


def _rows(batch: Batch, ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Every row in order."""
    for first in range(1, batch.rows + 1, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, batch.rows + 1))
        found = ledger.find([row_id(batch.batch_id, number) for number in numbers])
        yield from (_row(number, batch, found) for number in numbers)


def _row(number: int, batch: Batch, found: Mapping[str, Generation | None]) -> dict[str, Any]:
    generation_id = row_id(batch.batch_id, number)
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "row": number, "generation_id": generation_id}
    if generation_id not in found:
        return {**row, "status": "not started", "error": "The batch did not get to it: drop the file again."}
    generation = found[generation_id]
    if generation is None:
        return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
    return {
        **row,
        "prompt": generation.request.get("prompt"),
        "status": str(generation.status),
        "s3_uri": generation.video and generation.video.s3_uri,
        "credits_used": generation.credits_used,
        "error": generation.error and str(generation.error),
    }


def _cell(value: Any) -> Any:
    """A value that a spreadsheet shows as it is: a prompt that looks like a formula is not run as one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
