"""ReportBatch: report what became of every row of a batch."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.batches.identity import Batch, refused_row_id, results_of, upload
from core.batches.table import BatchRecord, BatchRecords
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
MAX_PROMPT = 2000  # characters of it that a report shows: the whole request is the generation's
NOT_STARTED = "not started"


@dataclass(frozen=True)
class Reported:
    """What a report says of a batch: its rows by status, and whether nothing is left to do."""

    totals: dict[str, int]
    is_complete: bool


@dataclass(frozen=True)
class ReportBatch:
    """Reports the end of a run of a batch."""

    ledger: Ledger
    records: BatchRecords
    announcer: Announcer
    s3: "S3Client"

    def report(self, batch: Batch) -> Reported:
        """Write the report, announce it, and record that the run has ended."""
        announced, is_complete = self._written(batch, self.records.find(batch.batch_id))
        self.announcer.announce_batch(announced)
        self.records.ended(batch.batch_id, batch.revision, batch.run, is_complete=is_complete)
        return Reported(announced["totals"], is_complete)

    def _written(self, batch: Batch, record: BatchRecord | None) -> tuple[dict[str, Any], bool]:
        """Write report.csv and report.jsonl, every row once, in order.

        Return what to announce, and whether nothing is left to do. However many rows there are, only a few are in
        memory at a time.
        """
        statuses: Counter[str] = Counter()
        credits_used = 0
        cancelled = record is not None and record.is_cancelled(batch.revision)
        # A run that ends after a newer content has come does not replace that one's results.
        is_latest = record is None or record.revision == batch.revision
        results = batch.results if is_latest else f"{results_of(batch.batch_id)}/{batch.staged}"
        rows = _Rows(batch, self.ledger, self.s3, cancelled, record.held_back if record and is_latest else None)
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
                upload(self.s3, file, batch.bucket, key, kind)
                uris[suffix] = f"s3://{batch.bucket}/{key}"
        announced = {
            "version": "1",
            "batch_id": batch.batch_id,
            "name": batch.name,
            "revision": batch.revision,
            "owner": batch.owner,
            "source": {"kind": "s3", "ref": batch.source_ref},
            "totals": {
                "rows": batch.rows,
                "completed": statuses[Status.COMPLETED],
                "failed": batch.rows - statuses[Status.COMPLETED],
                "made_before": batch.made_before,
            },
            "credits_used": credits_used,
            "usd": usd(credits_used),
            "held_back": record.held_back if record else None,
            "report": uris,
        }
        ended = statuses[Status.COMPLETED] + statuses[Status.ERROR]
        return announced, ended + (statuses[NOT_STARTED] if cancelled else 0) == batch.rows


@dataclass(frozen=True)
class _Rows:
    """The rows of a report; `because` is why some were not started, if that is known."""

    batch: Batch
    ledger: Ledger
    s3: "S3Client"
    cancelled: bool
    because: str | None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return every row in order, read by its id: as the index has it, or, since that may lag, as it was staged."""
        batch = self.batch
        found = Lists(self.ledger).batch_rows(batch.batch_id, batch.revision)
        known = next(found, None)
        lines = _staged_ids(batch, self.s3)
        for first in range(1, batch.rows + 1, AT_ONCE):
            ids: dict[int, list[str]] = {}
            for number in range(first, min(first + AT_ONCE, batch.rows + 1)):
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


def _staged_ids(batch: Batch, s3: "S3Client") -> Iterator[list[str]]:
    """The ids that each row may have, as they were staged; none where they are not there any more."""
    try:
        body = s3.get_object(Bucket=batch.bucket, Key=batch.rows_key)["Body"]
    except s3.exceptions.NoSuchKey:
        return
    for line in body.iter_lines():
        try:
            yield _ids_of(json.loads(line), batch)
        except (ValueError, TypeError, KeyError, RecursionError):
            yield []  # somebody wrote over it: the batch is reported all the same, by what is recorded


def _ids_of(staged: Mapping[str, Any], batch: Batch) -> list[str]:
    ids = [staged["generation_id"]] if "generation_id" in staged else []
    if "problem" in staged:
        ids.append(refused_row_id(batch.batch_id, staged["row"], staged["problem"]))
    return ids


def as_row(number: int, generation: Generation) -> dict[str, Any]:
    """A row of the report: what became of it."""
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
    """A row of the report of which there is no generation, `because` a budget has no room for it if that is told."""
    error = (
        f"{because} Send the file again to go on." if because else "The batch did not get to it: send the file again."
    )
    error = "The batch was cancelled before it." if cancelled else error
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "row": number, "tags": [], "generation_id": generation_id}
    return {**row, "status": NOT_STARTED, "error": error}


def as_csv(rows: list[dict[str, Any]], *, with_header: bool) -> str:
    """Rows of the report as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    if with_header:
        writer.writeheader()
    writer.writerows(map(as_cells, rows))
    return text.getvalue()


def as_cells(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the report for a spreadsheet."""
    return harmless({**row, "tags": ", ".join(row["tags"] or [])})
