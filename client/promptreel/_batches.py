"""The methods of `Client` for batches."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict, Unpack
from urllib.parse import quote

from promptreel import _download, _rows
from promptreel._http import Http, bearing_faults
from promptreel._inputs import Uploads, as_utf8, send_form, with_references
from promptreel.batch import Batch, BatchCheck, Existing, ReportRow
from promptreel.errors import ApiError, BatchFailed, BatchTimeout, NotFound, PromptreelError
from promptreel.generation import ID_DIGITS, Video

BATCHES = "/v2/batches"
MAX_SENT_BYTES = 4 << 20  # a larger file is uploaded
PAGE = 100
POLL_SECONDS = 2.0
ROWS_A_SECOND = 500  # poll a large batch less often, because each poll counts its rows
DAY = 24 * 60 * 60.0
# Send the file as raw bytes: text might be decoded and changed between here and the API.
_AS_IT_IS = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Placed:
    """A file to send. If it has rows of a batch, it is the batch's whole file with these rows in their places."""

    path: Path
    name: str  # of the batch
    existing: Existing | None
    merged: _rows.Merged | None = None
    lines: Mapping[int, int] = field(default_factory=dict)  # lines of the original file, by the numbers of rows


class Sending(TypedDict, total=False):
    """How to send a batch file.

    `existing` is needed only if the file drops most rows of the batch of its name, or repeats most rows of another
    batch: `reuse` adds only the new rows to the batch that has most of them, `again` runs every row in a batch with a
    new name, and `replace` makes the file the next revision of the batch of its name.
    """

    name: str | None  # of the batch; by default the file's name
    force: bool  # run the valid rows even if others are invalid
    max_concurrency: int | None  # rows that run at once
    local_inputs: bool  # upload the files that rows name
    existing: Existing | None


class Batches:
    """The part of `Client` that runs, follows, reports, cancels and retries batches."""

    _http: Http
    _strictness_of_files: dict[str, str]  # a parameter of the query; files are strict by default

    def check_batch(
        self,
        file: str | Path,
        *,
        name: str | None = None,
        local_inputs: bool = False,
        existing: Existing | None = None,
    ) -> BatchCheck:
        """Check a file of requests: its rows, their problems, and how many were requested earlier. Nothing is started.

        If `choices` of the check is not empty, `create_batch` needs one of them as `existing`. Passed here, the check
        has the name and the id of the batch that the file would become.

        With `local_inputs`, rows may name local files, as in `create_batch`. Raise `ApiError` with the status 413 if
        the file is too large to check before the upload.
        """
        path = Path(file)
        if local_inputs:
            with self._local_inputs(path) as (changed, _):
                return self.check_batch(changed, name=name, existing=existing)
        if name is None:
            with self._placed(path, None, existing) as placed:
                return self.check_batch(placed.path, name=placed.name, existing=placed.existing)
        _refuse_large(path)
        params: dict[str, str | int] = {"name": name, "dry_run": "true", **self._strictness_of_files}
        params |= {"existing": existing} if existing else {}
        answer = self._http.call("POST", BATCHES, params=params, body=path.read_bytes(), headers=_AS_IT_IS)
        return BatchCheck.from_json(answer)

    def create_batch(self, file: str | Path, **sending: Unpack[Sending]) -> Batch:
        """Run a file of requests. Return once the file has arrived, possibly before all its rows have been read.

        `name` identifies the batch, and defaults to the file's name. Without a name, the rows of a file of `save_rows`
        return to the batch that they belong to, which keeps its other rows.

        If you edit the file and send it again under the same name, only the new rows run. Sending the same file again
        starts only rows that were not started or whose input was missing. If a row is invalid, nothing runs unless
        `force` is true. Files over 4 MiB or 5,000 rows are uploaded, and their invalid rows are rejected.

        If the file drops most rows of its batch, or repeats most rows of another one, pass `existing`; see `Sending`.
        Without it, nothing starts: raise `ApiError` with the status 409, or `BatchFailed` for a file that was uploaded.

        With `local_inputs`, images, audio and videos that rows name by path are uploaded. Paths are relative to the
        file's folder. Do not use it for files from people you do not trust.
        """
        path = Path(file)
        if sending.get("local_inputs"):
            with self._local_inputs(path) as (changed, upload):
                upload()
                local: Sending = {**sending, "local_inputs": False}
                return self.create_batch(changed, **local)
        name = sending.get("name")
        if name is None:
            with self._placed(path, None, sending.get("existing")) as placed:
                whole: Sending = {**sending, "name": placed.name, "existing": placed.existing}
                return self.create_batch(placed.path, **whole)
        params: dict[str, str | int] = {"name": name, **self._strictness_of_files}
        params |= {"force": "true"} if sending.get("force") else {}
        if at_once := sending.get("max_concurrency"):
            params["max_concurrency"] = at_once
        if existing := sending.get("existing"):
            params["existing"] = existing
        try:
            _refuse_large(path)
            answer = self._http.call("POST", BATCHES, params=params, body=path.read_bytes(), headers=_AS_IT_IS)
            return Batch.from_json(answer)
        except ApiError as error:
            if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise
        return self._uploaded(path, params)

    @contextmanager
    def _local_inputs(self, path: Path, encoding: str | None = None) -> Iterator[tuple[Path, Callable[[], None]]]:
        """Yield a temporary copy of the file with references for the local files it names, and a function that uploads
        them.

        Paths are relative to the file's folder. Raise FileNotFoundError if one does not exist. With an encoding, the
        copy is in UTF-8.
        """
        uploads = Uploads(self._http)
        content = with_references(path, uploads, encoding)
        if content is None:
            yield path, uploads.send
            return
        with TemporaryDirectory(prefix="promptreel-") as folder:
            changed = Path(folder) / path.name
            changed.write_bytes(content)
            yield changed, uploads.send

    def batch(self, batch_id: str) -> Batch:
        """Return the batch's current state, with its rows counted by status. Raise `NotFound` if it is unknown.

        The batch's name, or the beginning of its id, is enough.
        """
        return Batch.from_json(self._http.call("GET", BATCHES, params={"batch_id": batch_id}))

    def batches(self) -> Iterator[Batch]:
        """Yield your batches, newest first, without counts of their rows. They are fetched as you iterate."""
        yield from map(Batch.from_json, self._http.pages(BATCHES, {"limit": PAGE}))

    def report(self, batch_id: str, revision: int | None = None) -> Iterator[ReportRow]:
        """Yield the current state of each row, in order. Rows are fetched as you iterate.

        `revision` is that of the file, by default the latest.
        """
        path = _path(self._whole(batch_id), "report")
        yield from map(ReportRow.from_json, self._http.pages(path, {"revision": revision} if revision else {}))

    def save_rows(self, batch_id: str, path: str | Path, *, failed: bool = False) -> int:
        """Save the rows of a batch with all their columns and the reasons of failures. Return how many there are.

        Fix the rows in the file and send it without a name: it starts only rows that were changed or added, and the
        batch keeps all others. With `failed`, only failed rows are saved. The file has the format of the batch's file:
        a table as .csv or .tsv, JSON as .jsonl or .json. Raise FileExistsError if it exists.
        """
        path = Path(path)
        _download.refuse_existing(path)
        text, count, _ = self._rows_of(batch_id, failed=failed, suffix=path.suffix.lower())
        self._write_rows(text, path)
        return count

    def _write_rows(self, text: str, path: Path) -> None:
        with path.open(
            "x", encoding="utf-8-sig" if path.suffix.lower() in _rows.TABLES else "utf-8", newline=""
        ) as file:
            file.write(text)

    def _rows_of(self, batch_id: str, *, failed: bool, suffix: str | None = None) -> tuple[str, int, bool]:
        """Return the content of a file of rows, how many it has, and whether it can be sent again."""
        batch = self.batch(batch_id)
        report = list(self.report(batch.id))
        whole, can_resend = self._file_of(batch)  # after the report: it would notice another revision
        fitting = _rows.TABLES if isinstance(whole, _rows.TableRows) else _rows.LISTS
        if suffix is not None and suffix not in fitting:
            raise PromptreelError(f"The rows of batch {batch.name} need a file that ends in {' or '.join(fitting)}.")
        wanted = {
            row.row: (row.error or "") if row.status == "error" else ""
            for row in report
            if not failed or row.status == "error"
        }
        if any(number > len(whole.rows) for number in wanted):
            raise PromptreelError(f"The file of batch {batch.name} has fewer rows than its report: send it again.")
        revision = _rows.Revision(batch.id, batch.revision)
        return whole.marked(wanted, revision, suffix or fitting[0]), len(wanted), can_resend

    def _file_of(self, batch: Batch) -> tuple[_rows.Rows, bool]:
        """Return the rows of the file of a batch's present revision, and whether a file can be sent in its place."""
        found = self._http.call("GET", _path(batch.id, "file"))
        if found["size"] > _rows.MAX_BYTES:
            raise PromptreelError(
                f"The file of batch {batch.name} is larger than {_rows.MAX_BYTES >> 20} MiB: fix the rows in your own "
                "copy, and send that under the same name."
            )
        with TemporaryDirectory(prefix="promptreel-") as folder:
            copy = Path(folder) / "file"
            _download.save(Video(found["url"], None, None, found["size"]), copy, overwrite=False)
            if not _download.is_intact(copy, None, found["sha256"]) or found["revision"] != batch.revision:
                raise PromptreelError(
                    f"The file of batch {batch.name} was replaced by one that is not read yet, or cannot be read: "
                    "wait, or send the whole file again."
                )
            data = as_utf8(copy, found["encoding"]) if found["encoding"] else copy.read_bytes()
        return _rows.read(batch.name, data), found["can_resend"]

    @contextmanager
    def _placed(self, path: Path, name: str | None, existing: Existing | None) -> Iterator[Placed]:
        """Yield the file to send. Rows of a batch are put in their places in its file.

        If a name is given, or every row is wanted `again`, they are a file like any other.
        """
        revision = _rows.revision_of(path)
        if revision is None:
            yield Placed(path, name or path.name, existing)
            return
        part = _rows.read(path.name, path.read_bytes())
        with TemporaryDirectory(prefix="promptreel-") as folder:
            copy = Path(folder) / f"rows{path.suffix}"
            if name or existing == "again":
                copy.write_bytes(part.plain().encode())
                yield Placed(copy, name or path.name, existing)
                return
            batch = self.batch(revision.batch_id)
            if batch.revision != revision.number:
                raise PromptreelError(
                    f"Batch {batch.name} has changed since {path.name} was written, perhaps because that was sent "
                    "before: get its rows again with `promptreel batch rows`."
                )
            whole, can_resend = self._file_of(batch)
            if not can_resend:
                raise PromptreelError(
                    f"Batch {batch.name} was started from S3: fix the rows in its file, and upload that there again."
                )
            merged = _rows.merge(whole, part, path.name)
            if not (merged.changed or merged.added or merged.moved):
                raise PromptreelError(
                    f"No row of {path.name} was changed. To run failed rows again unchanged, use "
                    f"`promptreel batch retry {batch.id}`."
                )
            copy.write_bytes(merged.text.encode())
            # The file has every row of the batch, so it drops only those that were changed.
            yield Placed(copy, batch.name, "replace", merged, merged.lines)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel the batch and its running rows. The provider may still finish and charge for those rows."""
        return Batch.from_json(self._http.call("POST", _path(self._whole(batch_id), "cancel")))

    def retry_batch(self, batch_id: str) -> Batch:
        """Run rows again that failed, were cancelled or never started. Requests that may have been paid are not sent
        again."""
        return Batch.from_json(self._http.call("POST", _path(self._whole(batch_id), "retry")))

    def _whole(self, batch_id: str) -> str:
        return batch_id if is_whole(batch_id) else self.batch(batch_id).id

    def wait_for_batch(
        self, batch_id: str, timeout: float = DAY, on_change: Callable[[Batch], None] | None = None
    ) -> Batch:
        """Return the batch once it has ended.

        Raise `BatchTimeout` after `timeout` seconds and `BatchFailed` if its file cannot be read. `on_change` is called
        with the batch at first and after every change.
        """
        watch = BatchWatch(timeout, on_change)
        seen = self.batch(batch_id)
        while (pause := watch.pause_after(seen)) is not None:
            time.sleep(pause)
            with bearing_faults():
                seen = self.batch(batch_id)
        return seen

    def _uploaded(self, path: Path, params: dict[str, str | int]) -> Batch:
        """Upload a large file, and return the batch once the file has been read."""
        answer = self._http.call("POST", BATCHES, params={**params, "upload": "true"})
        form = answer["upload"]
        try:
            earlier = self.batch(answer["id"]).raw
        except NotFound:
            earlier = {}
        with path.open("rb") as body:
            sha256 = hashlib.file_digest(body, "sha256").hexdigest()
        send_form(form, path)
        deadline = time.monotonic() + DAY
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            try:
                found = self.batch(answer["id"])
            except NotFound:
                continue
            if found.sha256 == sha256:
                return found
            if found.error and found.raw.get("updated_at") != earlier.get("updated_at"):
                raise BatchFailed(found)
        raise BatchTimeout(f"Batch {answer['id']} was uploaded a day ago but has not been read: try again.")


class BatchWatch:
    """The common part of both clients' `wait_for_batch`: decides when to poll again."""

    def __init__(self, timeout: float, on_change: Callable[[Batch], None] | None) -> None:
        self._timeout, self._on_change = timeout, on_change
        self._deadline = time.monotonic() + timeout
        self._last: Batch | None = None

    def pause_after(self, seen: Batch) -> float | None:
        """Return the seconds until the next poll, or None if it has ended. Raise `BatchFailed` or `BatchTimeout`."""
        if self._on_change and seen != self._last:
            self._on_change(seen)
            self._last = seen
        if seen.status == "error":
            raise BatchFailed(seen)
        if seen.ended:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise BatchTimeout(f"Batch {seen.id} has not ended after {self._timeout:.0f} s, and continues.")
        return min(max(POLL_SECONDS, (seen.rows or 0) / ROWS_A_SECOND), left)


def is_whole(batch_id: str) -> bool:
    """Return whether this is a whole id, and not a batch's name or the beginning of an id."""
    return re.fullmatch(f"[0-9a-f]{{{ID_DIGITS}}}", batch_id, re.ASCII) is not None


def _path(batch_id: str, what: str) -> str:
    return f"{BATCHES}/{quote(batch_id, safe='')}/{what}"


def _refuse_large(path: Path) -> None:
    if path.stat().st_size > MAX_SENT_BYTES:
        message = f"{path} is larger than {MAX_SENT_BYTES >> 20} MiB: it can only be checked after the upload"
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
