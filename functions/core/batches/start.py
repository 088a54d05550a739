"""Starting a batch: its rows are staged in S3, its record says which, then its execution is started."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count
from typing import IO, TYPE_CHECKING, Any

from core.batches.identity import Batch, Identities, RowIdentity, upload
from core.batches.prompt_file import Row
from core.batches.table import BatchRecord, BatchRecords
from core.errors import PromptreelError
from core.generation import Failure, Status, replaced
from core.inputs.files import Inputs
from core.records.ledger import Ledger
from core.records.lists import Lists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

MAX_UPLOADS = 2000  # different ones that a file's rows name
MAX_PROMPT = 2000  # characters of a refused row's prompt
_ENDED_BADLY = ("FAILED", "ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class Content:
    """What was read of a batch's file: where it is, the SHA-256 of it, when it came, and what its metadata ask for."""

    ref: str
    sha256: str
    came_at: datetime
    asked_concurrency: str  # counts if it is a number below the limit
    key_id: str | None = None  # of the API key that it was sent with


@dataclass(frozen=True)
class Batches:
    """Starts batches: their rows are put in the `bucket`, then their execution is started."""

    s3: "S3Client"
    bucket: str
    stepfunctions: "SFNClient"
    state_machine_arn: str
    max_concurrency: int  # rows of one batch at once
    ledger: Ledger
    records: BatchRecords
    inputs: Inputs
    allow_local_webhooks: bool = False

    def start(self, found: BatchRecord | None, fresh: BatchRecord, content: Content, rows: Iterable[Row]) -> None:
        """Read all rows, so that a file which breaks off starts nothing; then start one execution for all of them.

        `found` is the batch as it was when `rows` began to be read, `fresh` what it is if there is none. Raises
        `BatchChanged` where another content was faster: read it again.
        """
        record = (found or fresh).with_content(content.sha256, content.came_at)
        asked = int(content.asked_concurrency) if content.asked_concurrency.isdecimal() else 0
        batch = Batch(
            batch_id=record.batch_id,
            owner=record.owner,
            source_ref=content.ref,
            bucket=self.bucket,
            rows=0,
            max_concurrency=min(self.max_concurrency, asked or self.max_concurrency),
            name=record.name,
            revision=record.revision,
            run=record.run,
            made_before=0,
            # By its content, too: another one that is read at the same time takes itself for the same revision.
            staged=f"{record.revision}-{content.sha256[:16]}",
        )
        batch = self._staged(batch, rows)
        if record.revision and record != found:
            record = replace(
                record,
                rows=batch.rows,
                made_before=batch.made_before,
                max_concurrency=batch.max_concurrency,
                staged=batch.staged,
                source_ref=content.ref,
                key_id=content.key_id,
            )
            if not self.records.put(record, found):
                raise BatchChanged
        self.run(batch, f"{record.batch_id}-{record.run}" if record.revision else f"{record.batch_id}-{batch.staged}")

    def refused(self, found: BatchRecord | None, fresh: BatchRecord, error: PromptreelError) -> None:
        """What was sent cannot be read: the batch stays as it was, and says so."""
        record = replace(found or fresh, error=Failure(type(error).__name__, str(error)), reading_since=None)
        if not self.records.put(record, found):
            raise BatchChanged

    def again(self, record: BatchRecord) -> None:
        """Start the execution of the record's latest run, unless that runs or has succeeded."""
        batch = Batch(
            batch_id=record.batch_id,
            owner=record.owner,
            source_ref=record.source_ref,
            bucket=self.bucket,
            rows=record.rows or 0,
            max_concurrency=record.max_concurrency or self.max_concurrency,
            name=record.name,
            revision=record.revision,
            run=record.run,
            made_before=record.made_before or 0,
            staged=record.staged or "",
        )
        self.run(batch, f"{record.batch_id}-{record.run}")

    def are_staged(self, record: BatchRecord) -> bool:
        """Whether the rows of its latest revision are there: they go as prompt files go."""
        key = f"batches/{record.batch_id}/{record.staged}/rows.jsonl"
        return bool(self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("KeyCount"))

    def _staged(self, batch: Batch, rows: Iterable[Row]) -> Batch:
        """The batch with its rows in S3, and with how many there are."""
        made_before = 0
        kept: dict[str, bool] = {}
        starts = [0]  # of each line, and of the next one
        identities = Identities()
        with tempfile.TemporaryFile() as file:
            for identity, found in identified(rows, identities):
                row = self._with_uploads(found, batch, kept)
                sources = {name: identities.of(number).id_in(batch.batch_id) for name, number in row.rows.items()}
                needs = {
                    sources[name]: (starts[number - 1], starts[number] - starts[number - 1])
                    for name, number in row.rows.items()
                }
                line = _line(row, identity.id_in(batch.batch_id) if identity else None, batch, sources, needs)
                starts.append(starts[-1] + file.write(line))
            file.seek(0)
            made_before = sum(counts_as_made(status) for _, status in Lists(self.ledger).statuses(_ids(file)))
            upload(self.s3, file, batch.bucket, batch.rows_key, "application/jsonl")
        return replace(batch, rows=len(starts) - 1, made_before=made_before)

    def _with_uploads(self, row: Row, batch: Batch, kept: dict[str, bool]) -> Row:
        """The row, for which the uploads that it names are kept: it may have to wait for longer than they stay."""
        for reference in row.uploads:
            if reference not in kept and len(kept) == MAX_UPLOADS:
                return replace(row, problem=f"The rows name more than {MAX_UPLOADS} uploads: split the file.")
            if reference not in kept:
                kept[reference] = self.inputs.keep_for_batch(reference, batch.owner, batch.batch_id)
            if not kept[reference]:
                return replace(row, problem=no_upload(reference))
        return row

    def run(self, batch: Batch, name: str) -> None:
        """Start the batch's execution, unless it runs or has succeeded. One that ended badly is followed by another, in
        which each row finds what became of it before."""
        for execution in _executions(name):
            try:
                self.stepfunctions.start_execution(
                    stateMachineArn=self.state_machine_arn, name=execution, input=batch.as_input()
                )
            except self.stepfunctions.exceptions.ExecutionAlreadyExists:
                if self._status_of(execution) in _ENDED_BADLY:
                    continue
            return

    def broke_off(self, record: BatchRecord) -> bool:
        """Whether the execution of its latest run ended badly, reported or not: somebody may have aborted it."""
        status = None
        for execution in _executions(f"{record.batch_id}-{record.run}"):
            try:
                status = self._status_of(execution)
            except self.stepfunctions.exceptions.ExecutionDoesNotExist:
                break
        return status in _ENDED_BADLY

    def _status_of(self, execution: str) -> str:
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        return str(self.stepfunctions.describe_execution(executionArn=f"{arn}:{execution}")["status"])


def _executions(name: str) -> Iterator[str]:
    """Yield the names of a run's executions, one after another."""
    return (f"{name}-{number}" if number else name for number in count())


class BatchChanged(Exception):
    """The batch has changed since it was read."""


def identified(rows: Iterable[Row], identities: Identities | None = None) -> Iterator[tuple[RowIdentity | None, Row]]:
    """Each row with what it is known by, None for what is no request at all."""
    identities = identities or Identities()
    for row in rows:
        identity = None if row.asked is None else identities.next(row.asked, row.rows)
        if identity is None:
            identities.skip()
        yield identity, row


def no_upload(reference: str) -> str:
    """The problem of a row that names an upload that is not there."""
    return f"{reference} is no file of yours here: upload it again."


def counts_as_made(status: str) -> bool:
    """Whether a row in this status was made before, or is being made; `deleted` is."""
    return status != Status.ERROR


def _line(
    row: Row, generation_id: str | None, batch: Batch, sources: dict[str, str], needs: dict[str, tuple[int, int]]
) -> bytes:
    """A line of `rows_key`: the row with its request or its problem, and all that AcceptRow needs.

    `sources` are the generations that the rows become whose videos it takes, `needs` where the line of each is: its
    first byte, and how many.
    """
    line: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "row": row.number,
        "generation_id": generation_id,
        "revision": batch.revision,
        "owner": batch.owner,
        "source_ref": batch.source_ref,
        "name": row.name,
        "tags": list(row.tags),
        "webhook": row.webhook and asdict(row.webhook),
    }
    if row.problem:
        line |= {"problem": f"Line {row.line}: {row.problem}", "prompt": _shown(row)}
    else:
        names = {name: f"generation:{source}" for name, source in sources.items()}
        line |= {"request": replaced(row.request, names)}
        line |= {"needs": needs, "rows_key": batch.rows_key} if needs else {}
    return json.dumps({key: value for key, value in line.items() if value}, ensure_ascii=False).encode() + b"\n"


def _shown(row: Row) -> str | None:
    """The prompt of a row that is refused, for its owner to know it by; the request as a whole may be anything."""
    prompt = (row.asked or {}).get("prompt")
    return prompt[:MAX_PROMPT].encode("utf-8", "replace").decode() if isinstance(prompt, str) else None


def _ids(file: IO[bytes]) -> Iterator[str]:
    for line in file:
        if generation_id := json.loads(line).get("generation_id"):
            yield generation_id
