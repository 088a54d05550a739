"""Check a file that is sent over HTTP: its rows and their problems, their cost, and which were made before."""

import io
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from core.batches import prompt_file
from core.batches.identity import RowIdentity, batch_id_for
from core.batches.prompt_file import A_WORKBOOK, SUFFIXES, WORKBOOKS, FileRow, Rules, suffix_of
from core.batches.record import BatchRecord
from core.batches.staging import counts_as_made, identified
from core.batches.start import BatchStart
from core.errors import FileTooLarge, InvalidFile, InvalidRequest
from core.models import Models
from core.money import usd
from core.money.accounts import Accounts
from core.owners import own_folder
from core.records.lists import Lists
from core.text import is_printable

MAX_SENT_BYTES = 4 << 20  # of a file in a request: Lambda accepts 6 MiB, and base64 adds a third
MAX_SENT_ROWS = 5000  # that are validated while the client waits
MAX_NAME = 200  # characters of a file's name
MAX_SHOWN = 10  # problems in the message of an error
MAX_PROBLEMS = 1000  # in the list of a check
MAX_UNCHECKED = 100  # names of fields in a check
WORDS = ("prompt", "negative_prompt", "seed", "image_url", "video_url")  # fields that do not change the price
EARLIER_BATCHES, SAMPLE = 20, 25  # batches that are searched for the same rows, by a sample of the rows
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
    """The contents of a file, and how many of its rows were made before."""

    name: str
    batch_id: str
    rows: int
    problems: list[FileRow]
    unchecked: list[str]  # fields of valid rows that their models' schemas do not have, in the order of the file
    made_before: int  # rows that this batch has made, or is making
    failed_before: int  # rows of this batch that failed, and stay so until they are retried
    cost: tuple[int, int]  # of the new rows, in credits: the estimate, and the most that budgets hold for them
    elsewhere: tuple[BatchRecord, int] | None  # the earlier batch that has most of the rows, and how many

    def as_json(self) -> dict[str, Any]:
        """Return the check as the API shows it."""
        other = self.elsewhere
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
            "made_before": self.made_before,
            "failed_before": self.failed_before,
            "estimated_usd": usd(self.cost[0]),
            "at_most_usd": usd(self.cost[1]),
            "made_elsewhere": other and {"id": other[0].batch_id, "name": other[0].name, "rows": other[1]},
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
class CheckFile:
    """Checks a file. Nothing is stored or started."""

    lists: Lists
    models: Models
    default_model: str
    accounts: Accounts
    batches: BatchStart
    prompts_bucket: str

    def check(self, owner: str, name: str, body: bytes, *, with_uploads: bool, strict: bool) -> CheckedFile:
        """Validate a file, and find its rows that were made before. Raise `InvalidFile` if it cannot be read.

        With `with_uploads` the uploads that it names must exist. A client may send them only after a first check.
        """
        if len(body) > MAX_SENT_BYTES:
            raise FileTooLarge(
                f"The file is larger than {MAX_SENT_BYTES} bytes: request an upload form with upload=true."
            )
        batch_id = batch_id_of(self.prompts_bucket, owner, name)
        found = self.batches.records.find(batch_id)
        if not prompt_file.is_batch(name, io.BytesIO(body)):
            raise InvalidFile(
                "The file contains one request and is not a batch: send it to POST /v2/video/generations."
            )
        default_model = (found and found.record.default_model) or self.default_model
        rows, identities, problems = 0, [], []
        requests: dict[RowIdentity, dict[str, Any]] = {}
        naming: list[Identified] = []  # rows that name uploads
        unchecked: dict[str, None] = {}
        for identity, row in identified(self._read(name, body, default_model, strict=strict)):
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
        if missing := self._without_uploads(owner, batch_id, naming):
            problems = sorted([*problems, *missing], key=lambda found: found[1].number)
        statuses = self._made(batch_id, identities)
        # A row that was made before is valid, even if its model is not offered any more.
        problems = [(identity, row) for identity, row in problems if not identity or identity not in statuses]
        made = sum(counts_as_made(status) for status in statuses.values())
        return CheckedFile(
            name=name,
            batch_id=batch_id,
            rows=rows,
            problems=[row for _, row in problems],
            unchecked=list(unchecked),
            made_before=made,
            failed_before=len(statuses) - made,
            cost=self._cost(owner, (request for identity, request in requests.items() if identity not in statuses)),
            elsewhere=None if 2 * made > rows else self._elsewhere(owner, batch_id, identities),
        )

    def _read(self, name: str, body: bytes, default_model: str, *, strict: bool) -> Iterator[FileRow]:
        rules = Rules(self.batches.allow_local_webhooks, strict)
        return prompt_file.read(name, io.BytesIO(body), self.models, default_model, rules)

    def _cost(self, owner: str, requests: Iterable[dict[str, Any]]) -> tuple[int, int]:
        """Return the estimate for all requests together, in credits, and the most that such requests cost."""
        known: dict[str, tuple[int, int]] = {}
        total = most = 0
        for request in requests:
            kind = json.dumps({name: value for name, value in request.items() if name not in WORDS}, sort_keys=True)
            if kind not in known:
                estimate = self.accounts.estimates.of(request, self.models, owner)
                known[kind] = estimate.credits, estimate.most
            total, most = total + known[kind][0], most + known[kind][1]
        return total, most

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

    def _made(self, batch_id: str, identities: list[RowIdentity]) -> dict[RowIdentity, str]:
        """Return the rows that the batch has, each with its status."""
        ids = {identity.id_in(batch_id): identity for identity in identities}
        return {ids[generation_id]: status for generation_id, status in self.lists.statuses(ids)}

    def _elsewhere(self, owner: str, batch_id: str, identities: list[RowIdentity]) -> tuple[BatchRecord, int] | None:
        """Return the recent batch that has most of a sample of the rows, and how many rows it has.

        Return None if no batch has more than half of the sample.
        """
        sample = identities[:: max(1, len(identities) // SAMPLE)]
        recent, _ = self.batches.records.of_owner(owner, None, EARLIER_BATCHES)
        others = [batch.record for batch in recent if batch.record.batch_id != batch_id]
        ids = {one.id_in(record.batch_id): record.batch_id for record in others for one in sample}
        hits = Counter(ids[found] for found, status in self.lists.statuses(ids) if counts_as_made(status))
        best = max(others, key=lambda record: hits[record.batch_id], default=None)
        if best is None or 2 * hits[best.batch_id] <= len(sample):
            return None
        return best, sum(map(counts_as_made, self._made(best.batch_id, identities).values()))


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
