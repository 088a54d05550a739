"""Check a file that is sent over HTTP: its rows and their problems, their cost, and how it compares with batches."""

import io
import json
import unicodedata
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from typing import Any, cast

from core.batches import prompt_file
from core.batches.comparison import Comparison, Rows
from core.batches.identity import RowIdentity, batch_id_for
from core.batches.numbered import MAX_NAME, numbered
from core.batches.prompt_file import A_WORKBOOK, SUFFIXES, WORKBOOKS, FileRow, Rules, suffix_of
from core.batches.record import Batch, BatchRecord, Existing
from core.batches.staging import identified
from core.batches.start import BatchStart
from core.errors import ChoiceRequired, FileTooLarge, InvalidFile, InvalidRequest
from core.models import Models
from core.money import usd
from core.money.accounts import Accounts
from core.money.estimates import RESERVE
from core.owners import own_folder
from core.text import is_printable

MAX_SENT_BYTES = 4 << 20  # of a file in a request: Lambda accepts 6 MiB, and base64 adds a third
MAX_SENT_ROWS = 5000  # that are validated while the client waits
MAX_SHOWN = 10  # problems in the message of an error
MAX_PROBLEMS = 1000  # in the list of a check
MAX_UNCHECKED = 100  # names of fields in a check
WORDS = ("prompt", "negative_prompt", "seed", "image_url", "video_url")  # fields that do not change the price
UPLOADS_AT_ONCE = 10  # that are looked up: the connections of the SDK
SUFFIX_OF = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
}

Identified = tuple[RowIdentity | None, FileRow]


@dataclass(frozen=True)
class CheckedFile:
    """The contents of a file, and how they compare with batches."""

    name: str  # of the batch that the file is sent to
    batch_id: str
    rows: int
    problems: list[FileRow]
    unchecked: list[str]  # fields of valid rows that their models' schemas do not have, in the order of the file
    new: int  # rows that would start
    cost: tuple[int, int]  # of the new rows, in credits: the estimate, and the most that budgets hold for them
    unpriced: int  # new rows of unknown cost, which are estimated with the reserve
    compared: Comparison
    existing: Existing | None  # what its sender has chosen

    def as_json(self) -> dict[str, Any]:
        """Return the check as the API shows it."""
        return {
            "id": self.batch_id,
            "name": self.name,
            "rows": self.rows,
            "problems": [
                {"row": row.number, "line": row.line, "fields": row.wrong, "message": row.problem}
                for row in self.problems[:MAX_PROBLEMS]
            ],
            "problem_rows": len(self.problems),
            "unchecked": self.unchecked[:MAX_UNCHECKED],
            "new": self.new,
            **self.compared.as_json(self.existing),
            "estimated_usd": usd(self.cost[0]),
            "at_most_usd": usd(self.cost[1]),
            "unpriced": self.unpriced,
        }

    def reject_problems(self) -> None:
        """Raise `InvalidRequest` if a row has a problem."""
        if not self.problems:
            return
        shown = [f"row {row.number} (line {row.line}): {row.problem}" for row in self.problems[:MAX_SHOWN]]
        more = f" And {len(self.problems) - MAX_SHOWN} more." if len(self.problems) > MAX_SHOWN else ""
        raise InvalidRequest(
            f"{len(self.problems)} of {self.rows} rows have a problem, and nothing was sent. {' '.join(shown)}{more} "
            "Correct them, or send the others with force=true."
        )


@dataclass(frozen=True)
class SentFile:
    """A file that its owner sends, and how it is to be read and compared."""

    owner: str
    name: str
    body: bytes
    strict: bool = True
    existing: Existing | None = None

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file, which identifies its content."""
        return sha256(self.body).hexdigest()


@dataclass(frozen=True)
class CheckFile:
    """Checks a file. Nothing is stored or started."""

    models: Models
    default_model: str
    accounts: Accounts
    batches: BatchStart
    prompts_bucket: str

    def check(self, file: SentFile, *, with_uploads: bool) -> CheckedFile:
        """Validate a file, and compare it with batches. Raise `InvalidFile` if it cannot be read.

        Its choice decides the name under which it is checked. With `with_uploads` the uploads that it names must exist.
        A client may send them only after a first check.
        """
        if len(file.body) > MAX_SENT_BYTES:
            raise FileTooLarge(
                f"The file is larger than {MAX_SENT_BYTES} bytes: request an upload form with upload=true."
            )
        if file.existing is Existing.AGAIN:
            file = replace(file, name=self.free_name(file))
        checked = self._checked(file, with_uploads=with_uploads)
        if file.existing is Existing.REUSE and checked.compared.repeats_most:
            return self._added(file, checked.compared, with_uploads=with_uploads)
        return checked

    def free_name(self, file: SentFile) -> str:
        """Return the name of the batch that runs all rows of a file again: the first name that no batch has.

        If the same file was sent in this way before, return the name of its batch until an hour after its end. So a
        client that repeats a call, because its answer was lost, does not pay twice. A file without a body is uploaded
        later, and is never taken for a repeat.
        """
        now = self.batches.records.now()
        for name in chain((file.name,), numbered(file.name)):
            found = self.batches.records.find(batch_id_of(self.prompts_bucket, file.owner, name))
            if found is None or found.is_free or (file.body and found.is_repeated_by(file.sha256, now)):
                break
        return name

    def _added(self, file: SentFile, compared: Comparison, *, with_uploads: bool) -> CheckedFile:
        """Check a file as the next revision of the batch that has most of its rows."""
        other, _ = cast("tuple[BatchRecord, int]", compared.elsewhere)
        is_sent = batch_id_of(self.prompts_bucket, file.owner, other.name) == other.batch_id
        if not is_sent or suffix_of(other.name) != suffix_of(file.name):
            why = "has another format" if is_sent else f"was started from S3: put the file at {other.source_ref}"
            raise ChoiceRequired(
                f"{compared.said} The new rows cannot be added to it from here, because it {why}. To generate every "
                "row in a new batch, choose `again`."
            )
        checked = self._checked(replace(file, name=other.name), with_uploads=with_uploads)
        if checked.compared.drops_most:
            raise ChoiceRequired(
                f"{checked.compared.said} So its new rows cannot be added there. Send it as {other.name} with "
                "`replace` to make it the next revision, or with `again` to generate every row in a new batch."
            )
        return checked

    def _checked(self, file: SentFile, *, with_uploads: bool) -> CheckedFile:
        batch = self._batch(file)
        batch_id = batch.record.batch_id
        if not prompt_file.is_batch(file.name, io.BytesIO(file.body)):
            raise InvalidFile(
                "The file contains one request and is not a batch: send it to POST /v2/video/generations."
            )
        rows, identities, problems = 0, [], []
        requests: dict[RowIdentity, dict[str, Any]] = {}
        naming: list[Identified] = []  # rows that name uploads
        unchecked: dict[str, None] = {}
        for identity, row in identified(self._read(file, batch.record.default_model or self.default_model)):
            rows += 1
            if rows > MAX_SENT_ROWS:
                raise FileTooLarge(
                    f"The file has more than {MAX_SENT_ROWS} rows: request an upload form with upload=true."
                )
            if identity:
                identities.append(identity)
            if row.problem:
                problems.append((identity, row))
                continue
            unchecked |= dict.fromkeys(row.unchecked)
            if identity and row.request:
                requests[identity] = row.request
                if with_uploads and row.uploads:
                    naming.append((identity, row))
        if missing := self._without_uploads(file.owner, batch_id, naming):
            problems = sorted([*problems, *missing], key=lambda found: found[1].number)
        reuse = file.existing is Existing.REUSE
        compared = self.batches.comparing.compare(batch, file.sha256, Rows(rows, identities), reuse=reuse)
        if batch.record.sent == file.sha256:  # a repeat of a call that was accepted; the file is not read yet
            compared = replace(compared, dropped=0, elsewhere=None)
        started = compared.statuses
        # A row that was made before is valid, even if its model is not offered any more.
        problems = [(identity, row) for identity, row in problems if not identity or identity not in started]
        unmade = {identity for identity, _ in problems if identity}
        new = [request for one, request in requests.items() if one not in started and one not in unmade]
        *cost, unpriced = self._cost(file.owner, new)
        return CheckedFile(
            name=file.name,
            batch_id=batch_id,
            rows=rows,
            problems=[row for _, row in problems],
            unchecked=list(unchecked),
            new=len(new),
            cost=(cost[0], cost[1]),
            unpriced=unpriced,
            compared=compared,
            existing=file.existing,
        )

    def _batch(self, file: SentFile) -> Batch:
        """Return the batch of the file's name, or a new one that is not recorded."""
        records = self.batches.records
        batch_id = batch_id_of(self.prompts_bucket, file.owner, file.name)
        uri = f"s3://{self.prompts_bucket}/{sent_key(file.owner, file.name)}"
        new = records.new(batch_id, file.owner, file.name, uri, self.default_model)
        return records.find(batch_id) or Batch(new, None)

    def _read(self, file: SentFile, default_model: str) -> Iterator[FileRow]:
        rules = Rules(self.batches.allow_local_webhooks, file.strict)
        return prompt_file.read(file.name, io.BytesIO(file.body), self.models, default_model, rules)

    def _cost(self, owner: str, requests: Iterable[dict[str, Any]]) -> tuple[int, int, int]:
        """Return the estimate for all requests in credits, the most that they cost, and the number without a price."""
        known: dict[str, tuple[int, int, int]] = {}
        total = most = unpriced = 0
        for request in requests:
            kind = json.dumps({name: value for name, value in request.items() if name not in WORDS}, sort_keys=True)
            if kind not in known:
                estimate = self.accounts.estimates.of(request, self.models, owner)
                known[kind] = estimate.credits, estimate.most, int(estimate.basis == RESERVE)
            total, most, unpriced = total + known[kind][0], most + known[kind][1], unpriced + known[kind][2]
        return total, most, unpriced

    def _without_uploads(self, owner: str, batch_id: str, rows: list[Identified]) -> list[Identified]:
        """Return the rows that name a missing upload: the owner does not have it, and the batch has not kept it."""
        if not rows:
            return []
        named = sorted({upload for _, row in rows for upload in row.uploads})
        inputs = self.batches.staging.inputs
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            are_there = pool.map(lambda one: inputs.is_uploaded(one, owner, batch_id), named)
            missing = {one for one, is_there in zip(named, are_there, strict=True) if not is_there}
        return [
            (identity, replace(row, problem=missing_upload(min(gone))))
            for identity, row in rows
            if (gone := missing.intersection(row.uploads))
        ]


def missing_upload(reference: str) -> str:
    """Return the problem of a row that names an upload which does not exist."""
    return f"{reference} does not exist: upload the file again."


def sent_key(owner: str, name: str) -> str:
    """Return the key in the prompts bucket of a file that its owner sends."""
    return own_folder(owner) + name


def batch_id_of(prompts_bucket: str, owner: str, name: str) -> str:
    """Return the id of the batch that a file is if its owner sends it under this name."""
    return batch_id_for(prompts_bucket, sent_key(owner, name))


def file_name(name: str | None, content_type: str) -> str:
    """Return the name of a sent file, with a suffix for its content type. Raise `InvalidRequest` for a bad name."""
    name = unicodedata.normalize("NFC", name or "")
    is_plain = is_printable(name) and not set(name) & set("/\\") and name.strip() == name
    if not 0 < len(name) <= MAX_NAME or not is_plain or not name.strip("."):
        raise InvalidRequest(
            f"`name` must be the file's name: 1 to {MAX_NAME} printable characters without slashes.", "name"
        )
    if not suffix_of(name):
        name += SUFFIX_OF.get(content_type.partition(";")[0].strip().lower(), "")
    if suffix_of(name) == ".txt":
        raise InvalidFile(
            "A .txt file is one prompt and not a batch: send it to /v2/video/generations, or write one prompt per line "
            "into a .csv, under the header `prompt`."
        )
    if suffix_of(name) in WORKBOOKS:
        raise InvalidFile(A_WORKBOOK)
    if suffix_of(name) not in SUFFIXES:
        raise InvalidFile(f"The file's name must end in {', '.join(SUFFIXES)}.")
    return name
