"""The calls of `Client` that are about batches."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from promptreel._http import Http, bearing_faults
from promptreel._inputs import Uploads, send_form, with_references
from promptreel.batch import Batch, BatchCheck, ReportRow
from promptreel.errors import ApiError, BatchFailed, BatchTimeout, NotFound
from promptreel.generation import ID_DIGITS

BATCHES = "/v2/batches"
MAX_SENT_BYTES = 4 << 20  # a larger file is uploaded
PAGE = 100
POLL_SECONDS = 2.0
ROWS_A_SECOND = 500  # of a large batch, whose rows are counted each time
DAY = 24 * 60 * 60.0
# Bytes as they are: of a text, the API would be given what somebody on the way takes it for.
_AS_IT_IS = {"Content-Type": "application/octet-stream"}


class Batches:
    """Sends, follows, reports, cancels and retries the batches of one API key."""

    _http: Http

    def check_batch(self, file: str | Path, *, name: str | None = None, local_inputs: bool = False) -> BatchCheck:
        """What a file holds, what is wrong with it, and what of it was made before; nothing is sent to the provider.

        With `local_inputs` rows may name files of this machine, as in `create_batch`. Raises `ApiError`, with the
        status 413 for a file that is too large to be checked before it is sent.
        """
        path = Path(file)
        if local_inputs:
            with self._local_inputs(path) as (changed, _):
                return self.check_batch(changed, name=name or path.name)
        _refuse_large(path)
        params = {"name": name or path.name, "dry_run": "true"}
        answer = self._http.call("POST", BATCHES, params=params, body=path.read_bytes(), headers=_AS_IT_IS)
        return BatchCheck.from_json(answer)

    def create_batch(
        self,
        file: str | Path,
        *,
        name: str | None = None,
        force: bool = False,
        max_concurrency: int | None = None,
        local_inputs: bool = False,
    ) -> Batch:
        """Send a file of requests; returns once it is there, and it may still be read.

        `name`, by default the file's, is what the batch is known by: a file that was edited is sent again under its
        name and makes only the rows that are new; the same file again makes nothing. With a row that is not allowed
        nothing is sent, unless with `force`. A larger file is uploaded, and its bad rows are failed ones. With
        `local_inputs` the pictures, sounds and videos that rows name by paths, relative to the file's folder, are
        uploaded: not for a file that a stranger wrote.
        """
        path = Path(file)
        if local_inputs:
            with self._local_inputs(path) as (changed, upload):
                upload()
                return self.create_batch(changed, name=name or path.name, force=force, max_concurrency=max_concurrency)
        params: dict[str, str | int] = {"name": name or path.name}
        params |= {"force": "true"} if force else {}
        params |= {"max_concurrency": max_concurrency} if max_concurrency else {}
        try:
            _refuse_large(path)
            answer = self._http.call("POST", BATCHES, params=params, body=path.read_bytes(), headers=_AS_IT_IS)
            return Batch.from_json(answer)
        except ApiError as error:
            if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise
        return self._uploaded(path, params)

    @contextmanager
    def _local_inputs(self, path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
        """A file of requests to send in place of this one, for as long as the block lasts, and what uploads its inputs.

        In it there are references for the pictures, sounds and videos of this machine that the file names, relative to
        its own folder. Raises FileNotFoundError for one that is not there.
        """
        uploads = Uploads(self._http)
        content = with_references(path, uploads)
        if content is None:
            yield path, uploads.send
            return
        with TemporaryDirectory(prefix="promptreel-") as folder:
            changed = Path(folder) / path.name
            changed.write_bytes(content)
            yield changed, uploads.send

    def batch(self, batch_id: str) -> Batch:
        """The batch as it is now, with its rows counted by status; `NotFound`. The beginning of an id is enough."""
        return Batch.from_json(self._http.call("GET", BATCHES, params={"batch_id": batch_id}))

    def batches(self) -> Iterator[Batch]:
        """Your batches, newest first, fetched as you iterate; their rows are not counted."""
        params: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = self._http.call("GET", BATCHES, params=params)
            yield from map(Batch.from_json, page["data"])
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def report(self, batch_id: str) -> Iterator[ReportRow]:
        """What became of each row, in order, as it is now; fetched as you iterate."""
        params: dict[str, str | int] = {}
        while True:
            page = self._http.call("GET", _path(batch_id, "report"), params=params)
            yield from map(ReportRow.from_json, page["data"])
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def cancel_batch(self, batch_id: str) -> Batch:
        """Start no more rows, and cancel those that run; the provider may still finish them, and charge."""
        return Batch.from_json(self._http.call("POST", _path(self._whole(batch_id), "cancel")))

    def retry_batch(self, batch_id: str) -> Batch:
        """Run the rows again that failed, were cancelled or were not reached; what may be paid is not sent again."""
        return Batch.from_json(self._http.call("POST", _path(self._whole(batch_id), "retry")))

    def _whole(self, batch_id: str) -> str:
        return batch_id if len(batch_id) >= ID_DIGITS else self.batch(batch_id).id

    def wait_for_batch(
        self, batch_id: str, timeout: float = DAY, on_change: Callable[[Batch], None] | None = None
    ) -> Batch:
        """The batch once nothing of it runs; `BatchTimeout` after `timeout` seconds, `BatchFailed` if its file cannot
        be read. `on_change` hears of it at first and whenever it has changed."""
        watch = BatchWatch(timeout, on_change)
        seen = self.batch(batch_id)
        while (pause := watch.pause_after(seen)) is not None:
            time.sleep(pause)
            with bearing_faults():
                seen = self.batch(batch_id)
        return seen

    def _uploaded(self, path: Path, params: dict[str, str | int]) -> Batch:
        """Upload a large file: the batch once it was read."""
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
        raise BatchTimeout(f"Batch {answer['id']} was uploaded, and has not been read.")


class BatchWatch:
    """Poll one batch until nothing of it runs: what the two clients' `wait_for_batch` have in common."""

    def __init__(self, timeout: float, on_change: Callable[[Batch], None] | None) -> None:
        self._timeout, self._on_change = timeout, on_change
        self._deadline = time.monotonic() + timeout
        self._told: Batch | None = None

    def pause_after(self, seen: Batch) -> float | None:
        """Return the seconds until the next poll, or None if it has ended. Raise `BatchFailed` or `BatchTimeout`."""
        if self._on_change and seen != self._told:
            self._on_change(seen)
            self._told = seen
        if seen.status == "error":
            raise BatchFailed(seen)
        if seen.ended:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise BatchTimeout(f"Batch {seen.id} has not ended after {self._timeout:.0f} s, and goes on.")
        return min(max(POLL_SECONDS, (seen.rows or 0) / ROWS_A_SECOND), left)


def _path(batch_id: str, what: str) -> str:
    return f"{BATCHES}/{quote(batch_id, safe='')}/{what}"


def _refuse_large(path: Path) -> None:
    if path.stat().st_size > MAX_SENT_BYTES:
        message = f"{path} is larger than {MAX_SENT_BYTES} bytes: it is checked once it was uploaded"
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
