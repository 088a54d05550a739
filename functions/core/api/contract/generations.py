"""Generations in the contract."""

from typing import Any

from core.api import OLDER_PATH, PATH, REPEATED
from core.api import UNCHECKED as UNCHECKED_HEADER
from core.api.contract.money import COST
from core.api.contract.parts import FAILURE, ID, STRICT, TIME, UNCHECKED, WHOLE_ID, answers, page, query, ref
from core.api.contract.webhooks import PARAMETERS, WEBHOOK
from core.api.listing import BATCH, DEFAULT_LIMIT, MAX_TEXT, NEWEST, ORDERS
from core.archive.containers import CONTENT_TYPES
from core.generation import GENERATION_ID, Status
from core.intake.accept import MAX_IDEMPOTENCY_KEY
from core.intake.labels import HEADER, MAX_KEY, MAX_NAME, MAX_TAGS, MAX_VALUE, TAG, TAGS
from core.intake.repeats import RETRY_COUNT
from core.models import Models
from core.publish.views import PROVIDER_STATUSES, STEPS
from core.records.lists import CURSOR, MAX_LIMIT
from core.slots.table import MOST_AHEAD

_OF_TAGS = (
    f"Your own labels: at most {MAX_TAGS}, each a word or `key=value`. A key has at most {MAX_KEY} characters and a "
    f"value at most {MAX_VALUE}. Each key may be used once."
)
_TAGS = {"type": "string", "pattern": TAGS}
_UNKNOWN = "Null if the file does not say so, and for older videos."
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
                    "description": "A link that works without credentials. Each fetch returns a new one, or "
                    "the same short link if the key has short links.",
                },
                "content_type": {
                    "enum": list(CONTENT_TYPES.values()),
                    "description": "Detected from the bytes of the file.",
                },
                "file_name": {
                    "type": "string",
                    "description": "The id with the extension `.mp4`, `.webm`, `.mov` or `.gif`.",
                },
                "file_size": {"type": "integer", "description": "In bytes."},
                "poster_url": {
                    "type": ["string", "null"],
                    "description": "A link to a picture of the video, a JPEG of about 20 KB, that works without "
                    "credentials for an hour. The picture is made some seconds after the video. Until then, and if the "
                    "video cannot be decoded, the link answers 404. Null for older videos.",
                },
                "width": {"type": ["integer", "null"], "description": "In pixels, after rotation. " + _UNKNOWN},
                "height": {"type": ["integer", "null"], "description": "In pixels, after rotation. " + _UNKNOWN},
                "duration": {"type": ["number", "null"], "description": "In seconds. " + _UNKNOWN},
                "frame_rate": {"type": ["number", "null"], "description": "Frames per second. " + _UNKNOWN},
                "has_sound": {"type": ["boolean", "null"], "description": "Whether it has a sound track. " + _UNKNOWN},
            },
        },
        "error": FAILURE,
        "meta": {
            "type": "object",
            "required": [
                "usage",
                "stage",
                "ahead",
                "waits_for",
                "waits_for_credits",
                "timeline",
                "video_expires_at",
                "request",
                "unchecked",
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
                        "credits_used": {
                            "type": ["integer", "null"],
                            "description": "2,000,000 credits are one US dollar.",
                        }
                    },
                },
                "stage": {"enum": [str(status) for status in Status]},
                "ahead": {
                    "type": ["integer", "null"],
                    "maximum": MOST_AHEAD,
                    "description": "Number of your generations that are ahead in the queue for a slot at the provider, "
                    f"at most {MOST_AHEAD}. Null in lists, and if it is not in the queue.",
                },
                "waits_for": {
                    "type": ["array", "null"],
                    "items": {"type": "string"},
                    "description": "The unfinished generations whose videos it uses. It enters the queue when they "
                    "have ended. Null in lists, and if it waits for none.",
                },
                "waits_for_credits": {
                    "type": ["boolean", "null"],
                    "description": "True while it waits because the provider account has no credits for it. It ends as "
                    "ProviderOutOfCredits if that takes too long. Otherwise null; always null in lists.",
                },
                "timeline": {
                    "type": ["array", "null"],
                    "description": "What happened so far, earliest first. Null in lists.",
                    "items": {
                        "type": "object",
                        "required": ["step", "at"],
                        "properties": {
                            "step": {
                                "enum": list(STEPS),
                                "description": "`accepted` by Promptreel; `held_back` and `rejected` by the provider "
                                "for lack of credits; `admitted` to a slot at the provider; `sent`, when the create "
                                "call began, and `submitted`, when the provider had accepted it; `generated`, when "
                                "Promptreel saw that the provider had finished; `ended`, stored or failed; "
                                "`announced`; `reopened` by a rescue or a retry.",
                            },
                            "at": {
                                "type": "string",
                                "format": "date-time",
                                "description": "If a step was repeated, its latest time.",
                            },
                        },
                    },
                },
                "video_expires_at": {
                    **TIME,
                    "description": "When the video is deleted, or null if it is kept. Afterwards the status remains "
                    "`completed`, `video` is null, and `error` is VideoExpired.",
                },
                "video_sha256": {"type": ["string", "null"], "description": "SHA-256 of the archived video."},
                "request": {"type": "object"},
                "unchecked": UNCHECKED,
                "created_at": {"type": "string", "format": "date-time"},
                "submitted_at": TIME,
                "generated_at": {**TIME, "description": "When Promptreel saw that the provider had finished."},
                "ended_at": TIME,
                "source": {"type": "object"},
                "batch": {
                    "type": ["object", "null"],
                    "description": "Its batch and row, if it belongs to a batch.",
                    "required": ["id", "row"],
                    "properties": {"id": {"type": "string"}, "row": {"type": "integer", "minimum": 1}},
                },
                "name": {"type": ["string", "null"]},
                "tags": {"type": "array", "items": {"type": "string"}, "description": _OF_TAGS},
                "cost": COST,
                "webhook": WEBHOOK,
            },
        },
    },
}
_KEY = {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"}
_CREATED = answers("400", "401", "403", "409", "413", ok=ref("Generation"))
_CREATED["200"]["headers"] = {
    UNCHECKED_HEADER: {"schema": {"type": "string"}, "description": "The paths in `meta.unchecked`, if there are any."},
    REPEATED: {
        "schema": {"const": "true"},
        "description": "The request repeats an earlier one without an idempotency key, whose generation this is.",
    },
}
_CREATE: dict[str, Any] = {
    "operationId": "create",
    "summary": "Generate a video",
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Sending the same key and body again returns the same generation.",
            "schema": _KEY,
        },
        {
            "name": RETRY_COUNT,
            "in": "header",
            "description": "Sent by SDKs: the number of retries of this call. Without an idempotency key, a retry "
            "returns the generation of the call's earlier request.",
            "schema": {"type": "string"},
        },
        {**query("tag", {"type": "array", "items": _TAGS}), "description": _OF_TAGS},
        {"name": HEADER, "in": "header", "description": "Additional tags, separated by commas.", "schema": _TAGS},
        *PARAMETERS,
        STRICT,
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ref("Request")}},
    },
    "responses": _CREATED,
}
_VENDOR = {
    "name": "vendor",
    "in": "path",
    "required": True,
    "description": "Any name. The request names its model.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"},
}
_CREATE_OLDER = {
    **_CREATE,
    "operationId": "createOlder",
    "parameters": [_VENDOR, *_CREATE["parameters"]],
    "responses": {**_CREATED, **answers("404")},
}
_FETCH_OR_LIST = {
    "operationId": "fetchOrList",
    "summary": "Fetch one generation, or list your own, by default newest first",
    "parameters": [
        query("generation_id", ID),
        query("status", {"enum": list(PROVIDER_STATUSES)}),
        query("model", {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
        query("batch", {"type": "string", "pattern": BATCH, "description": "The batch's id, or its first digits."}),
        query(
            "text",
            {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEXT,
                "description": "Words that are in the prompt, the name or the tags, in any order and in upper or lower "
                'case. A part of a word is enough. Words in quotes (`"paper boat"`) must follow each other.',
            },
        ),
        {
            **query("tag", {"type": "array", "items": _TAGS}),
            "description": "Generations that have all of these tags. A key without a value matches every value.",
        },
        query("created_after", {"type": "string", "format": "date-time", "description": "At this time or later."}),
        query("created_before", {"type": "string", "format": "date-time"}),
        query("order", {"enum": list(ORDERS), "default": NEWEST, "description": "Which generations come first."}),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        query("cursor", {"type": "string", "pattern": CURSOR}),
    ],
    "responses": answers("400", "401", "404", ok={"anyOf": [ref("Generation"), page(ref("Generation"))]}),
}
_FETCH_OLDER = {
    "operationId": "fetchOlder",
    "summary": "Fetch one generation",
    "parameters": [_VENDOR, query("generation_id", ID, required=True)],
    "responses": answers("400", "401", "404", ok=ref("Generation")),
}
_DELETED = {
    "type": "object",
    "required": ["id", "deleted"],
    "properties": {"id": {"type": "string"}, "deleted": {"const": True}},
}
_DELETE = {
    "operationId": "delete",
    "summary": "Cancel an unfinished generation, or delete a finished one and its video",
    "parameters": [
        query("generation_id", WHOLE_ID, required=True),
        query("only_running", {"const": "true", "description": "Only cancel, and never delete."}),
    ],
    "responses": answers("400", "401", "404", "409", ok={"anyOf": [ref("Generation"), _DELETED]}),
}
_EDITED_TAGS = {
    "anyOf": [
        {"type": "array", "items": {"type": "string", "pattern": rf"^\s*(?:{TAG})?\s*$"}, "maxItems": MAX_TAGS},
        {**_TAGS, "description": "Separated by commas."},
        {"type": "null"},
    ]
}
_EDIT = {
    "operationId": "edit",
    "summary": "Change the name and tags of a generation, running or finished",
    "description": "Concurrent changes are all made, and repeating a change has no effect. Usage keeps the tags of the "
    "time when the generation was counted.",
    "parameters": [query("generation_id", ID, required=True)],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": False,
                    "properties": {
                        "add": {
                            **_EDITED_TAGS,
                            "description": "Tags to add. An added tag replaces the tag with the same key.",
                        },
                        "remove": {
                            **_EDITED_TAGS,
                            "description": "Tags to remove, before others are added. A key without a value matches "
                            "every value. Tags that the generation does not have are ignored.",
                        },
                        "name": {
                            "type": ["string", "null"],
                            "maxLength": MAX_NAME,
                            "description": "The new name. An empty one, or null, removes the name.",
                        },
                    },
                }
            }
        },
    },
    "responses": answers("400", "401", "404", "413", ok=ref("Generation")),
}
_CONTENT_ANSWERS = answers("400", "401", "404", "409", "410")
_LOCATION = {"Location": {"required": True, "schema": {"type": "string"}}}
_CONTENT_ANSWERS["302"] = {"description": "A redirect to the video.", "headers": _LOCATION}
_CONTENT = {
    "operationId": "content",
    "summary": "Redirect to the video",
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": ID}],
    "responses": _CONTENT_ANSWERS,
}
PATHS = {
    PATH: {"post": _CREATE, "get": _FETCH_OR_LIST, "patch": _EDIT, "delete": _DELETE},
    PATH + "/{id}/content": {"get": _CONTENT},
    OLDER_PATH: {"post": _CREATE_OLDER, "get": _FETCH_OLDER},
}


def schemas(models: Models) -> dict[str, Any]:
    """Return the schemas of a deployment that offers `models`."""
    return {"Generation": _GENERATION, "Request": _request(models)}


def _request(models: Models) -> dict[str, Any]:
    """Return the schema that all requests share. Each model has a schema of its own for the rest."""
    return {
        "type": "object",
        "required": ["model"],
        "properties": {
            "model": {"type": "string", "minLength": 1}
            if models.passes_unknown
            else {"enum": [one.name for one in models]},
            "prompt": {"type": "string", "description": "Description of the video. Most models require it."},
            "duration": {"description": "Length of the video in seconds."},
            "aspect_ratio": {"description": "Ratio of width to height, such as 16:9."},
        },
        "description": "GET /v2/models?id= returns the schema of a model's other parameters. A parameter for the URL "
        "of an image, audio or video file also accepts `upload:<id>` and `generation:<id>` (your own), an `s3://` URI "
        "of your objects in this deployment's buckets, and a `data:` URI.",
        "examples": [model.schema["examples"][0] for model in list(models)[:1] if model.schema],
    }
