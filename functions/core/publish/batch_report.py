"""The report of a batch: what became of every row."""

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from core.batch import Batch, row_id
from core.errors import Deleted, NotFound
from core.generation import Generation, Status
from core.records.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLUMNS = ("row", "prompt", "generation_id", "status", "s3_uri", "credits_used", "error")


def report(batch: Batch, ledger: Ledger, s3: "S3Client") -> tuple[dict[str, Any], bool]:
    """Write report.csv and report.jsonl, every row once, in order: what to announce, and whether all have ended.

    A row that the index does not show as ended is looked up by its id: the index may lag behind.
    """
    found = {g.row_number: g for g in ledger.batch(batch.batch_id) if g.status.ended}
    rows = [_reported(number, batch, found.get(number), ledger) for number in range(1, batch.rows + 1)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    as_jsonl = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    uris = {}
    for suffix, body, kind in (("csv", text.getvalue(), "text/csv"), ("jsonl", as_jsonl, "application/jsonl")):
        key = f"{batch.results}/report.{suffix}"
        s3.put_object(Bucket=batch.bucket, Key=key, Body=body.encode(), ContentType=kind)
        uris[suffix] = f"s3://{batch.bucket}/{key}"
    completed = sum(row["status"] == Status.COMPLETED for row in rows)
    announced = {
        "version": "1",
        "batch_id": batch.batch_id,
        "owner": batch.owner,
        "source": {"kind": "s3", "ref": batch.source_ref},
        "totals": {"rows": batch.rows, "completed": completed, "failed": batch.rows - completed},
        "credits_used": sum(row["credits_used"] or 0 for row in rows),
        "report": uris,
    }
    return announced, all(row["status"] in (Status.COMPLETED, Status.ERROR) for row in rows)


def _reported(number: int, batch: Batch, ended: Generation | None, ledger: Ledger) -> dict[str, Any]:
    generation_id = row_id(batch.batch_id, batch.owner, number)
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "row": number, "generation_id": generation_id}
    try:
        generation = ended or ledger.get(generation_id)
    except Deleted:
        return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
    except NotFound:
        return {**row, "status": "not started", "error": "The batch did not get to it: drop the file again."}
    return {
        **row,
        "prompt": generation.request.get("prompt"),
        "status": str(generation.status),
        "s3_uri": generation.video and generation.video.s3_uri,
        "credits_used": generation.credits_used,
        "error": generation.error and str(generation.error),
    }
