"""Store a report for each day in S3, and announce its new findings."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from core.generation import Clock, iso
from core.reconciliation.day import Judged
from core.reconciliation.line import FINDINGS, Kind, Line
from core.reconciliation.reading import is_over
from core.reconciliation.shelf import FOLDER
from core.spreadsheet import harmless

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Sums = dict[str, Any]  # of a day's report

COLUMNS = tuple(field.name for field in fields(Line))
_IDENTITY = ("kind", "generation_id", "provider_id", "at", "charged_credits", "row")  # of a finding, in all reports


@dataclass(frozen=True)
class Reports:
    """The reports in the videos bucket.

    `<day>.csv` has a line for each finding and each charge that is still open, and `<day>.json` has the sums.
    `on_findings` is called with the number of findings that the previous report of the day does not have, before the
    new report is written. So after a crash in between, they are counted twice rather than never.
    """

    s3: "S3Client"
    bucket: str
    now: Clock
    on_findings: Callable[[int], None]

    def write(self, judged: Judged) -> Sums:
        """Write the report of a day, and return its sums."""
        day, now = judged.day, self.now()
        counts = {kind: {"count": 0, "credits": 0} for kind in Kind}
        known, new = self._findings(day), 0
        with tempfile.TemporaryFile() as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            for line in judged.lines:
                counts[line.kind]["count"] += 1
                counts[line.kind]["credits"] += line.charged_credits if line.kind is Kind.ADDS_UP else line.credits
                if line.kind in (Kind.ADDS_UP, Kind.OF_OTHER_KEYS):
                    continue
                row = harmless(asdict(line))
                writer.writerow(row)
                if line.kind in FINDINGS:
                    identity = _identity(row)
                    new += not known[identity]
                    known[identity] -= known[identity] > 0
            text.detach()
            if new:
                self.on_findings(new)
            file.seek(0)
            self.s3.put_object(Bucket=self.bucket, Key=_key(day, "csv"), Body=file, ContentType="text/csv")
        sums = {
            "day": day.isoformat(),
            "made_at": iso(now),
            "read_until": iso(judged.read_until),
            "is_final": is_over(day, now) and not counts[Kind.WAITING]["count"],
            "adds_up": not any(counts[kind]["count"] for kind in FINDINGS),
            "counts": counts,
            "report": f"s3://{self.bucket}/{_key(day, 'csv')}",
        }
        body = json.dumps(sums, indent=1).encode()
        self.s3.put_object(Bucket=self.bucket, Key=_key(day, "json"), Body=body, ContentType="application/json")
        return sums

    def read_until(self, day: date) -> datetime | None:
        """Return the time until which the report of a day has all charges, or None without a report."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=_key(day, "json"))
        except self.s3.exceptions.NoSuchKey:
            return None
        return datetime.fromisoformat(json.loads(answer["Body"].read())["read_until"])

    def _findings(self, day: date) -> Counter[tuple[str, ...]]:
        """Return the findings of the previous report."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=_key(day, "csv"))
        except self.s3.exceptions.NoSuchKey:
            return Counter()
        rows = csv.DictReader(io.TextIOWrapper(io.BytesIO(answer["Body"].read()), encoding="utf-8", newline=""))
        return Counter(_identity(row) for row in rows if row["kind"] in FINDINGS)


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple("" if row[name] is None else str(row[name]) for name in _IDENTITY)


def _key(day: date, suffix: str) -> str:
    return f"{FOLDER}{day.isoformat()}.{suffix}"
