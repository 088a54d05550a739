"""The HTTP API: the provider's own contract, in front of the archive."""

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver, Response

from core import settings
from core.api import OLDER_PATH, PATH, listing
from core.api import models as catalogue
from core.archive.objects import PRESIGNING, Objects, presigned_url
from core.delete import Deletion
from core.errors import (
    Conflict,
    Deleted,
    FileTooLarge,
    IdempotencyConflict,
    InvalidFile,
    InvalidRequest,
    NotFound,
    PromptreelError,
    Unauthorized,
)
from core.generation import BEGINNING, GENERATION_ID, Generation, Source, generation_id_for, iso
from core.intake.accept import accept, idempotency_key
from core.models import Models
from core.models.validation import parse_json
from core.places.table import PlacesTable
from core.provider.generation_times import GenerationTimes
from core.publish.views import as_provider_object
from core.records.ledger import CURSOR, MAX_LIMIT, Ledger
from core.workflow import Workflow
from wiring import client, logger, now
from wiring.batches import UsesBatches, make_batches
from wiring.generation_times import UsesGenerationTimes, make_generation_times
from wiring.ledger import UsesLedger, make_ledger
from wiring.models import UsesModels, make_models
from wiring.workflow import UsesWorkflow, make_workflow

if TYPE_CHECKING:
    from core.api.batches import BatchApi

BATCHES = "/v2/batches"
MAX_BODY_BYTES = 256 << 10
MAX_CONCURRENCY = 10_000  # that can be asked for; what counts is the stage's setting, if that is lower
ROW = "[0-9]{1,6}"  # the cursor of a report
_STATUS = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidFile: HTTPStatus.BAD_REQUEST,
    FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    Deleted: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.CONFLICT,
}
_METHODS = {
    PATH: "GET, POST, DELETE",
    OLDER_PATH: "GET, POST",
    BATCHES: "GET, POST",
    "/v2/models": "GET",
    "/openapi.json": "GET",
    "/health": "GET",
}
_METHODS_BELOW = {
    PATH + "/[^/]+/content": "GET",
    BATCHES + "/[^/]+/report": "GET",
    BATCHES + "/[^/]+/(cancel|retry)": "POST",
}
# Answers hold prompts and links that work: nobody on the way keeps them, or takes them for anything but JSON.
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

app = APIGatewayHttpResolver()


@dataclass(frozen=True)
class Settings(UsesLedger, UsesBatches, UsesWorkflow, UsesModels, UsesGenerationTimes):
    videos_bucket: str
    prompts_bucket: str
    batch_state_machine_arn: str
    batch_concurrency: int
    default_model: str
    url_lifetime_seconds: int


@dataclass(frozen=True)
class Wired:
    ledger: Ledger
    workflow: Workflow
    times: GenerationTimes
    places: PlacesTable
    settings: Settings


@cache
def _wired() -> Wired:
    s = settings.read(Settings)
    places = PlacesTable(client("dynamodb"), s.places_table_name, s.table_name)
    return Wired(make_ledger(s), make_workflow(s), make_generation_times(s), places, s)


def _models() -> Models:
    """Their files are read only when somebody asks for one of them."""
    return make_models(_wired().settings)


def _s3() -> Any:
    return client("s3", **PRESIGNING)


@cache
def _batches() -> "BatchApi":
    """What batches need, made when the first call about one comes."""
    from core.api.batches import BatchApi  # noqa: PLC0415 - most calls are about a single generation
    from core.intake.batches import Batches  # noqa: PLC0415 - the same

    wired, s3 = _wired(), _s3()
    s = wired.settings
    batches = Batches(
        s3,
        s.videos_bucket,
        wired.workflow.stepfunctions,
        s.batch_state_machine_arn,
        s.batch_concurrency,
        wired.ledger,
        make_batches(s),
    )
    deletion = Deletion(wired.ledger, wired.workflow, Objects(s3, s.videos_bucket))
    return BatchApi(wired.ledger, _models(), s.default_model, batches, deletion, s3, s.prompts_bucket)


@app.get("/health")
def health() -> Response[str]:
    """Life, for anyone."""
    return _json(HTTPStatus.OK, {"status": "ok"})


@app.get("/openapi.json")
def contract() -> Response[str]:
    """The contract, for anyone."""
    from core.api import openapi  # noqa: PLC0415 - it is large, and few ask for it

    return _json(HTTPStatus.OK, openapi.document(_models()))


@app.get("/v2/models")
def models() -> Response[str]:
    """What can be asked for here, and how long it takes: a page of it, or one model."""
    _owner()
    query = app.current_event.query_string_parameters
    return _json(HTTPStatus.OK, catalogue.answer(_models(), _wired().times.of_models(), query))


@app.post(PATH)
@app.post(OLDER_PATH)
def create() -> Response[str]:
    """Accept a request: its generation, `queued` unless an idempotency key finds an older one."""
    owner, wired = _owner(), _wired()
    source = Source("api", app.current_event.request_context.request_id)
    generation_id = generation_id_for(owner, source.kind, _idempotency_key())
    generation = accept(_body(), generation_id, owner, source, _models(), wired.ledger, wired.workflow)
    logger.info("accepted", generation_id=generation.generation_id, owner=owner, model=generation.model)
    return _json(HTTPStatus.OK, _shown(generation))


@app.get(PATH)
def fetch_or_list() -> Response[str]:
    """One generation of the caller's own, with a fresh link to its video; without an id, a page of them."""
    if "generation_id" in app.current_event.query_string_parameters:
        return fetch()
    owner = _owner()
    found, next_cursor = _wired().ledger.list(owner, *listing.read(app.current_event.query_string_parameters))
    return _json(HTTPStatus.OK, {"data": [_shown(one) for one in found], "next_cursor": next_cursor})


@app.get(OLDER_PATH)
def fetch() -> Response[str]:
    """One generation of the caller's own, with a fresh link to its video."""
    generation = _own(_owner(), _generation_id())
    shown = _shown(generation)
    if generation.waits_for_place:
        shown["meta"]["ahead"] = _wired().places.ahead(generation)
    return _json(HTTPStatus.OK, shown)


@app.delete(PATH)
def delete() -> Response[str]:
    """Cancel what has not ended, delete what has; again, the same answer."""
    owner, wired = _owner(), _wired()
    generation_id = _generation_id()
    if re.fullmatch(BEGINNING, generation_id, re.ASCII):
        raise InvalidRequest("The beginning of an id is not enough to cancel or delete: name the whole of it.")
    only_running = app.current_event.query_string_parameters.get("only_running") == "true"
    deletion = Deletion(wired.ledger, wired.workflow, Objects(_s3(), wired.settings.videos_bucket))
    try:
        cancelled = deletion.delete(_own(owner, generation_id), only_running=only_running)
    except Deleted:
        cancelled = None
    if cancelled:
        return _json(HTTPStatus.OK, _shown(cancelled))
    logger.info("deleted", generation_id=generation_id, owner=owner)
    return _json(HTTPStatus.OK, {"id": generation_id, "deleted": True})


@app.get(PATH + "/<generation_id>/content")
def content(generation_id: str) -> Response[str]:
    """Where the MP4 is."""
    generation = _own(_owner(), generation_id)
    if not generation.video:
        raise Conflict(f"Generation {generation_id} has no video; its status is {_shown(generation)['status']}.")
    headers = {"Location": _shown(generation)["video"]["url"], **_PRIVATE}
    return Response(HTTPStatus.FOUND, headers=cast("Any", headers), body="")


@app.post(BATCHES)
def send_batch() -> Response[str]:
    """Send a file of requests; with `dry_run` it is only checked, with `upload` there is a link for a larger one."""
    from core.api.batches import file_name  # noqa: PLC0415 - most calls are about a single generation

    owner, query = _owner(), app.current_event.query_string_parameters
    name = file_name(query.get("name"), app.current_event.headers.get("content-type", ""))
    max_concurrency = _number("max_concurrency", MAX_CONCURRENCY)
    body = _bytes()
    if _flag("upload"):
        if body:
            raise InvalidRequest("With `upload` nothing is sent here: the answer says where to.", "upload")
        return _json(HTTPStatus.OK, _batches().upload(owner, name, max_concurrency))
    checked = _batches().check(owner, name, body)
    if _flag("dry_run"):
        return _json(HTTPStatus.OK, checked.as_json())
    if not _flag("force"):
        checked.refuse()
    batch = _batches().create(owner, name, body, max_concurrency)
    logger.info("batch sent", batch_id=batch["id"], owner=owner, rows=checked.rows)
    return _json(HTTPStatus.OK, {**batch, "check": checked.as_json()})


@app.get(BATCHES)
def fetch_or_list_batches() -> Response[str]:
    """One batch of the caller's own, with its progress; without an id, a page of them."""
    owner, batch_id = _owner(), app.current_event.query_string_parameters.get("batch_id")
    if batch_id is not None:
        return _json(HTTPStatus.OK, _batches().get(owner, batch_id))
    limit = _number("limit", MAX_LIMIT) or listing.DEFAULT_LIMIT
    return _json(HTTPStatus.OK, _batches().page(owner, _cursor(CURSOR), limit))


@app.get(BATCHES + "/<batch_id>/report")
def report_batch(batch_id: str) -> Response[str]:
    """What became of a batch's rows, as the ledger has it now: a page of them, as JSON or as CSV."""
    from core.api.batches import MAX_REPORT  # noqa: PLC0415 - most calls are about a single generation
    from core.publish.batch_report import as_csv  # noqa: PLC0415 - the same

    owner, form = _owner(), app.current_event.query_string_parameters.get("format", "json")
    if form not in ("json", "csv"):
        raise InvalidRequest("`format` must be one of json, csv.", "format")
    after, limit = int(_cursor(ROW) or 0), _number("limit", MAX_REPORT) or MAX_REPORT
    rows, last = _batches().report(owner, batch_id, after, limit)
    if form == "json":
        return _json(HTTPStatus.OK, {"data": rows, "next_cursor": last and str(last)})
    headers = {"Content-Disposition": 'attachment; filename="report.csv"', **_PRIVATE}
    if last:
        headers["Link"] = f'<?format=csv&limit={limit}&cursor={last}>; rel="next"'
    text = as_csv(rows, with_header=not after)
    return Response(HTTPStatus.OK, content_type="text/csv; charset=utf-8", body=text, headers=cast("Any", headers))


@app.post(BATCHES + "/<batch_id>/cancel")
def cancel_batch(batch_id: str) -> Response[str]:
    """Start no more rows, and stop those that run; again, the same."""
    return _json(HTTPStatus.OK, _batches().cancel(_owner(), batch_id))


@app.post(BATCHES + "/<batch_id>/retry")
def retry_batch(batch_id: str) -> Response[str]:
    """Run again the rows that failed, were cancelled or were not reached."""
    return _json(HTTPStatus.OK, _batches().retry(_owner(), batch_id))


@app.exception_handler(list(_STATUS))  # type: ignore[untyped-decorator]  # the library leaves it untyped
def _refused(error: PromptreelError) -> Response[str]:
    return _error(_STATUS[type(error)], str(error))


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # the library leaves it untyped
def _failed(error: Exception) -> Response[str]:
    logger.exception("unexpected error", exc_info=error)
    return _error(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Promptreel failed unexpectedly: try again, with an Idempotency-Key so that nothing runs twice.",
    )


@app.not_found
def _no_route(_: Exception) -> Response[str]:
    event = app.current_event
    methods = _METHODS.get(event.path)
    methods = methods or next((one for path, one in _METHODS_BELOW.items() if re.fullmatch(path, event.path)), None)
    if methods and event.http_method not in methods:
        message = f"{event.http_method} is not allowed here; {methods} is."
        return _error(HTTPStatus.METHOD_NOT_ALLOWED, message, Allow=methods)
    _owner()
    return _error(HTTPStatus.NOT_FOUND, f"There is no {event.path} here.")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP API event, payload 2.0 → its answer."""
    # A base URL that ends in a slash makes `//v2/...` of a path.
    event["rawPath"] = re.sub("^/+", "/", event["rawPath"])
    return app.resolve(event, context)


def _owner() -> str:
    """Whom the authorizer recognised."""
    authorizer = app.current_event.request_context.authorizer
    owner = (authorizer.get_lambda or {}).get("owner") if authorizer else None
    if not owner:
        raise Unauthorized("The API key is missing or not valid: send `Authorization: Bearer <key>`.")
    return str(owner)


def _own(owner: str, generation_id: str) -> Generation:
    """The owner's generation; the answer is the same for another's as for one that does not exist."""
    missing = f"There is no generation {generation_id[:64]}."
    if re.fullmatch(BEGINNING, generation_id, re.ASCII):
        return _meant(owner, generation_id, missing)
    if not re.fullmatch(GENERATION_ID, generation_id, re.ASCII):
        raise NotFound(missing)  # the table holds other things, under other names
    try:
        generation = _wired().ledger.get(generation_id)
    except Deleted as deleted:
        raise (deleted if deleted.owner == owner else NotFound(missing)) from None
    if generation.owner != owner:
        raise NotFound(missing)
    return generation


def _meant(owner: str, beginning: str, missing: str) -> Generation:
    """The one of the owner's generations whose id begins so."""
    match list(_wired().ledger.meant(owner, beginning)):
        case []:
            raise NotFound(missing)
        case [generation]:
            return generation
        case several:
            ids = ", ".join(generation.generation_id for generation in several)
            raise InvalidRequest(f"Several of your generations begin with {beginning}, name one: {ids}.")


def _generation_id() -> str:
    generation_id = app.current_event.query_string_parameters.get("generation_id")
    if not generation_id:
        raise InvalidRequest("The query parameter `generation_id` is required.", "generation_id")
    return generation_id


def _number(name: str, most: int) -> int | None:
    """A query parameter that counts from 1, None where it is not there."""
    text = app.current_event.query_string_parameters.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise InvalidRequest(f"`{name}` must be a number from 1 to {most}.", name)
    return int(text)


def _cursor(pattern: str) -> str | None:
    cursor = app.current_event.query_string_parameters.get("cursor")
    if cursor is not None and not re.fullmatch(pattern, cursor, re.ASCII):
        raise InvalidRequest("`cursor` must be the `next_cursor` of an earlier page.", "cursor")
    return cursor


def _flag(name: str) -> bool:
    text = app.current_event.query_string_parameters.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidRequest(f"`{name}` must be true or false.", name)
    return text == "true"


def _bytes() -> bytes:
    """The body as it was sent."""
    event = app.current_event
    try:
        return base64.b64decode(event.body or "") if event.is_base64_encoded else (event.body or "").encode()
    except ValueError:  # half a surrogate pair
        raise InvalidFile("The file is not UTF-8 text.") from None


def _body() -> object:
    try:
        text = app.current_event.decoded_body or ""
    except ValueError:
        raise InvalidRequest("The body must be JSON, as UTF-8 text.") from None
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        raise InvalidRequest(f"The body is too large: at most {MAX_BODY_BYTES} bytes are allowed.")
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body must be valid JSON: {error}.") from error


def _idempotency_key() -> str | None:
    key = app.current_event.headers.get("idempotency-key")
    return None if key is None else idempotency_key(key, "Idempotency-Key")


def _shown(generation: Generation) -> dict[str, Any]:
    lifetime = _wired().settings.url_lifetime_seconds
    link = presigned_url(_s3(), generation.video, lifetime) if generation.video else None
    return as_provider_object(generation, link)


def _json(status: HTTPStatus, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    text = json.dumps(body, ensure_ascii=False)
    return Response(status, content_type="application/json", body=text, headers={**(headers or {}), **_PRIVATE})


def _error(status: HTTPStatus, message: str, **headers: str) -> Response[str]:
    """The provider's error body."""
    event = app.current_event
    return _json(
        status,
        {
            "message": message,
            "path": event.path,
            "requestId": event.request_context.request_id or str(uuid4()),
            "statusCode": status.value,
            "timestamp": iso(now()),
        },
        headers,
    )
