"""Store a report for each day in S3, and the work of a run that ran out of time."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.generation import iso
from core.reconciliation.books import Books
from core.reconciliation.day import DAY, FINDINGS, Kind, Line, OutOfTime, Reconciliation, bounds
from core.spreadsheet import harmless

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "reconciliation/"
WORK = f"{FOLDER}work/"
COLUMNS = tuple(Line.__annotations__)
MOST_DAYS = 7  # that are caught up on after nights without a reading


@dataclass(frozen=True)
class Reports:
    """The reports in the videos bucket.

    `<day>.csv` has a line for each finding and each charge that is still open, and `<day>.json` has the sums.
    `on_findings` is called with the number of new findings, before the report that lists them is written.
    """

    s3: "S3Client"
    bucket: str
    on_findings: Callable[[int], None]

    def reconcile(self, day: date, how: Reconciliation, until: datetime) -> dict[str, Any] | None:
        """Reconcile a day and return its sums, or None if `until` was reached first. The next run then continues."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "books"
            went_on = self._resume(day, path)
            books = Books(path)
            try:
                how.read(day, books, until)
                sums = self._write(day, how, how.judged(day, books))
            except Exception as error:
                books.close()
                with path.open("rb") as file:
                    self.s3.put_object(Bucket=self.bucket, Key=_work_key(day), Body=file)
                if isinstance(error, OutOfTime):
                    return None
                raise
            books.close()
        if went_on:
            self.s3.delete_object(Bucket=self.bucket, Key=_work_key(day))
        return sums

    def due(self, now: datetime, late: timedelta) -> list[date]:
        """Return the days to reconcile, oldest first.

        They are yesterday, and the days since the oldest recent report whose own report is missing, or was made while
        charges could still arrive.
        """
        yesterday = now.date() - DAY
        found = {day: sums for day in _days(yesterday - MOST_DAYS * DAY, yesterday) if (sums := self.of(day))}
        return [
            day for day in _days(min(found, default=yesterday), yesterday) if _is_due(day, found.get(day), now, late)
        ]

    def of(self, day: date) -> dict[str, Any] | None:
        """Return the sums of a day, or None if it was not reconciled."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=_key(day, "json"))
        except self.s3.exceptions.NoSuchKey:
            return None
        sums: dict[str, Any] = json.loads(answer["Body"].read())
        return sums

    def _write(self, day: date, how: Reconciliation, lines: Iterable[Line]) -> dict[str, Any]:
        counts = {kind: {"count": 0, "credits": 0} for kind in Kind}
        with tempfile.TemporaryFile() as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            for line in lines:
                counts[line.kind]["count"] += 1
                counts[line.kind]["credits"] += line.charged_credits if line.kind is Kind.ADDS_UP else line.credits
                if line.kind not in (Kind.ADDS_UP, Kind.OF_OTHER_KEYS):
                    writer.writerow(harmless(asdict(line)))
            text.detach()
            before = (self.of(day) or {}).get("counts", {})
            findings = sum(max(0, counts[kind]["count"] - before.get(kind, {}).get("count", 0)) for kind in FINDINGS)
            if findings:
                self.on_findings(findings)  # before the report: a crash in between then counts twice rather than never
            file.seek(0)
            self.s3.put_object(Bucket=self.bucket, Key=_key(day, "csv"), Body=file, ContentType="text/csv")
        now = how.now()
        is_open = counts[Kind.WAITING]["count"] > 0 or now < bounds(day)[1]
        sums = {
            "day": day.isoformat(),
            "made_at": iso(now),
            "is_final": not is_open,
            "adds_up": not any(counts[kind]["count"] for kind in FINDINGS),
            "counts": counts,
            "report": f"s3://{self.bucket}/{_key(day, 'csv')}",
        }
        body = json.dumps(sums, indent=1).encode()
        self.s3.put_object(Bucket=self.bucket, Key=_key(day, "json"), Body=body, ContentType="application/json")
        return sums

    def _resume(self, day: date, path: Path) -> bool:
        """Write the work of an interrupted run to `path`, and return whether there was one."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=_work_key(day))
        except self.s3.exceptions.NoSuchKey:
            return False
        with path.open("wb") as file:
            for part in answer["Body"].iter_chunks(1 << 20):
                file.write(part)
        return True


def _is_due(day: date, sums: dict[str, Any] | None, now: datetime, late: timedelta) -> bool:
    if sums is None:
        return True
    _, end = bounds(day)
    made_at = datetime.fromisoformat(sums["made_at"])
    # Either the day was not over, or some charges were missing and have had their time to arrive by now.
    return made_at < end or (not sums["is_final"] and made_at < end + late <= now)


def _days(first: date, last: date) -> list[date]:
    return [first + number * DAY for number in range((last - first).days + 1)]


def _key(day: date, suffix: str) -> str:
    return f"{FOLDER}{day.isoformat()}.{suffix}"


def _work_key(day: date) -> str:
    return f"{WORK}{day.isoformat()}"
