"""A batch: many requests in one file, run by prompt_batch.asl.json, and the report of what became of them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.errors import Forgotten, NotFound
from core.files import Row
from core.generation import Generation, Status, new_id
from core.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

COLUMNS = ("row", "prompt", "generation_id", "status", "s3_uri", "credits_used", "error")
_ENDED_BADLY = ("FAILED", "ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class Batch:
    """The input of the batch's execution."""

    batch_id: str
    owner: str
    source_ref: str  # s3://bucket/key of the file
    bucket: str  # of rows and results
    rows: int
    max_concurrency: int

    @property
    def rows_key(self) -> str:
        """What the Distributed Map reads: a row a line, in JSON."""
        return f"batches/{self.batch_id}/rows.jsonl"

    @property
    def results(self) -> str:
        """Where the results are."""
        return results_of(self.batch_id)

    def as_input(self) -> str:
        """The execution's input, as JSON."""
        return json.dumps({**asdict(self), "rows_key": self.rows_key, "results": self.results})


def batch_id_of(bucket: str, key: str, etag: str) -> str:
    """The id of the batch that a file is: the same for the same place and content."""
    return new_id("batch", f"{bucket}/{key}#{etag}")


def results_of(batch_id: str) -> str:
    """Where in the videos bucket the results of a batch are."""
    return f"results/{batch_id}"


def lines(rows: Iterable[Row], batch_id: str, owner: str, source_ref: str) -> Iterator[bytes]:
    """The lines of `rows_key`: each row with its request or its problem, and all that AcceptRow needs."""
    for row in rows:
        line = {"batch_id": batch_id, "row": row.number, "owner": owner, "source_ref": source_ref}
        line |= {"problem": f"Line {row.line}: {row.problem}"} if row.problem else {"request": row.request}
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def start(batch: Batch, stepfunctions: "SFNClient", state_machine_arn: str) -> None:
    """Start the batch's execution, unless it runs or has succeeded. One that ended badly is followed by another, in
    which each row finds what became of it before."""
    executions = state_machine_arn.replace(":stateMachine:", ":execution:")
    name, attempt = batch.batch_id, 0
    while True:
        try:
            stepfunctions.start_execution(stateMachineArn=state_machine_arn, name=name, input=batch.as_input())
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            earlier = stepfunctions.describe_execution(executionArn=f"{executions}:{name}")
            if earlier["status"] not in _ENDED_BADLY:
                return
            attempt += 1
            name = f"{batch.batch_id}-{attempt}"
        else:
            return


def row_id(batch_id: str, owner: str, number: int) -> str:
    """The id of the generation that a row is."""
    return new_id(owner, f"s3:{row_key(batch_id, number)}")


def row_key(batch_id: str, number: int) -> str:
    """The idempotency key that a row is accepted under."""
    return f"{batch_id}:{number}"


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
    except Forgotten:
        return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
    except NotFound:
        return {**row, "status": "not started", "error": "The batch did not get to it: drop the file again."}
    return {
        **row,
        "prompt": generation.request.get("prompt"),
        "status": str(generation.status),
        "s3_uri": (generation.video or {}).get("s3_uri"),
        "credits_used": generation.credits_used,
        "error": generation.error and f"{generation.error['name']}: {generation.error['message']}",
    }
