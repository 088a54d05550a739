"""What is kept of reconciliation in S3: a report a day, and what a run that is to go on has read."""

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
MOST_DAYS = 7  # that are made good after nights on which nothing could be read


@dataclass(frozen=True)
class Reports:
    """The reports in the videos bucket: `<day>.csv`, a line for what does not add up and what is still open, and
    `<day>.json`, the sums. `on_findings` hears how many findings a report has that the one before it had not, before
    that report is there."""

    s3: "S3Client"
    bucket: str
    on_findings: Callable[[int], None]

    def reconcile(self, day: date, how: Reconciliation, until: datetime) -> dict[str, Any] | None:
        """Reconcile a day: the sums, once they are written, None if `until` came first; the next run goes on then."""
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
        """The days to reconcile, the oldest first: yesterday, and since the first report of the last days those that
        have none, or one that was made when charges could still come."""
        yesterday = now.date() - DAY
        found = {day: sums for day in _days(yesterday - MOST_DAYS * DAY, yesterday) if (sums := self.of(day))}
        return [
            day for day in _days(min(found, default=yesterday), yesterday) if _is_due(day, found.get(day), now, late)
        ]

    def of(self, day: date) -> dict[str, Any] | None:
        """The sums of a day, if it was reconciled."""
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
                self.on_findings(findings)  # first: what dies in between says it again, rather than never
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
        """What a run before has read of the day, if one was interrupted."""
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
    # Made before the day was over; or some charges had not come, and by now all that are on time have.
    return made_at < end or (not sums["is_final"] and made_at < end + late <= now)


def _days(first: date, last: date) -> list[date]:
    return [first + number * DAY for number in range((last - first).days + 1)]


def _key(day: date, suffix: str) -> str:
    return f"{FOLDER}{day.isoformat()}.{suffix}"


def _work_key(day: date) -> str:
    return f"{WORK}{day.isoformat()}"
