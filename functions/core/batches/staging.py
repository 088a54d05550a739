"""Staging: the rows of a batch's file are written to S3, one line each, for the batch's execution."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from core.batches.identity import Identities, RowIdentity
from core.batches.prompt_file import FileRow
from core.batches.record import BatchRecord
from core.batches.run import BatchRun, rows_key, upload
from core.batches.staged_row import Span, StagedRow
from core.generation import Status, replaced
from core.inputs.files import Inputs
from core.records.ledger import Ledger
from core.records.lists import Lists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_UPLOADS = 2000  # different ones that the rows of a file name
MAX_PROMPT = 2000  # characters of a rejected row's prompt


@dataclass(frozen=True)
class Staging:
    """Writes rows to the `bucket`."""

    s3: "S3Client"
    bucket: str
    ledger: Ledger
    inputs: Inputs

    def stage(self, run: BatchRun, rows: Iterable[FileRow]) -> BatchRun:
        """Write the rows, and return the run with their number and with how many were made before.

        Nothing is written if reading the rows fails.
        """
        kept: dict[str, bool] = {}
        starts = [0]  # of each line, and of the next one
        identities = Identities()
        with tempfile.TemporaryFile() as file:
            for identity, found in identified(rows, identities):
                row = self._with_uploads(found, run, kept)
                sources = {name: identities.of(number).id_in(run.batch_id) for name, number in row.rows.items()}
                needs = {
                    sources[name]: Span(starts[number - 1], starts[number] - starts[number - 1])
                    for name, number in row.rows.items()
                }
                staged = _staged(row, run, identity)
                if staged.request is not None:
                    request = replaced(staged.request, {name: f"generation:{one}" for name, one in sources.items()})
                    staged = replace(staged, request=request, needs=needs, rows_key=run.rows_key if needs else None)
                starts.append(starts[-1] + file.write(staged.to_line()))
            file.seek(0)
            made_before = sum(counts_as_made(status) for _, status in Lists(self.ledger).statuses(_ids(file)))
            upload(self.s3, file, run.bucket, run.rows_key, "application/jsonl")
        return replace(run, rows=len(starts) - 1, made_before=made_before)

    def has_rows(self, record: BatchRecord) -> bool:
        """Return whether the rows of the latest revision are still in S3, where they expire as prompt files do."""
        key = rows_key(record.batch_id, record.staged)
        return bool(self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("KeyCount"))

    def _with_uploads(self, row: FileRow, run: BatchRun, kept: dict[str, bool]) -> FileRow:
        """Keep the uploads that a row names, because it may have to wait for longer than they stay.

        Return the row, with a problem if an upload is missing. `kept` remembers the uploads of the rows before it.
        """
        for reference in row.uploads:
            if reference not in kept and len(kept) == MAX_UPLOADS:
                return replace(row, problem=f"The rows name more than {MAX_UPLOADS} uploads: split the file.")
            if reference not in kept:
                kept[reference] = self.inputs.keep_for_batch(reference, run.owner, run.batch_id)
            if not kept[reference]:
                return replace(row, problem=missing_upload(reference))
        return row


def identified(
    rows: Iterable[FileRow], identities: Identities | None = None
) -> Iterator[tuple[RowIdentity | None, FileRow]]:
    """Yield each row with its identity, or with None if it holds no request."""
    identities = identities or Identities()
    for row in rows:
        identity = None if row.unchecked is None else identities.next(row.unchecked, row.rows)
        if identity is None:
            identities.skip()
        yield identity, row


def missing_upload(reference: str) -> str:
    """Return the problem of a row that names an upload which does not exist."""
    return f"{reference} does not exist: upload the file again."


def counts_as_made(status: str) -> bool:
    """Return whether a row in this status was made before, or is being made. A deleted one was."""
    return status != Status.ERROR


def _staged(row: FileRow, run: BatchRun, identity: RowIdentity | None) -> StagedRow:
    """Return the row with its request or its problem, without the rows that it needs."""
    staged = StagedRow(
        batch_id=run.batch_id,
        number=row.number,
        revision=run.revision,
        owner=run.owner,
        source_ref=run.source_ref,
        generation_id=identity.id_in(run.batch_id) if identity else None,
        label=row.label,
    )
    if row.problem:
        return replace(staged, problem=f"Line {row.line}: {row.problem}", prompt=_prompt(row))
    return replace(staged, request=row.request)


def _prompt(row: FileRow) -> str | None:
    """Return the prompt of a row with a problem, cut off. The rest of its request may be anything."""
    prompt = (row.unchecked or {}).get("prompt")
    return prompt[:MAX_PROMPT].encode("utf-8", "replace").decode() if isinstance(prompt, str) else None


def _ids(file: IO[bytes]) -> Iterator[str]:
    for line in file:
        if generation_id := json.loads(line).get("generation_id"):
            yield generation_id
