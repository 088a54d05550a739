"""The HTTP API: the provider's own contract, in front of the archive."""

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from core import settings
from core.api import OLDER_PATH, PATH
from core.api import models as catalogue
from core.api.generations import GenerationApi
from core.api.http import Answer, Request, Routes, as_json, read_event
from core.archive.objects import PRESIGNING, Objects
from core.delete import Deletion
from core.errors import (
    BudgetExceeded,
    Conflict,
    FileTooLarge,
    IdempotencyConflict,
    InvalidFile,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PromptreelError,
    Unauthorized,
)
from core.generation import iso
from core.models import Models
from core.money.accounts import Accounts
from core.places.table import PlacesTable
from wiring import client, logger, now
from wiring.accounts import UsesAccounts, make_accounts
from wiring.api_keys import UsesApiKeys, make_api_keys
from wiring.batch_start import UsesBatchStart, make_batch_start
from wiring.generation_times import make_generation_times
from wiring.inputs import make_inputs
from wiring.ledger import make_ledger
from wiring.models import UsesModels, make_models
from wiring.webhooks import UsesWebhooks, make_master, make_webhook_records
from wiring.workflow import UsesWorkflow, make_workflow

if TYPE_CHECKING:
    from core.api.batch_routes import BatchRoutes
    from core.api.keys import KeyApi
    from core.api.money import MoneyApi
    from core.api.places import PlacesApi
    from core.api.webhooks import WebhookApi

_STATUS: dict[type[BaseException], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidFile: HTTPStatus.BAD_REQUEST,
    FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Conflict: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.CONFLICT,
    BudgetExceeded: HTTPStatus.FORBIDDEN,  # as the provider answers who is out of credits
}


@dataclass(frozen=True)
class Settings(UsesBatchStart, UsesWorkflow, UsesModels, UsesAccounts, UsesWebhooks, UsesApiKeys):
    default_model: str
    in_flight_limit: int
    url_lifetime_seconds: int


@cache
def _settings() -> Settings:
    return settings.read(Settings)


@cache
def _deletion() -> Deletion:
    s = _settings()
    return Deletion(make_ledger(s), make_workflow(s), Objects(client("s3", **PRESIGNING), s.videos_bucket))


@cache
def _accounts() -> Accounts:
    return make_accounts(_settings())


@cache
def _money() -> "MoneyApi":
    from core.api.money import MoneyApi  # noqa: PLC0415 - few calls are about money alone

    return MoneyApi(_accounts(), _models)


def _models() -> Models:
    return make_models(_settings())


@cache
def _places_table() -> PlacesTable:
    s = _settings()
    return PlacesTable(client("dynamodb"), s.places_table_name, s.table_name)


@cache
def _places() -> "PlacesApi":
    from core.api.places import PlacesApi  # noqa: PLC0415 - few calls are about places alone
    from core.places.history import History  # noqa: PLC0415 - the same

    s = _settings()
    return PlacesApi(_places_table(), History(client("dynamodb"), s.places_table_name), s.in_flight_limit, now)


@cache
def _keys() -> "KeyApi":
    from core.api.keys import KeyApi  # noqa: PLC0415 - few calls are about keys

    return KeyApi(make_api_keys(_settings(), seconds=0), _accounts().budgets.last_uses)


@cache
def _generations() -> GenerationApi:
    s, deletion = _settings(), _deletion()
    s3, seconds = deletion.objects.s3, s.url_lifetime_seconds
    accounts, local = _accounts(), s.allow_local_webhooks
    return GenerationApi(deletion, make_inputs(s), accounts, _places_table(), _models, s3, seconds, logger.info, local)


@cache
def _batches() -> "BatchRoutes":
    """What batches need, made when the first call about one comes."""
    from core.api.batch_routes import BatchRoutes  # noqa: PLC0415 - most calls are about a single generation
    from core.api.batches import BatchApi  # noqa: PLC0415 - the same

    s, deletion = _settings(), _deletion()
    batches, s3 = make_batch_start(s), deletion.objects.s3
    api = BatchApi(deletion.ledger, _models(), s.default_model, _accounts(), batches, deletion, s3, s.prompts_bucket)
    return BatchRoutes(api, logger.info)


@cache
def _webhooks() -> "WebhookApi":
    """What webhooks need, made when the first call about one comes."""
    from core.api.webhooks import WebhookApi  # noqa: PLC0415 - few calls are about one

    s = _settings()
    send = partial(client("sqs").send_message, QueueUrl=s.webhooks_queue_url)
    return WebhookApi(make_webhook_records(s), make_master(s), send)


def _health(_: Request) -> Answer:
    """Life, for anyone."""
    return as_json({"status": "ok"})


def _contract(_: Request) -> Answer:
    """The contract, for anyone."""
    from core.api import openapi  # noqa: PLC0415 - it is large, and few ask for it

    return as_json(openapi.document(_models()))


def _what_can_be_asked_for(request: Request) -> Answer:
    """What can be asked for here, and how long it takes: a page of it, or one model."""
    _ = request.owner
    return as_json(catalogue.answer(_models(), make_generation_times(_settings()).of_models(), request.query))


def _upload(request: Request) -> Answer:
    """A form to send a file with, and the reference to it."""
    from core.api.uploads import form  # noqa: PLC0415 - few calls are about one

    return as_json(form(make_inputs(_settings()), request))


ROUTES = Routes(
    {
        "GET /health": _health,
        "GET /openapi.json": _contract,
        "GET /v2/models": _what_can_be_asked_for,
        f"GET {PATH}": lambda request: _generations().fetch_or_list(request),
        f"POST {PATH}": lambda request: _generations().create(request),
        f"DELETE {PATH}": lambda request: _generations().delete(request),
        f"GET {PATH}/{{id}}/content": lambda request: _generations().content(request),
        f"GET {OLDER_PATH}": lambda request: _generations().fetch(request),
        f"POST {OLDER_PATH}": lambda request: _generations().create(request),
        "POST /v2/uploads": _upload,
        "POST /v2/estimates": lambda request: _money().estimate(request),
        "GET /v2/usage": lambda request: _money().usage(request),
        "GET /v2/budgets": lambda request: _money().budgets(request),
        "GET /v2/places": lambda request: _places().tell(request),
        "GET /v2/keys": lambda request: _keys().list(request),
        "GET /v2/batches": lambda request: _batches().fetch_or_list(request),
        "POST /v2/batches": lambda request: _batches().send(request),
        "GET /v2/batches/{id}/report": lambda request: _batches().report(request),
        "POST /v2/batches/{id}/cancel": lambda request: _batches().cancel(request),
        "POST /v2/batches/{id}/retry": lambda request: _batches().retry(request),
        "GET /v2/webhooks/deliveries": lambda request: _webhooks().list(request),
        "POST /v2/webhooks/deliveries/{id}/redeliver": lambda request: _webhooks().redeliver(request),
        "GET /v2/webhooks/secret": lambda request: _webhooks().secret(request),
        "POST /v2/webhooks/secret/rotate": lambda request: _webhooks().rotate(request),
    },
    needs_all={
        "POST /v2/batches/{id}/cancel",
        "GET /v2/webhooks/secret",
        "POST /v2/webhooks/secret/rotate",
    },
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """An HTTP API event, payload 2.0 → its answer."""
    request = read_event(event)
    answer = _answer(request)
    if request.known_as and request.key_id:
        _note_use(request.key_id, f"{now():%Y-%m-%dT%H}")
    return answer.as_event()


@lru_cache(maxsize=1000)
def _note_use(key_id: str, _hour: str) -> None:
    """That a key is used, once an hour in each process: `promptreel keys list` shows it."""
    try:
        _accounts().budgets.note_use(key_id)
    except (BotoCoreError, ClientError) as error:
        logger.warning("the use of a key was not noted", key_id=key_id, reason=str(error))


def _answer(request: Request) -> Answer:
    try:
        return ROUTES.answer(request)
    except Exception as error:  # noqa: BLE001 - who calls is always answered
        status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
        if status is None:
            logger.exception("unexpected error", exc_info=error)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            error = PromptreelError(
                "Promptreel failed unexpectedly: try again, with an Idempotency-Key so that nothing runs twice."
            )
        allow = {"Allow": error.allowed} if isinstance(error, MethodNotAllowed) else {}
        return _error(request, status, error, allow)


def _error(request: Request, status: HTTPStatus, error: Exception, headers: dict[str, str]) -> Answer:
    """The provider's error body, with what to do about it."""
    body = {
        "message": str(error),
        "remedy": getattr(error, "remedy", "") or None,
        "path": request.path,
        "requestId": request.id or str(uuid4()),
        "statusCode": status.value,
        "timestamp": iso(now()),
    }
    return as_json(body, status, headers)
