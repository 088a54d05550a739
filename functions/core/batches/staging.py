"""Staging: the rows of a batch's file are written to S3, one line each, for the batch's execution.

A row that cannot be valid is rejected here. It is not staged, so it costs no invocation.

The ids of the rows are written to a separate file, which does not expire. It is small and its lines have equal lengths,
so one short read is enough to compare a later file with all rows, or to show a page of a revision's report.
"""

import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from core.batches.identity import Identities, RowIdentity
from core.batches.prompt_file import FileRow
from core.batches.rejection import Rejection
from core.batches.run import MAX_REJECTED, BatchRun, upload
from core.batches.staged_row import Span, StagedRow
from core.errors import InvalidFile
from core.generation import Status, replaced
from core.inputs.files import Inputs
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.records.table import MOST_AT_ONCE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_UPLOADS = 2000  # different ones that the rows of a file name
NO_ID = "-" * 32  # of a row that was rejected
LINE = len(NO_ID) + 1  # bytes of a line with an id


class TooManyRejected(Exception):
    """The file has too many rows that cannot be valid. `str()` is one sentence for its owner."""


@dataclass(frozen=True)
class Staging:
    """Writes rows to the `bucket`."""

    s3: "S3Client"
    bucket: str
    ledger: Ledger
    inputs: Inputs

    def stage(self, run: BatchRun, rows: Iterable[FileRow]) -> tuple[BatchRun, list[Rejection]]:
        """Write the rows. Return the run with what is known of them now, and the rows that were rejected.

        Nothing is written if reading the rows fails. Raise `TooManyRejected` as soon as too many were rejected.
        """
        kept: set[str] = set()
        spans: list[Span] = []  # of the staged rows; a rejected row has none, and no other row uses its video
        rejections: list[Rejection] = []
        identities = Identities()
        ids = io.BytesIO()
        made_before = end = 0
        all_rows = identified(rows, identities)
        with tempfile.TemporaryFile() as file:
            while some := list(islice(all_rows, MOST_AT_ONCE)):
                known = self._known(run, some)
                made_before += sum(map(counts_as_made, known.values()))
                for identity, row in some:
                    # A row that already has a generation is valid, even if the provider has withdrawn its model.
                    if identity is None or (row.problem and identity not in known):
                        rejections.append(_rejected(row, rejections))
                        spans.append(Span(end, 0))
                        ids.write(_line(NO_ID))
                        continue
                    self._keep_uploads(row, run, kept)
                    staged = _staged(row, run, identity)
                    ids.write(_line(staged.generation_id))
                    if row.rows:
                        sources = {name: identities.of(number).id_in(run.batch_id) for name, number in row.rows.items()}
                        staged = replace(
                            staged,
                            request=replaced(
                                staged.request, {name: f"generation:{one}" for name, one in sources.items()}
                            ),
                            needs={sources[name]: spans[number - 1] for name, number in row.rows.items()},
                            rows_key=run.rows_key,
                        )
                    spans.append(Span(end, file.write(staged.to_line())))
                    end += spans[-1].length
            upload(self.s3, ids, self.bucket, run.ids_key, "text/plain")
            upload(self.s3, file, self.bucket, run.rows_key, "application/jsonl")
        problems = len(rejections)
        counted = replace(run, rows=len(spans), made_before=made_before, problems=problems, rejected=problems)
        return counted, rejections

    def has_rows(self, run: BatchRun) -> bool:
        """Return whether the rows of the run are still in S3, where they expire as prompt files do."""
        return bool(self.s3.list_objects_v2(Bucket=self.bucket, Prefix=run.rows_key).get("KeyCount"))

    def ids(self, run: BatchRun, after: int = 0, last: int | None = None) -> dict[int, str] | None:
        """Return the ids of the first attempts of rows by number, from `after` (exclusive) to `last`.

        A row that was rejected when the file was read is left out. Return None for a run of a release that did not
        store the ids.
        """
        end = (run.rows if last is None else last) * LINE
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=run.ids_key, Range=f"bytes={after * LINE}-{end - 1}")
        except self.s3.exceptions.NoSuchKey:
            return None
        lines = enumerate(found["Body"].read().decode().splitlines(), start=after + 1)
        return {number: generation_id for number, generation_id in lines if generation_id != NO_ID}

    def _known(self, run: BatchRun, rows: list[tuple[RowIdentity | None, FileRow]]) -> dict[RowIdentity, str]:
        """Return those of the rows that have a generation, each with its status."""
        ids = {identity.id_in(run.batch_id): identity for identity, _ in rows if identity}
        return {ids[generation_id]: status for generation_id, status in Lists(self.ledger).statuses(ids)}

    def _keep_uploads(self, row: FileRow, run: BatchRun, kept: set[str]) -> None:
        """Keep the uploads that a row names, because it may have to wait for longer than they stay.

        If an upload is missing, only AcceptRow rejects the row, because a retry may find the upload. `kept` contains
        the uploads of earlier rows.
        """
        for reference in row.uploads:
            if reference in kept:
                continue
            if len(kept) == MAX_UPLOADS:
                raise InvalidFile(f"The rows name more than {MAX_UPLOADS} uploads: split the file.")
            kept.add(reference)
            self.inputs.keep_for_batch(reference, run.owner, run.batch_id)


def identified(
    rows: Iterable[FileRow], identities: Identities | None = None
) -> Iterator[tuple[RowIdentity | None, FileRow]]:
    """Yield each row with its identity, or with None if it holds no request."""
    identities = identities or Identities()
    for row in rows:
        identity = None if row.found is None else identities.next(row.found, row.rows)
        if identity is None:
            identities.skip()
        yield identity, row


def counts_as_made(status: str) -> bool:
    """Return whether a row in this status was made before, or is being made. A deleted one was."""
    return status != Status.ERROR


def _rejected(row: FileRow, before: list[Rejection]) -> Rejection:
    """Return the rejection of a row. Raise `TooManyRejected` if there are too many with those `before` it."""
    problem = f"Line {row.line}: {row.problem}"
    rejection = Rejection.of(row.number, problem, (row.found or {}).get("prompt"), row.label)
    if len(before) + 1 == MAX_REJECTED:
        first = (*before, rejection)[0]
        raise TooManyRejected(
            f"{MAX_REJECTED:,} rows are not valid, so the file was not read further and nothing was started. The first "
            f"one is row {first.number}. {first.problem}"
        )
    return rejection


def _line(generation_id: str) -> bytes:
    return f"{generation_id}\n".encode()


def _staged(row: FileRow, run: BatchRun, identity: RowIdentity) -> StagedRow:
    """Return the row without the rows that it needs."""
    return StagedRow(
        batch_id=run.batch_id,
        number=row.number,
        revision=run.revision,
        owner=run.owner,
        source_ref=run.source_ref,
        generation_id=identity.id_in(run.batch_id),
        request=row.found or {},
        label=row.label,
    )
