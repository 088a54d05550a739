"""Batches over HTTP: what their calls ask for, and in which form they are answered."""

from collections.abc import Callable
from dataclasses import dataclass

from core.api import listing
from core.api.batches import MAX_REPORT, BatchApi, file_name
from core.api.http import Answer, Request, as_json, as_text
from core.errors import InvalidFile, InvalidRequest
from core.publish.batch_report import as_csv
from core.records.lists import CURSOR, MAX_LIMIT

MAX_CONCURRENCY = 10_000  # that can be asked for; what counts is the stage's setting, if that is lower
ROW = "[0-9]{1,6}"  # the cursor of a report


@dataclass(frozen=True)
class BatchRoutes:
    """A method for each call about batches."""

    batches: BatchApi
    log: Callable[..., None]  # of what was done, by name

    def send(self, request: Request) -> Answer:
        """Send a file of requests; `dry_run` only checks it, `upload` asks for a form to send a larger one with."""
        owner = request.owner
        name = file_name(request.query.get("name"), request.headers.get("content-type", ""))
        max_concurrency = request.number("max_concurrency", MAX_CONCURRENCY)
        try:
            body = request.content()
        except ValueError:  # half a surrogate pair
            raise InvalidFile("The file is not UTF-8 text.") from None
        if request.flag("upload"):
            if body:
                raise InvalidRequest("With `upload` nothing is sent here: the answer says where to.", "upload")
            return as_json(self.batches.upload(owner, request.key_id, name, max_concurrency))
        is_dry = request.flag("dry_run")
        checked = self.batches.check(owner, name, body, with_uploads=not is_dry)
        if is_dry:
            return as_json(checked.as_json())
        if not request.flag("force"):
            checked.refuse()
        batch = self.batches.create(owner, request.key_id, name, body, max_concurrency)
        self.log("batch sent", batch_id=batch["id"], owner=owner, rows=checked.rows)
        return as_json({**batch, "check": checked.as_json()})

    def fetch_or_list(self, request: Request) -> Answer:
        """One batch of the caller's own, with its progress; without an id, a page of them."""
        owner, batch_id = request.owner, request.query.get("batch_id")
        if batch_id is not None:
            return as_json(self.batches.get(owner, batch_id))
        limit = request.number("limit", MAX_LIMIT) or listing.DEFAULT_LIMIT
        return as_json(self.batches.page(owner, request.cursor(CURSOR), limit))

    def report(self, request: Request) -> Answer:
        """What became of a batch's rows, as the ledger has it now: a page of them, as JSON or as CSV."""
        owner, form = request.owner, request.query.get("format", "json")
        if form not in ("json", "csv"):
            raise InvalidRequest("`format` must be one of json, csv.", "format")
        after, limit = int(request.cursor(ROW) or 0), request.number("limit", MAX_REPORT) or MAX_REPORT
        rows, last = self.batches.report(owner, request.named["id"], after, limit)
        if form == "json":
            return as_json({"data": rows, "next_cursor": last and str(last)})
        headers = {"Content-Disposition": 'attachment; filename="report.csv"'}
        if last:
            headers["Link"] = f'<?format=csv&limit={limit}&cursor={last}>; rel="next"'
        return as_text(as_csv(rows, with_header=not after), "text/csv; charset=utf-8", headers=headers)

    def cancel(self, request: Request) -> Answer:
        """Start no more rows, and stop those that run; again, the same."""
        return as_json(self.batches.cancel(request.owner, request.named["id"]))

    def retry(self, request: Request) -> Answer:
        """Run again the rows that failed, were cancelled or were not reached."""
        return as_json(self.batches.retry(request.owner, request.key_id, request.named["id"]))
