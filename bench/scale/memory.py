"""Measure the memory of the functions of a batch, each in a fresh process.

They run the shipped code on a fake S3 and DynamoDB that generates rows on demand and stores none. The
result is the peak memory of the process above its level before the first row.
"""

import io
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from core.batches.dropped_file import DroppedFile, FileIntake
from core.batches.executions import BatchExecutions
from core.batches.record import Batch, BatchRecord, Content
from core.batches.rejection_limit import RejectionLimit
from core.batches.report import ReportBatch
from core.batches.run import BatchRun
from core.batches.staged_row import StagedRow
from core.batches.staging import Staging
from core.batches.start import BatchStart
from core.batches.table import BatchRecords
from core.intake.accept import Intake
from core.models import offered
from core.records.ledger import Ledger
from core.records.table import write

PROMPT = "A lighthouse in a storm, seen from the sea, waves breaking over the rocks, at dusk. " * 3
PAGE_ROWS = 1000  # of one query response: 1 MiB holds about this many


def measure(function: str, rows: int) -> dict[str, Any]:
    """Return the MiB above the idle process, and the seconds."""
    command = [sys.executable, "-c", "from bench.scale import memory; memory.main()", function, str(rows)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


class _S3:
    """An S3 that reads a file of `rows` rows and accepts any upload."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"ContentLength": 1, "Metadata": {}, "LastModified": datetime.now(UTC), "Body": self}

    def iter_lines(self) -> Iterator[bytes]:
        for number in range(1, self._rows + 1):
            request = {"model": "veo2", "prompt": PROMPT, "seed": number}
            yield StagedRow(
                "b" * 32, number, 1, "ann", "s3://prompts/a.jsonl", f"{number:032x}", request=request
            ).to_line()

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        chunk = b""
        for number in range(self._rows):
            chunk += json.dumps({"model": "veo2", "prompt": PROMPT, "seed": number}).encode() + b"\n"
            if len(chunk) > size:
                yield chunk
                chunk = b""
        yield chunk

    def __getattr__(self, name: str) -> Any:
        """Use boto3's client for everything else; its requests are answered in this process."""
        return getattr(_client(), name)


@cache
def _client() -> Any:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    client.meta.events.register("before-send.s3", _answer)
    return client


def _answer(request: Any, **_: Any) -> Any:
    """Return S3's response to an upload after reading it."""
    while hasattr(request.body, "read") and request.body.read(1 << 16):
        continue
    xml = b""
    if "uploads" in request.url:
        xml = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    elif request.method == "POST":
        xml = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
    headers: Any = {"ETag": '"e"'}
    return AWSResponse(request.url, 200, headers, _Raw(xml))


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class _DynamoDB:
    """A table that contains a whole batch, all of it completed."""

    def __init__(self, batch_id: str, rows: int) -> None:
        self._batch_id, self._rows, self._asked = batch_id, rows, 0

    def get_paginator(self, _name: str) -> "_DynamoDB":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for first in range(1, self._rows + 1, PAGE_ROWS):
            yield {"Items": [self._item(row) for row in range(first, min(first + PAGE_ROWS, self._rows + 1))]}

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def put_item(self, **_: Any) -> None:
        """It is put."""

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Return rows, which must be requested in order. A new batch has none."""
        ((table, asked),) = RequestItems.items()
        if not self._batch_id:
            return {"Responses": {table: []}}
        items = []
        for key in asked["Keys"]:
            self._asked += 1
            items.append(self._item(self._asked))
            if items[-1]["generation_id"] != key["generation_id"]:
                raise AssertionError(f"Row {self._asked} is not asked for in its order.")
        return {"Responses": {table: items}}

    def _item(self, row: int) -> dict[str, Any]:
        generation_id = f"{row:032x}"
        return write(
            {
                "generation_id": generation_id,
                "owner": "ann",
                "request": json.dumps({"model": "veo2", "prompt": PROMPT, "seed": row}),
                "source": {"kind": "s3", "ref": "s3://prompts/a.jsonl"},
                "created_at": "2026-01-01T00:00:00.000Z",
                "updated_at": "2026-01-01T00:00:00.000Z",
                "status": "completed",
                "credits_used": 5_000_000,
                "rescues": 0,
                "batch_id": self._batch_id,
                "row_number": row,
                "revision": 1,
                "video": {
                    "bucket": "videos",
                    "key": f"videos/{generation_id}/video.mp4",
                    "s3_uri": f"s3://videos/videos/{generation_id}/video.mp4",
                    "content_type": "video/mp4",
                    "file_name": f"{generation_id}.mp4",
                    "size": 5_000_000,
                    "sha256": "0" * 64,
                },
            }
        )


class _Records(BatchRecords):
    """The records of one batch, which is new."""

    def find(self, _batch_id: str) -> None:
        return None

    def create(self, new: BatchRecord) -> Batch:
        self._new = new
        return Batch(new, None)

    def get(self, _batch_id: str) -> Batch:
        return Batch(self._new, None)

    def begin(self, _run: BatchRun, _content: Content | None) -> bool:
        return True

    def reject_staged(self, *_: object) -> None:
        """No row is rejected."""

    def was_read(self, *_: object) -> None:
        """It is read."""


class _StepFunctions:
    def start_execution(self, **_: Any) -> None:
        """It is started."""


def _ingest(rows: int) -> None:
    s3: Any = _S3(rows)
    nothing: Any = None
    dynamodb: Any = _DynamoDB("", rows)
    ledger = Ledger(dynamodb, "table", lambda: datetime.now(UTC))
    records: Any = _Records(dynamodb, "batches", lambda: datetime.now(UTC))
    machine: Any = _StepFunctions()
    staging = Staging(s3, "videos", ledger, nothing)
    limit = RejectionLimit(records, 2000, lambda: None)
    batches = BatchStart(staging, BatchExecutions(machine, "arn", "videos"), records, limit, max_concurrency=50)
    intake = Intake(offered((), ()), ledger, nothing, nothing, nothing)
    files = FileIntake(s3, "veo2", intake, nothing, batches)
    files.accept(DroppedFile("prompts", "a.jsonl", "etag", None), "ann")


def _report_batch(rows: int) -> None:
    at = datetime.now(UTC)
    record = BatchRecord("b" * 32, "ann", "a.jsonl", "s3://prompts/a.jsonl", at, at, run=1)
    run = BatchRun(record.batch_id, 1, 1, "ann", "a.jsonl", record.source_ref, "1-a", 50, at, rows=rows)
    dynamodb: Any = _DynamoDB(run.batch_id, rows)
    s3: Any = _S3(rows)
    ledger = Ledger(dynamodb, "table", lambda: datetime.now(UTC))
    records: Any = SimpleNamespace(
        run=lambda _: run,
        get=lambda _: Batch(record, run),
        rejections=lambda *_: {},
        ended=lambda *_, **__: None,
    )
    announcer: Any = SimpleNamespace(announce_batch=lambda _: None)
    reported = ReportBatch(ledger, records, announcer, s3).report(run.id, "videos")
    if not reported.is_complete or reported.totals["completed"] != rows:
        raise AssertionError(reported)


def main() -> None:
    """Run the function once for a few rows, so that everything is imported, and once for all rows."""
    function = {"ingest": _ingest, "report_batch": _report_batch}[sys.argv[1]]
    function(10)
    before = _peak()
    function(int(sys.argv[2]))
    sys.stdout.write(json.dumps({"mib": (_peak() - before) / 1024, "process_mib": _peak() / 1024}))


def _peak() -> int:
    """KiB, on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
