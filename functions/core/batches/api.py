"""Answer requests about batches over HTTP. A sent file is put in its owner's folder and read like a dropped file."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from core.batches.check import batch_id_of, sent_key
from core.batches.dropped_file import MAX_FILE_BYTES
from core.batches.record import NOT_STARTED, Batch, BatchStatus, Existing, no_batch
from core.batches.report import ReportRows
from core.batches.run import BatchRun
from core.batches.start import BatchStart
from core.beginning import only
from core.delete import Deletion
from core.errors import Conflict, InvalidRequest, NotFound
from core.generation import BEGINNING, GENERATION_ID, Status, iso
from core.inputs.files import UPLOAD_SECONDS
from core.publish.views import as_error
from core.records.ledger import Ledger
from core.records.lists import MAX_LIMIT, Lists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_REPORT = 500  # rows of a report in one answer
MAX_REPORT_BYTES = 3 << 20  # of a report in one answer: Lambda's limit is 6 MiB
MOST_MEANT = 10  # batches that an error names if an id is cut too short
LISTED_RUNS, SHOWN_RUNS = 10, 100  # latest runs whose revisions are shown, in a list and of one batch
LINK_SECONDS = 3600  # until the link to a file expires
CANCEL_SECONDS, LAG_SECONDS = 20.0, 1.0  # of one cancellation, and until the index has a write


@dataclass(frozen=True)
class Options:
    """The options of a file that is sent over HTTP. Ingest reads them from the file's metadata."""

    key_line: str | None
    max_concurrency: int | None = None
    strict: bool = True
    encoding: str | None = None  # of a file that is uploaded
    existing: Existing | None = None

    def as_metadata(self) -> dict[str, str]:
        """Return the metadata of the file."""
        options = {
            "key_line": self.key_line,
            "max_concurrency": self.max_concurrency and str(self.max_concurrency),
            "strict": None if self.strict else "false",
            "encoding": self.encoding,
            # The file is compared again when it is read, because the batch may have changed since it was checked.
            "existing": str(Existing.ASK if self.existing in (None, Existing.REUSE) else self.existing),
        }
        return {name: text for name, text in options.items() if text}


@dataclass(frozen=True)
class BatchApi:
    """Answers requests about batches. Owners see only their own batches."""

    ledger: Ledger
    default_model: str
    batches: BatchStart
    deletion: Deletion
    s3: "S3Client"
    prompts_bucket: str
    sleep: Callable[[float], None] = time.sleep

    @property
    def lists(self) -> Lists:
        """Return the lists of the ledger."""
        return Lists(self.ledger)

    def create(self, owner: str, name: str, body: bytes, options: Options) -> dict[str, Any]:
        """Put a checked file in the prompts bucket. It is read from there, so that a crash here starts nothing."""
        self.batches.limit.check(owner, options.key_line)
        key, content = sent_key(owner, name), sha256(body).hexdigest()
        # First, because ingest removes it after it has read the file.
        self._expect(owner, name, content, options)
        self._outlast_cancel(batch_id_of(self.prompts_bucket, owner, name))
        self.s3.put_object(Bucket=self.prompts_bucket, Key=key, Body=body, Metadata=options.as_metadata())
        return self.get(owner, batch_id_of(self.prompts_bucket, owner, name))

    def upload(self, owner: str, name: str, options: Options) -> dict[str, Any]:
        """Return a form to upload a larger file with. The file is read when it arrives."""
        self.batches.limit.check(owner, options.key_line)
        self._outlast_cancel(batch_id_of(self.prompts_bucket, owner, name))
        fields = {f"x-amz-meta-{field}": text for field, text in options.as_metadata().items()}
        post = self.s3.generate_presigned_post(
            Bucket=self.prompts_bucket,
            Key=sent_key(owner, name),
            Fields=fields,
            Conditions=[["content-length-range", 1, MAX_FILE_BYTES], *({n: v} for n, v in fields.items())],
            ExpiresIn=UPLOAD_SECONDS,
        )
        form = {**post, "max_bytes": MAX_FILE_BYTES, "expires_in": UPLOAD_SECONDS}
        return {"id": batch_id_of(self.prompts_bucket, owner, name), "name": name, "upload": form}

    def _outlast_cancel(self, batch_id: str) -> None:
        """Wait until a file that arrives is newer than a cancel of the batch. S3 tells times in whole seconds."""
        found = self.batches.records.find(batch_id)
        if found and found.record.cancelled_at:
            until = found.record.cancelled_at.replace(microsecond=0) + timedelta(seconds=1)
            self.sleep(max(0.0, (until - self.batches.records.now()).total_seconds()))

    def page(self, owner: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return a page of the owner's batches, newest first. Their rows are not counted."""
        found, next_cursor = self.batches.records.of_owner(owner, cursor, limit)
        return {"data": self._with_revisions(found, LISTED_RUNS, counted=False), "next_cursor": next_cursor}

    def get(self, owner: str, batch_id: str) -> dict[str, Any]:
        """Return a batch with its progress."""
        (shown,) = self._with_revisions([self.own(owner, batch_id)], SHOWN_RUNS, counted=True)
        return shown

    def report(
        self, owner: str, batch_id: str, after: int, limit: int, revision: int | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return the present rows of a revision after a row, and the number of the last one, or None at the end."""
        batch = self.own(owner, batch_id)
        if revision is not None and (batch.run is None or revision != batch.run.revision):
            batch = replace(batch, run=self._run_of(batch, revision))
        if batch.run is None:
            return [], None
        run, records = batch.run, self.batches.records
        report = ReportRows(
            run,
            self.ledger,
            records,
            is_cancelled=batch.is_cancelled,
            has_ended=run.has_ended,
            retention=self.batches.staging.inputs.retention,
        )
        rows: list[dict[str, Any]] = []
        size, last = 0, min(after + limit, run.rows)
        is_latest = run.revision == batch.record.revision
        for row in report.from_index(after, last) if is_latest else self._earlier(report, after, last):
            rows.append(row)
            size += len(str(row).encode("utf-8", "replace"))
            if size > MAX_REPORT_BYTES:
                last = row["row"]
                break
        return rows, last if last < run.rows else None

    def file(self, owner: str, which: str) -> dict[str, Any]:
        """Return a link to the batch's file. Raise `Conflict` if the file was not read yet or has expired.

        The link leads to the object in the bucket. Content that has arrived since may have replaced it, so a caller
        compares its SHA-256.
        """
        batch = self.own(owner, which)
        record = batch.record
        if batch.run is None:
            raise Conflict(f"The file of batch {record.batch_id} was not read yet.")
        where = {
            "Bucket": self.prompts_bucket,
            "Key": batch.run.source_ref.removeprefix(f"s3://{self.prompts_bucket}/"),
        }
        try:
            found = self.s3.head_object(Bucket=where["Bucket"], Key=where["Key"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
            raise Conflict(f"The file of batch {record.batch_id} has expired.") from None
        return {
            "name": record.name,
            "revision": record.revision,
            "sha256": record.content,
            "encoding": found["Metadata"].get("encoding"),
            "can_resend": record.batch_id == batch_id_of(self.prompts_bucket, owner, record.name),
            "size": found["ContentLength"],
            "url": self.s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_SECONDS),
            "expires_in": LINK_SECONDS,
        }

    def _run_of(self, batch: Batch, revision: int) -> BatchRun:
        """Return the latest run of an earlier revision."""
        runs = self.batches.records.runs([batch.record], batch.record.run).get(batch.record.batch_id, [])
        for run in runs:
            if run.revision == revision:
                return run
        raise NotFound(f"Batch {batch.record.name} has no revision {revision}.")

    def _earlier(self, report: ReportRows, after: int, last: int) -> Iterator[dict[str, Any]]:
        """Yield rows of an earlier revision. The index names only the latest revision of a row."""
        ids = self.batches.staging.ids(report.run, after, last) if after < last else {}
        if ids is None:
            raise NotFound(f"The rows of revision {report.run.revision} are not known: an earlier release read it.")
        return report.from_ids(ids, after, last)

    def cancel(self, owner: str, which: str) -> dict[str, Any]:
        """Start no more rows of the latest run and those before it, and stop the rows that they started.

        The provider may still finish, and charge for, the rows that it has.
        """
        batch = self._by_whole_id(owner, which)
        batch_id = batch.record.batch_id
        last_run = batch.run.number if batch.run else 0
        if batch.record.sent or not batch.is_cancelled:
            if self._status(batch, self._counts(batch)) is BatchStatus.COMPLETED:
                raise Conflict(f"Batch {batch_id} has ended: nothing is left to cancel.")
            # From now on no row is accepted. A row that is being accepted checks for this after it is recorded.
            at = self.batches.records.now()
            self.batches.records.cancel(batch_id, last_run, at)
            # A run that began since `batch` was read has checked for the cancel too early.
            latest = self.batches.records.get(batch_id)
            if latest.run and not latest.run.is_retry and latest.record.content_at and latest.record.content_at <= at:
                last_run = latest.run.number
                self.batches.records.cancel(batch_id, last_run, at)
        until = time.monotonic() + CANCEL_SECONDS
        was_quiet = False
        while time.monotonic() < until:
            is_quiet = not self._stop_rows(batch_id, last_run, until)
            # Twice, because the index may not have a row yet that was recorded just before.
            if is_quiet and was_quiet:
                break
            was_quiet = is_quiet
            self.sleep(LAG_SECONDS)
        return self.get(owner, batch_id)

    def _stop_rows(self, batch_id: str, last_run: int, until: float) -> int:
        """Stop the running rows that this run or an earlier one started. Return how many the index shows as running.

        Rows that a later retry has started keep running.
        """
        found = 0
        for generation_id in self.lists.running_in_batch(batch_id):
            with suppress(Conflict, NotFound):
                generation = self.ledger.get(generation_id)
                if (generation.batch_run or 0) <= last_run:
                    found += 1
                    self.deletion.delete(generation, only_running=True)
            if time.monotonic() > until:
                break
        return found

    def retry(self, owner: str, key_line: str | None, which: str) -> dict[str, Any]:
        """Run the rows that failed, were cancelled or were not started. Do not disturb a running batch."""
        batch = self._by_whole_id(owner, which)
        batch_id = batch.record.batch_id
        if batch.run is None:
            raise Conflict(f"Batch {batch_id} has no rows yet.")
        counts = self._counts(batch)
        status = self._status(batch, counts)
        if status is BatchStatus.RUNNING and not self.batches.has_broken_off(batch.run):
            self.batches.executions.start(batch.run)  # the function that created the run may have died before this
            return self.get(owner, batch_id)
        left = counts[Status.ERROR] + counts[NOT_STARTED]
        # In these states, rows may still be running, or only the report may be missing.
        if status not in (BatchStatus.RUNNING, BatchStatus.CANCELLING, BatchStatus.STOPPED):
            if left == 0:
                raise Conflict(f"Batch {batch_id} has no failed rows: nothing is left to retry.")
            if left == batch.run.problems:
                raise Conflict(f"Batch {batch_id} has only invalid rows left. Correct them and send its file again.")
        if not self.batches.staging.has_rows(batch.run):
            raise Conflict(f"The rows of batch {batch_id} have expired. Send its file again, then retry.")
        self.batches.limit.check(owner, key_line)
        self.batches.retry(batch.run, key_line)
        return self.get(owner, batch_id)

    def own(self, owner: str, which: str) -> Batch:
        """Return the owner's batch, by its id, its name or the beginning of its id.

        Raise `NotFound` if the owner has none, and `InvalidRequest` if it has several.
        """
        if re.fullmatch(GENERATION_ID, which, re.ASCII):
            batch = self.batches.records.find(which)
            if batch and batch.record.owner == owner:
                return batch
        meant = dict(islice(self._meant(owner, which).items(), MOST_MEANT))
        if len(meant) > 1 and all(one.record.name == which for one in meant.values()):
            raise InvalidRequest(f"Several of your batches have this name. Send an id: {', '.join(meant)}.", "batch_id")
        return only(meant, which, no_batch(which), "batches", "batch_id")

    def _meant(self, owner: str, which: str) -> dict[str, Batch]:
        """Return the owner's batches with this name. If there is none, return those whose ids begin with this text."""
        named: dict[str, Batch] = {}
        begun: dict[str, Batch] = {}
        has_more, cursor = True, None
        while has_more:
            found, cursor = self.batches.records.of_owner(owner, cursor, MAX_LIMIT)
            has_more = cursor is not None
            named |= {one.record.batch_id: one for one in found if one.record.name == which}
            if re.fullmatch(BEGINNING, which, re.ASCII):
                begun |= {one.record.batch_id: one for one in found if one.record.batch_id.startswith(which)}
        return named or begun

    def _by_whole_id(self, owner: str, which: str) -> Batch:
        batch = self.own(owner, which)
        if which not in (batch.record.batch_id, batch.record.name):
            raise InvalidRequest("The beginning of an id is not enough to cancel or retry: give the whole id or name.")
        return batch

    def _expect(self, owner: str, name: str, content: str, options: Options) -> None:
        """Record that a file is about to be sent, unless this content was read before and would start nothing.

        Raise `Conflict` if other content has just been sent under this name: the file was not compared with that.
        """
        records = self.batches.records
        batch_id = batch_id_of(self.prompts_bucket, owner, name)
        uri = f"s3://{self.prompts_bucket}/{sent_key(owner, name)}"
        fresh = records.new(batch_id, owner, name, uri, self.default_model)
        if (records.find(batch_id) or records.create(fresh)).has_read(content, strict=options.strict):
            return
        if not records.expect(batch_id, content, options.existing):
            raise Conflict(
                f"Another file named {name} has just been sent, and the two are not compared yet. Send this one again "
                "in a few seconds, or now with the choice `replace`."
            )

    def _counts(self, batch: Batch) -> Counter[str]:
        """Count the rows of the latest run by status. A rejected row counts as failed."""
        if batch.run is None:
            return Counter()
        counts = self.lists.batch_counts(batch.record.batch_id, batch.run.revision)
        without = max(0, batch.run.rows - counts.total())
        rejected = min(batch.run.rejected, without)
        counts[Status.ERROR] += rejected
        counts[NOT_STARTED] = without - rejected
        return counts

    def _status(self, batch: Batch, counts: Counter[str] | None) -> BatchStatus:
        run = batch.run
        return batch.status(counts, lambda: run is not None and self.batches.executions.is_broken(run.id))

    def _with_revisions(self, found: Sequence[Batch], most: int, *, counted: bool) -> list[dict[str, Any]]:
        """Return batches as the API shows them, with the revisions of up to `most` of their latest runs."""
        runs = self.batches.records.runs((one.record for one in found if one.record.run > 1), most)
        return [
            {**self._shown(one, counted=counted), **_revisions(runs.get(one.record.batch_id, [one.run]))}
            for one in found
        ]

    def _shown(self, batch: Batch, *, counted: bool) -> dict[str, Any]:
        counts = self._counts(batch) if counted else None
        record, run = batch.record, batch.run
        times = {
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "ended_at": run and run.ended_at,
            "cancelled_at": record.cancelled_at if batch.is_cancelled else None,
            "retried_at": run.started_at if run and run.is_retry else None,
        }
        return {
            "id": record.batch_id,
            "name": record.name,
            "status": self._status(batch, counts),
            "revision": record.revision,
            "sha256": record.content,
            "rows": run and run.rows,
            "made_before": run and run.made_before,
            "rejected": run and run.rejected,
            "counts": counts
            and {
                "not_started": counts[NOT_STARTED],
                "queued": counts[Status.QUEUED],
                "generating": counts[Status.GENERATING] + counts[Status.ARCHIVING],
                "completed": counts[Status.COMPLETED],
                "error": counts[Status.ERROR],
            },
            "error": as_error(record.error, record.batch_id),
            "held_back": run and run.why_not_started,
            "source": {"kind": "s3", "ref": record.source_ref},
            **{name: at and iso(at) for name, at in times.items()},
        }


def _revisions(runs: Sequence[BatchRun | None]) -> dict[str, Any]:
    """Return the revisions of a batch, newest first. `runs` are its latest runs, newest first."""
    revisions: dict[int, dict[str, Any]] = {}
    for run in filter(None, runs):
        shown = {
            "revision": run.revision,
            "rows": run.rows,
            "made_before": run.made_before,
            "rejected": run.rejected,
            "ended_at": run.ended_at and iso(run.ended_at),
        }
        revisions.setdefault(run.revision, shown)["started_at"] = iso(run.started_at)
    return {"revisions": list(revisions.values())}
