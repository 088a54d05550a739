"""The contract as OpenAPI 3.1: what `GET /openapi.json` answers. What a model takes is in `GET /v2/models?id=`."""

from typing import Any

from core.api import OLDER_PATH, PATH, batch_schemas, deployment_schemas, money_schemas, webhook_schemas
from core.api.listing import BATCH, DEFAULT_LIMIT, MAX_TEXT
from core.api.models import CURSOR as MODELS_CURSOR
from core.api.models import MAX_LIMIT as MAX_MODELS
from core.archive.containers import CONTENT_TYPES
from core.generation import BEGINNING, GENERATION_ID, Status
from core.inputs.media import SUFFIXES
from core.intake.accept import MAX_IDEMPOTENCY_KEY
from core.intake.labels import HEADER, MAX_KEY, MAX_TAGS, MAX_VALUE, TAGS
from core.models import KINDS, Models
from core.publish.views import PROVIDER_STATUSES
from core.records.lists import CURSOR, MAX_LIMIT
from core.slots.table import MOST_AHEAD

_TIME = {"type": ["string", "null"], "format": "date-time"}
_ID = {
    "type": "string",
    "minLength": 1,
    "description": "The whole id, or at least four of its first digits, if no other of yours begins with them.",
}
_WHOLE_ID = {
    "type": "string",
    "minLength": 1,
    "not": {"pattern": BEGINNING},
    "description": "The whole id: its first digits are not enough.",
}
_OF_TAGS = (
    f"Your own words for it: at most {MAX_TAGS}, each `key=value` or a word, a key of at most {MAX_KEY} characters and "
    f"a value of at most {MAX_VALUE}. No key twice."
)
_TAGS = {"type": "string", "pattern": TAGS}
_GENERATION = {
    "type": "object",
    "required": ["id", "status", "video", "error", "meta"],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "status": {"enum": list(PROVIDER_STATUSES)},
        "video": {
            "type": ["object", "null"],
            "required": ["url", "content_type", "file_name", "file_size"],
            "properties": {
                "url": {
                    "type": "string",
                    "description": "A link that works without credentials, fresh on every fetch.",
                },
                "content_type": {"enum": list(CONTENT_TYPES.values()), "description": "By its own bytes."},
                "file_name": {"type": "string", "description": "The id, and `.mp4`, `.webm`, `.mov` or `.gif`."},
                "file_size": {"type": "integer", "description": "Bytes."},
            },
        },
        "error": batch_schemas.FAILURE,
        "meta": {
            "type": "object",
            "required": [
                "usage",
                "stage",
                "ahead",
                "waits_for",
                "request",
                "created_at",
                "submitted_at",
                "generated_at",
                "ended_at",
                "source",
                "batch",
            ],
            "properties": {
                "usage": {
                    "type": "object",
                    "properties": {
                        "credits_used": {"type": ["integer", "null"], "description": "2,000,000 are one US dollar."}
                    },
                },
                "stage": {"enum": [str(status) for status in Status]},
                "ahead": {
                    "type": ["integer", "null"],
                    "maximum": MOST_AHEAD,
                    "description": "How many of yours are before it in the queue for a slot at the provider, of which "
                    f"no more than {MOST_AHEAD} are counted. Null in lists, and for one that is not in the queue.",
                },
                "waits_for": {
                    "type": ["array", "null"],
                    "items": {"type": "string"},
                    "description": "The generations whose videos it takes, and that have not ended: it is not in the "
                    "queue before they have. Null in lists, and where there are none.",
                },
                "request": {"type": "object"},
                "created_at": {"type": "string", "format": "date-time"},
                "submitted_at": _TIME,
                "generated_at": {**_TIME, "description": "When the provider was seen to be done."},
                "ended_at": _TIME,
                "source": {"type": "object"},
                "batch": {
                    "type": ["object", "null"],
                    "description": "Where it is, if it is a row of a batch.",
                    "required": ["id", "row"],
                    "properties": {"id": {"type": "string"}, "row": {"type": "integer", "minimum": 1}},
                },
                "name": {"type": ["string", "null"]},
                "tags": {"type": "array", "items": {"type": "string"}, "description": _OF_TAGS},
                "cost": money_schemas.COST,
                "webhook": webhook_schemas.WEBHOOK,
            },
        },
    },
}
_TAKES = {
    "type": ["object", "null"],
    "description": "How long the latest generations took at the provider; null where none has been seen.",
    "required": ["median_seconds", "slowest_tenth_seconds", "jobs"],
    "properties": {
        "median_seconds": {"type": "number"},
        "slowest_tenth_seconds": {"type": "number", "description": "One in ten takes as long, or longer."},
        "jobs": {"type": "integer", "description": "Of how many generations this is known."},
    },
}
_MODEL: dict[str, Any] = {
    "type": "object",
    "required": ["id", "title", "vendor", "kind", "takes"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "vendor": {"type": ["string", "null"]},
        "kind": {
            "enum": [*KINDS, None],
            "description": "What it cannot do without; null if it is passed through.",
        },
        "takes": _TAKES,
    },
}
_MODEL_WITH_SCHEMA = {
    "type": "object",
    "required": [*_MODEL["required"], "inputs", "seconds", "schema"],
    "properties": {
        **_MODEL["properties"],
        "inputs": {
            "type": "array",
            "description": "The fields that take the URL of a picture, a sound or a video.",
            "items": {
                "type": "object",
                "required": ["field", "media", "required", "media_types", "max_bytes"],
                "properties": {
                    "field": {"type": "string", "description": "As `elements[].video_url`: of a list, `[]` follows."},
                    "media": {"type": "array", "items": {"enum": ["image", "video", "audio"]}},
                    "required": {"type": "boolean"},
                    "media_types": {"type": "array", "items": {"type": "string"}, "description": "Empty: any."},
                    "max_bytes": {"type": ["integer", "null"]},
                },
            },
        },
        "seconds": {"type": ["integer", "null"], "description": "How long a video takes, by the provider's reference."},
        "schema": {
            "type": ["object", "null"],
            "description": "JSON Schema 2020-12 of a request; null for a model that is passed through.",
        },
    },
}
_UPLOAD = {
    "type": "object",
    "required": ["id", "reference", "upload"],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "reference": {"type": "string", "description": "What a request has in place of a link: `upload:<id>`."},
        "upload": batch_schemas.FORM,
    },
}
_ERROR = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "remedy": {"type": ["string", "null"], "description": "What to do about it. Promptreel's own."},
        "path": {"type": "string"},
        "requestId": {"type": "string"},
        "statusCode": {"type": "integer"},
        "timestamp": {"type": "string", "format": "date-time"},
    },
}
_MEANINGS = {
    "400": "The request is not allowed; the message names each field and what is.",
    "401": "The API key is missing or not valid.",
    "403": "A budget has no room for what this may cost: the message says which, and when it renews.",
    "404": "There is no such generation, or batch, of yours.",
    "409": "Not as it stands now, or the idempotency key stands for another request.",
    "405": "Another method is; the header Allow says which.",
    "413": "The file is too large for a request: ask for a form to upload it with, by `upload`.",
    "429": "More requests than are allowed.",
}


def document(models: Models) -> dict[str, Any]:
    """The OpenAPI document of a deployment that offers `models`."""
    by_id = _query("generation_id", _ID, required=True)
    whole_id = _query("generation_id", _WHOLE_ID, required=True)
    fetch = {
        "summary": "Fetch one generation",
        "parameters": [by_id],
        "responses": _answers("400", "401", "404", ok=_ref("Generation")),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Promptreel",
            "version": "2",
            "description": "Durable text-to-video jobs, in the video provider's own contract.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": {
            PATH: {"post": _create(), "get": _fetch_or_list(), "delete": _delete(whole_id)},
            PATH + "/{id}/content": {"get": _content()},
            OLDER_PATH: {
                "post": {**_create(), "operationId": "createOlder"},
                "get": {**fetch, "operationId": "fetchOlder"},
            },
            "/v2/models": {
                "get": {
                    "operationId": "models",
                    "summary": "One model with the schema of its requests, or what can be asked for",
                    "parameters": [
                        _query("id", {"type": "string", "minLength": 1}),
                        _query("vendor", {"enum": models.vendors}),
                        _query("kind", {"enum": list(KINDS)}),
                        _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_MODELS, "default": 20}),
                        _query("cursor", {"type": "string", "pattern": MODELS_CURSOR}),
                    ],
                    "responses": _answers(
                        "400", "401", "404", ok={"anyOf": [_ref("ModelWithSchema"), _page(_ref("Model"))]}
                    ),
                }
            },
            "/v2/uploads": {"post": _upload()},
            **_money(),
            **_batches(),
            **_webhooks(),
            **_deployment(),
            "/openapi.json": {"get": _open("openapi", "This document")},
            "/health": {"get": _open("health", "Life")},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Generation": _GENERATION,
                "Error": _ERROR,
                "Request": _request(models),
                "Model": _MODEL,
                "ModelWithSchema": _MODEL_WITH_SCHEMA,
                "Upload": _UPLOAD,
                "Estimate": money_schemas.ESTIMATE,
                "Usage": money_schemas.USAGE,
                "Budget": money_schemas.BUDGET,
                "Batch": batch_schemas.BATCH,
                "BatchCheck": batch_schemas.CHECK,
                "BatchUpload": batch_schemas.UPLOAD,
                "ReportRow": batch_schemas.REPORT_ROW,
                "Delivery": webhook_schemas.DELIVERY,
                "WebhookSecret": webhook_schemas.SECRET,
                "Slots": deployment_schemas.SLOTS,
                "Key": deployment_schemas.KEY,
            },
        },
    }


def _upload() -> dict[str, Any]:
    asked = {
        "type": "object",
        "required": ["content_type"],
        "properties": {
            "content_type": {"enum": list(SUFFIXES)},
            "sha256": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "Of the file: with it the same file is always the same upload.",
            },
        },
        "additionalProperties": False,
    }
    return {
        "operationId": "upload",
        "summary": "Ask for a form to send a picture, a sound or a video with, and for the reference to it",
        "description": "One that no generation uses goes after a day; what one uses stays as long as that.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": _answers("400", "401", ok=_ref("Upload")),
    }


def _money() -> dict[str, Any]:
    day = {"type": "string", "format": "date"}
    estimate = {
        "operationId": "estimate",
        "summary": "What a request would cost, and whether a budget has room for it; nothing is kept",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Request")}}},
        "responses": _answers("400", "401", ok=_ref("Estimate")),
    }
    usage = {
        "operationId": "usage",
        "summary": "What your generations cost that ended in these days (UTC), summed",
        "parameters": [
            _query("by", {"enum": ["day", "model", "tag", "batch"], "default": "day"}),
            _query("from", {**day, "description": "30 days, if it is not given; of batches there are no days."}),
            _query("to", {**day, "description": "Today, if it is not given."}),
        ],
        "responses": _answers("400", "401", ok=_ref("Usage")),
    }
    budgets = {
        "operationId": "budgets",
        "summary": "The budgets that count what you ask for, a line for each limit, and what they have left",
        "responses": _answers("401", ok=_page(_ref("Budget"))),
    }
    return {"/v2/estimates": {"post": estimate}, "/v2/usage": {"get": usage}, "/v2/budgets": {"get": budgets}}


def _batches() -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": 200, "description": "The file's; it names the batch."}
    flag = {"enum": ["true", "false"], "default": "false"}
    in_path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    send = {
        "operationId": "sendBatch",
        "summary": "Send a file of requests: a new batch, or a new revision of the one of this name",
        "description": "Rows that the batch has made, or is making, are not made again.",
        "parameters": [
            _query("name", name, required=True),
            _query("dry_run", {**flag, "description": "Only check the file."}),
            _query("force", {**flag, "description": "Run the allowed rows although others are not."}),
            _query("upload", {**flag, "description": "Answer a form to upload a larger file with."}),
            _query("max_concurrency", {"type": "integer", "minimum": 1, "maximum": 10000}),
        ],
        "requestBody": {
            "description": "CSV, JSON Lines or a JSON list, as docs/files.md has it: at most 4 MiB and 5000 rows.",
            "content": {
                kind: {"schema": {"type": "string", "contentMediaType": kind}}
                for kind in ("text/csv", "application/jsonl", "application/octet-stream")
            },
        },
        "responses": _answers(
            "400", "401", "413", ok={"anyOf": [_ref("Batch"), _ref("BatchCheck"), batch_schemas.UPLOAD]}
        ),
    }
    fetch = {
        "operationId": "fetchOrListBatches",
        "summary": "Fetch one batch with its progress, or list your own, newest first",
        "parameters": [
            _query("batch_id", {"type": "string", "minLength": 1}),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20}),
            _query("cursor", {"type": "string", "pattern": CURSOR}),
        ],
        "responses": _answers("400", "401", "404", ok={"anyOf": [_ref("Batch"), _page(_ref("Batch"))]}),
    }
    answers = _answers("400", "401", "404", ok=_page(_ref("ReportRow")))
    answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    report = {
        "operationId": "reportBatch",
        "summary": "What became of a batch's rows, as it is now: a page of them",
        "parameters": [
            in_path,
            _query("format", {"enum": ["json", "csv"], "default": "json"}),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 500}),
            _query("cursor", {"type": "string", "pattern": "^[0-9]{1,6}$"}),
        ],
        "responses": answers,
    }
    cancel, retry = (
        {
            "operationId": operation,
            "summary": summary,
            "parameters": [{**in_path, "schema": _WHOLE_ID}],
            "responses": _answers("400", "401", "404", "409", ok=_ref("Batch")),
        }
        for operation, summary in (
            ("cancelBatch", "Start no more rows of a batch, and cancel those that run"),
            ("retryBatch", "Run the rows of a batch again that failed, were cancelled or were not reached"),
        )
    )
    return {
        "/v2/batches": {"post": send, "get": fetch},
        "/v2/batches/{id}/report": {"get": report},
        "/v2/batches/{id}/cancel": {"post": cancel},
        "/v2/batches/{id}/retry": {"post": retry},
    }


def _webhooks() -> dict[str, Any]:
    in_path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/v2/webhooks/deliveries": {
            "get": {
                "operationId": "webhookDeliveries",
                "summary": "What your webhooks were told, newest first: what was taken, and what was not",
                "parameters": webhook_schemas.PAGE,
                "responses": _answers("400", "401", ok=_page(_ref("Delivery"))),
            }
        },
        "/v2/webhooks/deliveries/{id}/redeliver": {
            "post": {
                "operationId": "redeliverWebhook",
                "summary": "Send one again, now, whatever became of it",
                "parameters": [in_path],
                "responses": _answers("401", "404", ok=_ref("Delivery")),
            }
        },
        "/v2/webhooks/secret": {
            "get": {
                "operationId": "webhookSecret",
                "summary": "The secret that your webhooks are signed with",
                "responses": _answers("401", ok=_ref("WebhookSecret")),
            }
        },
        "/v2/webhooks/secret/rotate": {
            "post": {
                "operationId": "rotateWebhookSecret",
                "summary": "Another secret, from now on; for a day webhooks are signed with both",
                "responses": _answers("401", "409", ok=_ref("WebhookSecret")),
            }
        },
    }


def _deployment() -> dict[str, Any]:
    slots = {
        "operationId": "slots",
        "summary": "How many slots there are at the provider, are taken and are waited for, now and in the last days",
        "responses": _answers("401", ok=_ref("Slots")),
    }
    keys = {
        "operationId": "keys",
        "summary": "Your API keys, newest first: names, scopes, last uses and ends; the key in use alone, unless its "
        "scope is `all`",
        "responses": _answers("401", ok=_page(_ref("Key"))),
    }
    return {"/v2/slots": {"get": slots}, "/v2/keys": {"get": keys}}


def _create() -> dict[str, Any]:
    key = {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"}
    return {
        "operationId": "create",
        "summary": "Ask for a video",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body are the same generation, however often they are sent.",
                "schema": key,
            },
            {**_query("tag", {"type": "array", "items": _TAGS}), "description": _OF_TAGS},
            {"name": HEADER, "in": "header", "description": "More tags, with commas between them.", "schema": _TAGS},
            *webhook_schemas.PARAMETERS,
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Request")}},
        },
        "responses": _answers("400", "401", "403", "409", ok=_ref("Generation")),
    }


def _fetch_or_list() -> dict[str, Any]:
    return {
        "operationId": "fetchOrList",
        "summary": "Fetch one generation, or list your own, newest first",
        "parameters": [
            _query("generation_id", _ID),
            _query("status", {"enum": list(PROVIDER_STATUSES)}),
            _query("model", {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
            _query("batch", {"type": "string", "pattern": BATCH, "description": "The batch's id, or how it begins."}),
            _query(
                "text",
                {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "description": "Somewhere in the prompt."},
            ),
            {
                **_query("tag", {"type": "array", "items": _TAGS}),
                "description": "With all of these; a key alone stands for any value of it.",
            },
            _query("created_after", {"type": "string", "format": "date-time", "description": "At this time or later."}),
            _query("created_before", {"type": "string", "format": "date-time"}),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
            _query("cursor", {"type": "string", "pattern": CURSOR}),
        ],
        "responses": _answers("400", "401", "404", ok={"anyOf": [_ref("Generation"), _page(_ref("Generation"))]}),
    }


def _delete(by_id: dict[str, Any]) -> dict[str, Any]:
    deleted = {
        "type": "object",
        "required": ["id", "deleted"],
        "properties": {"id": {"type": "string"}, "deleted": {"const": True}},
    }
    return {
        "operationId": "delete",
        "summary": "Cancel a generation that runs; remove one that has ended, with its video",
        "parameters": [by_id, _query("only_running", {"const": "true", "description": "Cancel, and never remove."})],
        "responses": _answers("400", "401", "404", "409", ok={"anyOf": [_ref("Generation"), deleted]}),
    }


def _content() -> dict[str, Any]:
    answers = _answers("400", "401", "404", "409")
    location = {"Location": {"required": True, "schema": {"type": "string"}}}
    answers["302"] = {"description": "To the video.", "headers": location}
    return {
        "operationId": "content",
        "summary": "Go to the video",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": _ID}],
        "responses": answers,
    }


def _open(operation: str, summary: str) -> dict[str, Any]:
    return {"operationId": operation, "summary": summary, "security": [], "responses": _answers(ok={"type": "object"})}


def _answers(*errors: str, ok: dict[str, Any] | None = None) -> dict[str, Any]:
    answers = {code: _answer(_MEANINGS[code], _ref("Error")) for code in (*errors, "405", "429")}
    return {**({"200": _answer("OK", ok)} if ok else {}), **answers}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _page(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["data"],
        "properties": {"data": {"type": "array", "items": item}, "next_cursor": {"type": ["string", "null"]}},
    }


def _request(models: Models) -> dict[str, Any]:
    """What all requests have in common: a model is known by its name, and the rest by the model's own schema."""
    return {
        "type": "object",
        "required": ["model"],
        "properties": {
            "model": {"enum": [model.name for model in models]},
            "prompt": {"type": "string", "description": "What the video shows. Most models require it."},
            "duration": {"description": "Length of the video in seconds."},
            "aspect_ratio": {"description": "Width to height, as 16:9."},
        },
        "description": "What a model takes and requires is in its schema: GET /v2/models?id=. Where it takes the link "
        "of a picture, a sound or a video, it may also be `upload:<id>`, `generation:<id>` of your own, an `s3://` "
        "object of yours in this deployment's buckets, or a `data:` URI.",
        "examples": [model.schema["examples"][0] for model in list(models)[:1] if model.schema],
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
