"""ReportBatch: report the outcome of every row of a batch."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.archive.retention import KEEP_ALL, Retention
from core.batches.record import NOT_STARTED, Batch
from core.batches.rejection import MAX_PROMPT, Rejection
from core.batches.replacement import shown_attempt
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
FOR_EXCEL = "\ufeff"  # a byte-order mark: Excel reads a CSV as UTF-8 only after it


@dataclass(frozen=True)
class Reported:
    """The totals of a report, whether all rows have ended, and whether the run stopped because of rejected rows."""

    totals: dict[str, int]
    is_complete: bool
    has_stopped: bool


@dataclass(frozen=True)
class ReportBatch:
    """Reports the end of a run of a batch."""

    ledger: Ledger
    records: BatchRecords
    announcer: Announcer
    s3: "S3Client"

    def report(self, run_id: str, bucket: str) -> Reported:
        """Write the report of a run to the bucket, announce it, and record that the run has ended."""
        run = self.records.run(run_id)
        batch = self.records.get(run.batch_id)
        announced, is_complete = self._written(run, batch, bucket)
        self.announcer.announce_batch(announced)
        self.records.ended(run_id, is_complete=is_complete)
        return Reported(announced["totals"], is_complete, has_stopped=run.why_stopped is not None)

    def _written(self, run: BatchRun, batch: Batch, bucket: str) -> tuple[dict[str, Any], bool]:
        """Write report.csv and report.jsonl with every row once, in order.

        Return the announcement, and whether all rows have ended. Only a few rows are in memory at a time.
        """
        statuses: Counter[str] = Counter()
        credits_used = 0
        is_cancelled = run.number <= batch.record.cancelled_run
        folders = self._folders(run, batch)
        rows = ReportRows(run, self.ledger, self.records, is_cancelled=is_cancelled)
        with tempfile.TemporaryFile() as table, tempfile.TemporaryFile() as lines:
            text = io.TextIOWrapper(table, encoding="utf-8", newline="", write_through=True)
            text.write(FOR_EXCEL)
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            for row in rows.from_staged(self.s3, bucket):
                statuses[row["status"]] += 1
                credits_used += row["credits_used"] or 0
                writer.writerow(as_cells(row))
                lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            text.detach()
            uris = {}
            for suffix, file, kind in (("csv", table, "text/csv"), ("jsonl", lines, "application/jsonl")):
                for folder in folders:
                    upload(self.s3, file, bucket, f"{folder}/report.{suffix}", kind)
                uris[suffix] = f"s3://{bucket}/{folders[0]}/report.{suffix}"
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
            "held_back": run.why_not_started,
            "report": uris,
        }
        ended = statuses[Status.COMPLETED] + statuses[Status.ERROR]
        return announced, ended + (statuses[NOT_STARTED] if is_cancelled else 0) == run.rows

    def _folders(self, run: BatchRun, batch: Batch) -> list[str]:
        """Return the folders of the report, first the one that is announced.

        Each revision has a folder, and the latest report is also in the folder of the batch. A run that ends after a
        later run of its revision has begun does not overwrite the results of that run.
        """
        if batch.run is not None and batch.run.id == run.id:
            return [run.results_of_revision, run.results]
        runs = self.records.runs([batch.record], batch.record.run).get(run.batch_id, [])
        last = next((one for one in runs if one.revision == run.revision), None)
        return [run.results_of_revision if last and last.id == run.id else run.results_apart]


@dataclass(frozen=True)
class ReportRows:
    """The present rows of a report, by the rule of `replacement`."""

    run: BatchRun
    ledger: Ledger
    records: BatchRecords
    is_cancelled: bool
    has_ended: bool = True  # whether a row that is not started will not start in this run
    retention: Retention = KEEP_ALL

    def from_staged(self, s3: "S3Client", bucket: str) -> Iterator[dict[str, Any]]:
        """Yield every row in order. Rows that the index does not have yet are found by the ids of the staged rows."""
        recorded = Lists(self.ledger).batch_rows(self.run.batch_id, self.run.revision)
        places = (_InOrder(recorded), _InOrder(_staged_ids(self.run, s3, bucket)))
        for first in range(1, self.run.rows + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, self.run.rows + 1))
            ids = {number: [place.at(number) for place in places] for number in numbers}
            yield from self._rows({number: one or other for number, (one, other) in ids.items()})

    def from_index(self, after: int, last: int) -> Iterator[dict[str, Any]]:
        """Yield the rows between two numbers, `after` exclusive, in order."""
        recorded = _InOrder(Lists(self.ledger).batch_rows(self.run.batch_id, self.run.revision, after=after))
        for first in range(after + 1, last + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, last + 1))
            yield from self._rows({number: recorded.at(number) for number in numbers})

    def from_ids(self, ids: Mapping[int, str], after: int, last: int) -> Iterator[dict[str, Any]]:
        """Yield the rows between two numbers as `from_index` does, by the ids of their first attempts."""
        for first in range(after + 1, last + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, last + 1))
            yield from self._rows({number: ids.get(number) for number in numbers})

    def _rows(self, ids: Mapping[int, str | None]) -> Iterator[dict[str, Any]]:
        """Yield rows by their numbers. `ids` has an attempt of each, or None if none is known."""
        found = self.ledger.find([one for one in ids.values() if one])
        attempts = {number: shown_attempt(found.get(one or ""), self._find) for number, one in ids.items()}
        current = {number: one for number, one in attempts.items() if one}
        rejections = self.records.rejections(self.run, [number for number in ids if number not in current])
        for number, generation_id in ids.items():
            if number in current:
                yield as_row(number, self.retention.seen(current[number], self.ledger.now()))
            elif generation_id in found and found[generation_id] is None:
                yield _deleted(number, generation_id)
            elif number in rejections:
                yield _rejected(rejections[number])
            else:
                yield self._not_started(number, generation_id)

    def _find(self, generation_id: str) -> Generation | None:
        return self.ledger.find([generation_id]).get(generation_id)

    def _not_started(self, number: int, generation_id: str | None) -> dict[str, Any]:
        """Return the row of a report for a row that has no attempt and was not rejected."""
        if self.run.is_complete and not self.is_cancelled:
            return _deleted(number, generation_id)
        error: str | None = "The batch ended before this row. Send the file again."
        if self.run.why_not_started:
            error = f"{self.run.why_not_started} Send the file again to continue."
        if self.is_cancelled:
            error = "The batch was cancelled before this row."
        return {**_blank(number, generation_id), "status": NOT_STARTED, "error": error if self.has_ended else None}


class _InOrder:
    """Numbered values in ascending order, which can be read only in ascending order."""

    def __init__(self, values: Iterator[tuple[int, str]]) -> None:
        self._values = values
        self._next = next(values, None)

    def at(self, number: int) -> str | None:
        """Return the first value with this number, or None."""
        while self._next and self._next[0] < number:
            self._next = next(self._values, None)
        return self._next[1] if self._next and self._next[0] == number else None


def _staged_ids(run: BatchRun, s3: "S3Client", bucket: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each staged row with the id of its first attempt, or nothing if the rows have expired."""
    try:
        body = s3.get_object(Bucket=bucket, Key=run.rows_key)["Body"]
    except s3.exceptions.NoSuchKey:
        return
    for line in body.iter_lines():
        try:
            row = StagedRow.from_line(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # the staged file was overwritten; the report still has the row if the index lists it
        yield row.number, row.generation_id


def _blank(number: int, generation_id: str | None) -> dict[str, Any]:
    return {**dict.fromkeys(COLUMNS), "row": number, "tags": [], "generation_id": generation_id}


def _deleted(number: int, generation_id: str | None) -> dict[str, Any]:
    return {**_blank(number, generation_id), "status": str(Status.ERROR), "error": "Its owner deleted it."}


def _rejected(rejection: Rejection) -> dict[str, Any]:
    """Return the row of a report for a row that was rejected. It has no generation."""
    known = {"name": rejection.name, "tags": list(rejection.tags), "prompt": rejection.prompt}
    return {**_blank(rejection.number, None), **known, "status": str(Status.ERROR), "error": str(rejection.error)}


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


def as_csv(rows: list[dict[str, Any]], *, with_header: bool) -> str:
    """Return rows of a report as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    if with_header:
        text.write(FOR_EXCEL)
        writer.writeheader()
    writer.writerows(map(as_cells, rows))
    return text.getvalue()


def as_cells(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a report with cells that are safe in a spreadsheet."""
    return harmless({**row, "tags": ", ".join(row["tags"] or [])})
