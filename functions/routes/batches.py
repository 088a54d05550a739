"""Routes of batches."""

from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import listing
from core.batches.api import MAX_REPORT, BatchApi, Options
from core.batches.check import CheckFile, SentFile, file_name
from core.batches.comparison import BY_NAME
from core.batches.encoding import as_utf8
from core.batches.record import Existing
from core.batches.report import as_csv
from core.errors import InvalidFile, InvalidRequest
from core.records.lists import CURSOR, MAX_LIMIT
from routes.access import caller
from routes.parameters import choice, content, cursor, flag, number, query
from wiring import logger
from wiring.api import accounts, api_settings, deletion, models
from wiring.batch_start import make_batch_start

MAX_CONCURRENCY = 10_000  # the highest value that a request may name; a lower setting of the stage applies
MAX_REVISION = 99_999
CHOICES = (Existing.REUSE, Existing.AGAIN, Existing.REPLACE)
ROW = "[0-9]{1,6}"  # the cursor of a report

router = APIGatewayHttpRouter()


@cache
def _batches() -> BatchApi:
    s = api_settings()
    return BatchApi(
        ledger=deletion().ledger,
        default_model=s.default_model,
        batches=make_batch_start(s),
        deletion=deletion(),
        s3=deletion().objects.s3,
        prompts_bucket=s.prompts_bucket,
    )


@cache
def _check_file() -> CheckFile:
    s = api_settings()
    return CheckFile(
        models=models(),
        default_model=s.default_model,
        accounts=accounts(),
        batches=_batches().batches,
        prompts_bucket=s.prompts_bucket,
    )


@router.post("/v2/batches")
def send() -> dict[str, Any]:
    """Check a file, compare it with batches, and start its batch.

    With `dry_run` the file is only checked. With `upload` the answer is a form to send a larger file with.
    """
    calls = caller(router)
    name = file_name(query(router).get("name"), router.current_event.headers.get("content-type", ""))
    max_concurrency = number(router, "max_concurrency", MAX_CONCURRENCY)
    encoding, sent = query(router).get("encoding"), router.current_event
    if encoding and sent.body and not sent.is_base64_encoded:  # the gateway has decoded it as UTF-8
        raise InvalidRequest("To name an encoding, send the file as `application/octet-stream`.", "encoding")
    existing = choice(router, "existing", CHOICES)
    options = Options(
        calls.key_line,
        max_concurrency,
        strict=flag(router, "strict", "true"),
        existing=Existing(existing) if existing else None,
    )
    try:
        body = b"".join(as_utf8([content(router)], encoding))
    except ValueError:  # half a surrogate pair
        raise InvalidFile("The file is not UTF-8 text.") from None
    if flag(router, "upload"):
        options = replace(options, encoding=encoding)
        if body:
            raise InvalidRequest(
                "With `upload=true`, send no body. The response has a form to upload the file with.", "upload"
            )
        if options.existing is Existing.REUSE:
            raise InvalidRequest(f"With `upload=true`, the file cannot be compared yet. {BY_NAME}", "existing")
        if options.existing is Existing.AGAIN:
            name = _check_file().free_name(SentFile(calls.owner, name, b""))
        return _batches().upload(calls.owner, name, options)
    is_dry = flag(router, "dry_run")
    file = SentFile(calls.owner, name, body, options.strict, options.existing)
    checked = _check_file().check(file, with_uploads=not is_dry)
    if is_dry:
        return checked.as_json()
    if not flag(router, "force"):
        checked.reject_problems()
    checked.compared.require_choice(options.existing)
    batch = _batches().create(calls.owner, checked.name, body, options)
    logger.info("batch sent", batch_id=batch["id"], owner=calls.owner, rows=checked.rows)
    return {**batch, "check": checked.as_json()}


@router.get("/v2/batches")
def fetch_or_list() -> dict[str, Any]:
    """Return one batch with its progress, or a page of them without an id."""
    owner, batch_id = caller(router).owner, query(router).get("batch_id")
    if batch_id is not None:
        return _batches().get(owner, batch_id)
    limit = number(router, "limit", MAX_LIMIT) or listing.DEFAULT_LIMIT
    return _batches().page(owner, cursor(router, CURSOR), limit)


@router.get("/v2/batches/<id>/report")
def report(id: str) -> dict[str, Any] | Response[str]:
    """Return a page of a batch's report, as JSON or as CSV."""
    form = choice(router, "format", ("json", "csv")) or "json"
    after, limit = int(cursor(router, ROW) or 0), number(router, "limit", MAX_REPORT) or MAX_REPORT
    revision = number(router, "revision", MAX_REVISION)
    rows, last = _batches().report(caller(router).owner, id, after, limit, revision)
    if form == "json":
        return {"data": rows, "next_cursor": last and str(last)}
    headers: dict[str, str | list[str]] = {"Content-Disposition": 'attachment; filename="report.csv"'}
    if last:
        which = f"&revision={revision}" if revision else ""
        headers["Link"] = f'<?format=csv&limit={limit}{which}&cursor={last}>; rel="next"'
    csv = as_csv(rows, with_header=not after)
    return Response(HTTPStatus.OK.value, "text/csv; charset=utf-8", csv, headers=headers)


@router.get("/v2/batches/<id>/file")
def file(id: str) -> dict[str, Any]:
    """Return a link to the file that a batch was sent as."""
    return _batches().file(caller(router).owner, id)


@router.post("/v2/batches/<id>/cancel")
def cancel(id: str) -> dict[str, Any]:
    """Start no more rows, and cancel those that are running."""
    return _batches().cancel(caller(router).owner, id)


@router.post("/v2/batches/<id>/retry")
def retry(id: str) -> dict[str, Any]:
    """Run the rows again that failed, were cancelled or were not started."""
    calls = caller(router)
    return _batches().retry(calls.owner, calls.key_line, id)
