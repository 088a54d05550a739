"""Batches over HTTP: a file is checked here, put in its owner's folder, and taken from there as any other."""

import io
import json
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.api.beginning import only
from core.batches import prompt_file
from core.batches.dropped_file import MAX_FILE_BYTES
from core.batches.identity import RowIdentity, batch_id_for
from core.batches.prompt_file import SUFFIXES, Row, suffix_of
from core.batches.report import NOT_STARTED, as_row, not_started
from core.batches.start import Batches, counts_as_made, identified, no_upload
from core.batches.table import BatchRecord
from core.delete import Deletion
from core.errors import Conflict, FileTooLarge, InvalidFile, InvalidRequest, NotFound
from core.generation import BEGINNING, GENERATION_ID, Status, iso
from core.models import Models
from core.money import usd
from core.money.accounts import Accounts
from core.owners import own_folder
from core.publish.views import as_error
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.text import is_printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SENT_BYTES = 4 << 20  # of a file in a request: Lambda takes 6 MiB, and base64 makes four of three
MAX_SENT_ROWS = 5000  # that are validated while the client waits
MAX_NAME = 200  # characters of a file's name
MAX_SHOWN = 10  # problems in one answer's sentence
MAX_PROBLEMS = 1000  # in a check's list
MAX_REPORT = 500  # rows of a report in one answer
MAX_REPORT_BYTES = 3 << 20  # Lambda's answer has 6 MiB
MOST_MEANT = 10  # batches named where the beginning of an id tells several
WORDS = ("prompt", "negative_prompt", "seed", "image_url", "video_url")  # which no price depends on
EARLIER_BATCHES, SAMPLE = 20, 25  # in which so many of the rows are looked for
UPLOAD_SECONDS = 3600  # that a link to upload to works
LOOKS_AT_ONCE = 10  # for uploads: the SDK's connections
CANCEL_SECONDS, LAG_SECONDS = 20.0, 1.0  # how long cancelling goes on; after which the index knows of a write
SUFFIX_OF = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
}

Identified = tuple[RowIdentity | None, Row]


@dataclass(frozen=True)
class Check:
    """What a file holds, and how much of it was made before."""

    name: str
    batch_id: str
    rows: int
    problems: list[Row]
    made_before: int  # rows that this batch has made, or is making
    failed_before: int  # rows of it that failed: they stay so until they are retried
    cost: tuple[int, int]  # of the rows that would be made: credits, and the most that such rows cost
    elsewhere: tuple[BatchRecord, int] | None  # the earlier batch that has most of the rows, and how many

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        other = self.elsewhere
        return {
            "id": self.batch_id,
            "name": self.name,
            "rows": self.rows,
            "problems": [
                {"row": row.number, "line": row.line, "message": row.problem} for row in self.problems[:MAX_PROBLEMS]
            ],
            "problem_rows": len(self.problems),
            "made_before": self.made_before,
            "failed_before": self.failed_before,
            "estimated_usd": usd(self.cost[0]),
            "at_most_usd": usd(self.cost[1]),
            "made_elsewhere": other and {"id": other[0].batch_id, "name": other[0].name, "rows": other[1]},
        }

    def refuse(self) -> None:
        """`InvalidRequest` if a row has a problem."""
        if not self.problems:
            return
        shown = [f"row {row.number} (line {row.line}): {row.problem}" for row in self.problems[:MAX_SHOWN]]
        more = f" And {len(self.problems) - MAX_SHOWN} more." if len(self.problems) > MAX_SHOWN else ""
        raise InvalidRequest(
            f"{len(self.problems)} of {self.rows} rows have a problem, and nothing was sent. {' '.join(shown)}{more} "
            "Mend them, or send the others with force=true."
        )


@dataclass(frozen=True)
class BatchApi:
    """What a user may do to batches; each method answers as the API does. An owner sees its own alone."""

    ledger: Ledger
    models: Models
    default_model: str
    accounts: Accounts
    batches: Batches
    deletion: Deletion
    s3: "S3Client"
    prompts_bucket: str
    sleep: Callable[[float], None] = time.sleep

    @property
    def lists(self) -> Lists:
        """Return the lists of the ledger."""
        return Lists(self.ledger)

    def check(self, owner: str, name: str, body: bytes, *, with_uploads: bool) -> Check:
        """Validate a file and look for what was made of it before; nothing is kept. Raises `InvalidFile`.

        Whether the uploads that it names are there is looked at `with_uploads`: they may come after a first check.
        """
        if len(body) > MAX_SENT_BYTES:
            raise FileTooLarge(
                f"The file is larger than {MAX_SENT_BYTES} bytes: ask for a link to upload it, with upload=true."
            )
        batch_id = self._id(owner, name)
        found = self.batches.records.find(batch_id)
        if not prompt_file.is_batch(name, io.BytesIO(body)):
            raise InvalidFile("The file holds one request, which is no batch: send it to /v2/video/generations.")
        default_model = (found and found.default_model) or self.default_model
        rows, identities, problems = 0, [], []
        requests: dict[RowIdentity, dict[str, Any]] = {}
        naming: list[Identified] = []
        for identity, row in identified(self._read(name, body, default_model)):
            rows += 1
            if rows > MAX_SENT_ROWS:
                raise FileTooLarge(
                    f"The file has more than {MAX_SENT_ROWS} rows: ask for a link to upload it, with upload=true."
                )
            if identity:
                identities.append(identity)
            if row.problem:
                problems.append((identity, row))
            elif identity and row.request:
                requests[identity] = row.request
                if with_uploads and row.uploads:
                    naming.append((identity, row))
        if missing := self._without_uploads(owner, batch_id, naming):
            problems = sorted([*problems, *missing], key=lambda found: found[1].number)
        statuses = self._made(batch_id, identities)
        # A row that was made is no problem, though its model is not offered any more.
        problems = [(identity, row) for identity, row in problems if not identity or identity not in statuses]
        made = sum(counts_as_made(status) for status in statuses.values())
        return Check(
            name=name,
            batch_id=batch_id,
            rows=rows,
            problems=[row for _, row in problems],
            made_before=made,
            failed_before=len(statuses) - made,
            cost=self._cost(request for identity, request in requests.items() if identity not in statuses),
            elsewhere=None if 2 * made > rows else self._elsewhere(owner, batch_id, identities),
        )

    def _read(self, name: str, body: bytes, default_model: str) -> Iterator[Row]:
        local = self.batches.allow_local_webhooks
        return prompt_file.read(name, io.BytesIO(body), self.models, default_model, local_webhooks=local)

    def create(
        self, owner: str, key_id: str | None, name: str, body: bytes, max_concurrency: int | None
    ) -> dict[str, Any]:
        """Send a file that was checked: it is read as any that is dropped, so what dies here starts nothing by half."""
        key = own_folder(owner) + name
        metadata = _metadata(key_id, max_concurrency)
        self.s3.put_object(Bucket=self.prompts_bucket, Key=key, Body=body, Metadata=metadata)
        return self._shown(self._reading(owner, name, key, sha256(body).hexdigest()), counted=True)

    def upload(self, owner: str, key_id: str | None, name: str, max_concurrency: int | None) -> dict[str, Any]:
        """A form to upload a larger file with; it is read once it is there."""
        fields = {f"x-amz-meta-{field}": text for field, text in _metadata(key_id, max_concurrency).items()}
        post = self.s3.generate_presigned_post(
            Bucket=self.prompts_bucket,
            Key=own_folder(owner) + name,
            Fields=fields,
            Conditions=[["content-length-range", 1, MAX_FILE_BYTES], *({n: v} for n, v in fields.items())],
            ExpiresIn=UPLOAD_SECONDS,
        )
        form = {**post, "max_bytes": MAX_FILE_BYTES, "expires_in": UPLOAD_SECONDS}
        return {"id": self._id(owner, name), "name": name, "upload": form}

    def page(self, owner: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """A page of the owner's batches, newest first; their rows are not counted."""
        found, next_cursor = self.batches.records.of_owner(owner, cursor, limit)
        return {"data": [self._shown(record, counted=False) for record in found], "next_cursor": next_cursor}

    def get(self, owner: str, batch_id: str) -> dict[str, Any]:
        """A batch with its progress."""
        return self._shown(self.own(owner, batch_id), counted=True)

    def report(self, owner: str, batch_id: str, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """What became of the rows after one, as the ledger has it now; and the last one of them, None at the end."""
        record = self.own(owner, batch_id)
        cancelled, total = record.cancelled_at is not None, record.rows or 0
        rows: list[dict[str, Any]] = []
        size, number = 0, after

        def missing(which: int) -> dict[str, Any]:
            row = not_started(which, None, cancelled=cancelled, because=record.held_back)
            if record.is_complete and record.ended_at and not cancelled:
                return {**row, "status": str(Status.ERROR), "error": "Its owner deleted it."}
            return {**row, "error": row["error"] if record.ended_at else None}

        for generation in self.lists.batch(record.batch_id, record.revision, after=after):
            reached = generation.row_number or 0
            while number + 1 < reached and len(rows) < limit:
                number += 1
                rows.append(missing(number))
            if len(rows) == limit or size > MAX_REPORT_BYTES:
                break
            if reached > number:
                number = reached
                rows.append(as_row(number, generation))
                size += len(str(rows[-1]).encode("utf-8", "replace"))
        else:
            while number < total and len(rows) < limit:
                number += 1
                rows.append(missing(number))
        return rows, number if number < total else None

    def cancel(self, owner: str, batch_id: str) -> dict[str, Any]:
        """Start no more rows, and stop those that run; the provider may still finish and charge for what it has."""
        record = self._whole(owner, batch_id)
        if record.cancelled_at is None:
            if self._status(record, self._counts(record)) == "completed":
                raise Conflict(f"Batch {batch_id} has ended: nothing is left to cancel.")
            # From now on no row is accepted; one that is being accepted looks again after it was recorded.
            record = self.batches.records.change(
                batch_id, cancelled_at=self.batches.records.now(), cancelled_revision=record.revision
            )
        until = time.monotonic() + CANCEL_SECONDS
        was_quiet = False
        while time.monotonic() < until:
            running = list(self.lists.running_in_batch(batch_id))
            for generation_id in running:
                with suppress(Conflict, NotFound):
                    self.deletion.delete(self.ledger.get(generation_id), only_running=True)
                if time.monotonic() > until:
                    break
            # Twice: a row that was recorded just before may be missing in the index at the first look.
            if not running and was_quiet:
                break
            was_quiet = not running
            self.sleep(LAG_SECONDS)
        return self.get(owner, batch_id)

    def retry(self, owner: str, key_id: str | None, batch_id: str) -> dict[str, Any]:
        """Run the rows again that failed, were cancelled or were not reached; if the batch runs, let it."""
        record = self._whole(owner, batch_id)
        counts = self._counts(record)
        status = self._status(record, counts)
        if record.rows is None:
            raise Conflict(f"Batch {batch_id} has no rows yet.")
        if status != "running" or record.cancelled_at:  # what was cancelled begins nothing, though it has not ended
            if counts[Status.ERROR] + counts[NOT_STARTED] == 0:
                raise Conflict(f"Batch {batch_id} has no failed rows: nothing is left to retry.")
            if not self.batches.are_staged(record):
                raise Conflict(f"Batch {batch_id} is too old for its rows to be here: send its file again, then retry.")
            now = self.batches.records.now()
            record = self.batches.records.change(
                batch_id,
                retried_at=now,
                cancelled_at=None,
                cancelled_revision=None,
                ended_at=None,
                is_complete=None,
                held_back=None,
                key_id=key_id,
                run=record.run + 1,
            )
        self.batches.again(record)
        return self.get(owner, batch_id)

    def own(self, owner: str, batch_id: str) -> BatchRecord:
        """The owner's batch, by its id or the beginning of it; another's is answered as one that does not exist."""
        missing = f"There is no batch {batch_id[:64]}."
        if re.fullmatch(BEGINNING, batch_id, re.ASCII):
            meant = islice(self.batches.records.meant(owner, batch_id), MOST_MEANT)
            return only({one.batch_id: one for one in meant}, batch_id, missing, "batches", "batch_id")
        record = self.batches.records.find(batch_id) if re.fullmatch(GENERATION_ID, batch_id, re.ASCII) else None
        if record is None or record.owner != owner:
            raise NotFound(missing)
        return record

    def _cost(self, requests: Iterable[dict[str, Any]]) -> tuple[int, int]:
        """What requests will cost together, in credits, and the most that such ones do."""
        known: dict[str, tuple[int, int]] = {}
        total = most = 0
        for request in requests:
            kind = json.dumps({name: value for name, value in request.items() if name not in WORDS}, sort_keys=True)
            if kind not in known:
                estimate = self.accounts.estimates.of(request, self.models)
                known[kind] = estimate.credits, estimate.most
            total, most = total + known[kind][0], most + known[kind][1]
        return total, most

    def _whole(self, owner: str, batch_id: str) -> BatchRecord:
        if re.fullmatch(BEGINNING, batch_id, re.ASCII):
            raise InvalidRequest("The beginning of an id is not enough to cancel or retry: name the whole of it.")
        return self.own(owner, batch_id)

    def _without_uploads(self, owner: str, batch_id: str, rows: list[Identified]) -> list[Identified]:
        """Those of the rows that name an upload which is not there: neither as the owner's, nor kept for the batch."""
        if not rows:
            return []
        named = sorted({upload for _, row in rows for upload in row.uploads})
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            are_there = pool.map(lambda one: self.batches.inputs.is_uploaded(one, owner, batch_id), named)
            missing = {one for one, is_there in zip(named, are_there, strict=True) if not is_there}
        return [
            (identity, replace(row, problem=no_upload(min(gone))))
            for identity, row in rows
            if (gone := missing.intersection(row.uploads))
        ]

    def _id(self, owner: str, name: str) -> str:
        return batch_id_for(self.prompts_bucket, own_folder(owner) + name)

    def _reading(self, owner: str, name: str, key: str, content: str) -> BatchRecord:
        """The batch, which says that it is being read, unless it was read already."""
        records = self.batches.records
        batch_id = self._id(owner, name)
        while True:
            found = records.find(batch_id)
            if found and found.content == content and not (found.cancelled_at or found.error or found.broke_off):
                return found
            fresh = records.new(batch_id, owner, name, f"s3://{self.prompts_bucket}/{key}", self.default_model)
            reading = records.reading(found or fresh)
            if records.put(reading, found):
                return reading

    def _made(self, batch_id: str, identities: list[RowIdentity]) -> dict[RowIdentity, str]:
        """Of these rows those that the batch has, each with its status."""
        ids = {identity.id_in(batch_id): identity for identity in identities}
        return {ids[generation_id]: status for generation_id, status in self.lists.statuses(ids)}

    def _elsewhere(self, owner: str, batch_id: str, identities: list[RowIdentity]) -> tuple[BatchRecord, int] | None:
        """The batch of late that has most of these rows, by a sample of them, and how many it has; None if few."""
        sample = identities[:: max(1, len(identities) // SAMPLE)]
        recent, _ = self.batches.records.of_owner(owner, None, EARLIER_BATCHES)
        others = [record for record in recent if record.batch_id != batch_id]
        ids = {one.id_in(record.batch_id): record.batch_id for record in others for one in sample}
        hits = Counter(ids[found] for found, status in self.lists.statuses(ids) if counts_as_made(status))
        best = max(others, key=lambda record: hits[record.batch_id], default=None)
        if best is None or 2 * hits[best.batch_id] <= len(sample):
            return None
        return best, sum(map(counts_as_made, self._made(best.batch_id, identities).values()))

    def _counts(self, record: BatchRecord) -> Counter[str]:
        counts = self.lists.batch_counts(record.batch_id, record.revision) if record.rows else Counter[str]()
        counts[NOT_STARTED] = max(0, (record.rows or 0) - counts.total())
        return counts

    def _status(self, record: BatchRecord, counts: Counter[str] | None) -> str:
        if record.reading_since:
            return "reading"
        if record.rows is None:
            return "error" if record.error else "reading"
        if counts is not None:
            if any(counts[status] for status in Status if not status.ended):
                return "running"
            # A retry has rows that have ended, and are about to run again, until its run has ended.
            if counts[NOT_STARTED] == 0 and (record.ended_at or not record.retried_at):
                return "cancelled" if record.cancelled_at else "completed"
        if record.ended_at is None:
            # None of its rows runs: it is between two of them, or its execution was aborted.
            return "stopped" if counts is not None and self.batches.broke_off(record) else "running"
        if record.cancelled_at:
            return "cancelled"
        return "completed" if record.is_complete else "stopped"

    def _shown(self, record: BatchRecord, *, counted: bool) -> dict[str, Any]:
        counts = self._counts(record) if counted else None
        times = ("created_at", "updated_at", "ended_at", "cancelled_at", "retried_at")
        return {
            "id": record.batch_id,
            "name": record.name,
            "status": self._status(record, counts),
            "revision": record.revision,
            "sha256": record.content,
            "rows": record.rows,
            "made_before": record.made_before,
            "counts": counts
            and {
                "not_started": counts[NOT_STARTED],
                "queued": counts[Status.QUEUED],
                "generating": counts[Status.GENERATING] + counts[Status.ARCHIVING],
                "completed": counts[Status.COMPLETED],
                "error": counts[Status.ERROR],
            },
            "error": as_error(record.error, record.batch_id),
            "held_back": record.held_back,
            "source": {"kind": "s3", "ref": record.source_ref},
            **{name: (at := getattr(record, name)) and iso(at) for name in times},
        }


def _metadata(key_id: str | None, max_concurrency: int | None) -> dict[str, str]:
    """Return the metadata of a file for its reader."""
    told = {"key_id": key_id, "max_concurrency": max_concurrency and str(max_concurrency)}
    return {name: text for name, text in told.items() if text}


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
            "A .txt file is one prompt, and no batch: send it to /v2/video/generations, or write a prompt a line into "
            "a .csv, under the header `prompt`."
        )
    if suffix_of(name) not in SUFFIXES:
        raise InvalidFile(f"The file's name must end in {', '.join(SUFFIXES)}.")
    return name
