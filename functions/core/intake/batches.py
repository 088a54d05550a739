"""Starting a batch: its rows are staged in S3, then its execution is started."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.batch import Batch, upload
from core.intake.files import Row

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_ENDED_BADLY = ("FAILED", "ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class Batches:
    """Starts batches: their rows are put in the `bucket`, then their execution is started."""

    s3: "S3Client"
    bucket: str
    stepfunctions: "SFNClient"
    state_machine_arn: str
    max_concurrency: int  # rows of one batch at once

    def start(self, batch_id: str, owner: str, source_ref: str, rows: Iterable[Row], asked_concurrency: str) -> None:
        """Read all rows, so that a file which breaks off starts nothing; then start one execution for all of them.

        `asked_concurrency` is what the file's metadata ask for, as text; it counts if it is a number below the limit.
        """
        wanted = int(asked_concurrency) if asked_concurrency.isdecimal() and int(asked_concurrency) else None
        prepared = Batch(
            batch_id=batch_id,
            owner=owner,
            source_ref=source_ref,
            bucket=self.bucket,
            rows=0,
            max_concurrency=min(self.max_concurrency, wanted or self.max_concurrency),
        )
        count = 0
        with tempfile.TemporaryFile() as file:
            for row in rows:
                file.write(_line(row, prepared))
                count += 1
            upload(self.s3, file, prepared.bucket, prepared.rows_key, "application/jsonl")
        self._start(replace(prepared, rows=count))

    def _start(self, batch: Batch) -> None:
        """Start the batch's execution, unless it runs or has succeeded. One that ended badly is followed by another, in
        which each row finds what became of it before."""
        executions = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        name, attempt = batch.batch_id, 0
        while True:
            try:
                self.stepfunctions.start_execution(
                    stateMachineArn=self.state_machine_arn, name=name, input=batch.as_input()
                )
            except self.stepfunctions.exceptions.ExecutionAlreadyExists:
                earlier = self.stepfunctions.describe_execution(executionArn=f"{executions}:{name}")
                if earlier["status"] not in _ENDED_BADLY:
                    return
                attempt += 1
                name = f"{batch.batch_id}-{attempt}"
            else:
                return


def _line(row: Row, batch: Batch) -> bytes:
    """A line of `rows_key`: the row with its request or its problem, and all that AcceptRow needs."""
    line = {"batch_id": batch.batch_id, "row": row.number, "owner": batch.owner, "source_ref": batch.source_ref}
    line |= {"problem": f"Line {row.line}: {row.problem}"} if row.problem else {"request": row.request}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
