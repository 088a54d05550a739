"""ReportBatch: report the outcome of every row of a batch."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.batches.record import NOT_STARTED, BatchRecord
from core.batches.run import BatchRun, upload
from core.batches.staged_row import StagedRow
from core.batches.table import BatchRecords
from core.generation import Generation, Status
from core.money import usd
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.records.table import AT_ONCE
from core.spreadsheet import harmless

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLUMNS = ("row", "name", "tags", "prompt", "generation_id", "status", "s3_uri", "credits_used", "usd", "error")
MAX_PROMPT = 2000  # characters of a prompt in a report; the generation has the whole request


@dataclass(frozen=True)
class Reported:
    """The totals of a report, and whether all rows have ended."""

    totals: dict[str, int]
    is_complete: bool


@dataclass(frozen=True)
class ReportBatch:
    """Reports the end of a run of a batch."""

    ledger: Ledger
    records: BatchRecords
    announcer: Announcer
    s3: "S3Client"

    def report(self, run: BatchRun) -> Reported:
        """Write the report, announce it, and record that the run has ended."""
        announced, is_complete = self._written(run, self.records.find(run.batch_id))
        self.announcer.announce_batch(announced)
        self.records.ended(run.batch_id, run.revision, run.run, is_complete=is_complete)
        return Reported(announced["totals"], is_complete)

    def _written(self, run: BatchRun, record: BatchRecord | None) -> tuple[dict[str, Any], bool]:
        """Write report.csv and report.jsonl with every row once, in order.

        Return the announcement, and whether all rows have ended. Only a few rows are in memory at a time.
        """
        statuses: Counter[str] = Counter()
        credits_used = 0
        cancelled = record is not None and record.is_revision_cancelled(run.revision)
        # A run that ends after a newer revision has begun does not overwrite the results of that revision.
        is_latest = record is None or record.revision == run.revision
        results = run.results if is_latest else run.results_apart
        rows = _ReportRows(run, self.ledger, self.s3, cancelled, record.held_back if record and is_latest else None)
        with tempfile.TemporaryFile() as table, tempfile.TemporaryFile() as lines:
            text = io.TextIOWrapper(table, encoding="utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            for row in rows:
                statuses[row["status"]] += 1
                credits_used += row["credits_used"] or 0
                writer.writerow(as_cells(row))
                lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            text.detach()
            uris = {}
            for suffix, file, kind in (("csv", table, "text/csv"), ("jsonl", lines, "application/jsonl")):
                key = f"{results}/report.{suffix}"
                upload(self.s3, file, run.bucket, key, kind)
                uris[suffix] = f"s3://{run.bucket}/{key}"
        announced = {
            "version": "1",
            "batch_id": run.batch_id,
            "name": run.name,
            "revision": run.revision,
            "owner": run.owner,
            "source": {"kind": "s3", "ref": run.source_ref},
            "totals": {
                "rows": run.rows,
                "completed": statuses[Status.COMPLETED],
                "failed": run.rows - statuses[Status.COMPLETED],
                "made_before": run.made_before,
            },
            "credits_used": credits_used,
            "usd": usd(credits_used),
            "held_back": record.held_back if record else None,
            "report": uris,
        }
        ended = statuses[Status.COMPLETED] + statuses[Status.ERROR]
        return announced, ended + (statuses[NOT_STARTED] if cancelled else 0) == run.rows


@dataclass(frozen=True)
class _ReportRows:
    """The rows of a report. `because` says why some were not started, if that is known."""

    run: BatchRun
    ledger: Ledger
    s3: "S3Client"
    cancelled: bool
    because: str | None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield every row in order. Rows that the index does not have yet are found by the ids of the staged rows."""
        run = self.run
        found = Lists(self.ledger).batch_rows(run.batch_id, run.revision)
        known = next(found, None)
        lines = _staged_ids(run, self.s3)
        for first in range(1, run.rows + 1, AT_ONCE):
            ids: dict[int, list[str]] = {}
            for number in range(first, min(first + AT_ONCE, run.rows + 1)):
                while known is not None and known[0] < number:
                    known = next(found, None)
                staged = next(lines, [])
                ids[number] = [known[1]] if known is not None and known[0] == number else staged
            rows = self.ledger.find([one for which in ids.values() for one in which])
            for number, which in ids.items():
                there = next((one for one in which if one in rows), which[0] if which else None)
                yield self._row(number, there, rows)

    def _row(self, number: int, generation_id: str | None, found: Mapping[str, Generation | None]) -> dict[str, Any]:
        if generation_id is None or generation_id not in found:
            return not_started(number, generation_id, cancelled=self.cancelled, because=self.because)
        generation = found[generation_id]
        while generation is not None and generation.retried_as:
            later = self.ledger.find([generation.retried_as])
            if generation.retried_as not in later:
                return not_started(number, generation.retried_as, cancelled=self.cancelled, because=self.because)
            generation = later[generation.retried_as]
        if generation is None:
            row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "row": number, "tags": [], "generation_id": generation_id}
            return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
        return as_row(number, generation)


def _staged_ids(run: BatchRun, s3: "S3Client") -> Iterator[list[str]]:
    """Yield the ids that each row may have, in order, or nothing if the staged rows have expired."""
    try:
        body = s3.get_object(Bucket=run.bucket, Key=run.rows_key)["Body"]
    except s3.exceptions.NoSuchKey:
        return
    for line in body.iter_lines():
        try:
            row = StagedRow.from_line(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            yield []  # someone has overwritten the file: the row is reported if the index has it
            continue
        ids = [row.generation_id, row.problem and row.rejected_id(row.problem)]
        yield [one for one in ids if one]


def as_row(number: int, generation: Generation) -> dict[str, Any]:
    """Return the row of a report for a generation."""
    prompt = str(generation.request.get("prompt", ""))
    return {
        "row": number,
        "name": generation.name,
        "tags": generation.tags or [],
        "prompt": prompt if len(prompt) <= MAX_PROMPT else f"{prompt[:MAX_PROMPT]} …",
        "generation_id": generation.generation_id,
        "status": str(generation.status),
        "s3_uri": generation.video and generation.video.s3_uri,
        "credits_used": generation.credits_used,
        "usd": None if generation.credits_used is None else usd(generation.credits_used),
        "error": generation.error and str(generation.error),
    }


def not_started(
    number: int, generation_id: str | None, *, cancelled: bool, because: str | None = None
) -> dict[str, Any]:
    """Return the row of a report for a row that has no generation. `because` says why, if that is known."""
    error = "The batch ended before this row: send the file again."
    if because:
        error = f"{because} Send the file again to continue."
    if cancelled:
        error = "The batch was cancelled before this row."
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "row": number, "tags": [], "generation_id": generation_id}
    return {**row, "status": NOT_STARTED, "error": error}


def as_csv(rows: list[dict[str, Any]], *, with_header: bool) -> str:
    """Return rows of a report as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    if with_header:
        writer.writeheader()
    writer.writerows(map(as_cells, rows))
    return text.getvalue()


def as_cells(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a report with cells that are safe in a spreadsheet."""
    return harmless({**row, "tags": ", ".join(row["tags"] or [])})
