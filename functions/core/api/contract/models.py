"""Models in the contract."""

from typing import Any

from core.api import MODEL_LISTS, PATH
from core.api.contract.parts import TEXT, answers, page, query, ref
from core.api.model_list import TYPE
from core.api.models import CURSOR, DEFAULT_LIMIT, MAX_LIMIT
from core.models import KINDS, MEDIA, Models

_TAKES = {
    "type": ["object", "null"],
    "description": "How long the latest generations took at the provider. Null if there were none.",
    "required": ["median_seconds", "slowest_tenth_seconds", "jobs"],
    "properties": {
        "median_seconds": {"type": "number"},
        "slowest_tenth_seconds": {"type": "number", "description": "One generation in ten takes this long or longer."},
        "jobs": {"type": "integer", "description": "Number of generations behind these figures."},
    },
}
_MODEL: dict[str, Any] = {
    "type": "object",
    "required": ["id", "title", "vendor", "kind", "media", "takes", "seconds", "default_usd"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "vendor": {"type": ["string", "null"]},
        "kind": {
            "enum": [*KINDS, None],
            "description": "The type of its main input. Null for a passed-through model.",
        },
        "media": {
            "type": "array",
            "description": "The media that a request may refer to. `kind` names the one that it must refer to.",
            "items": {"enum": list(MEDIA)},
        },
        "takes": _TAKES,
        "seconds": {
            "type": ["integer", "null"],
            "description": "How long a video takes according to the provider's reference.",
        },
        "default_usd": {
            "type": ["number", "null"],
            "minimum": 0,
            "description": "The provider's price of a video with the model's default settings, in US dollars. Null if "
            "there is no price, or if it depends on a setting without a default. With the parameter `settings`, those "
            "settings replace the defaults. `POST /v2/estimates` returns the price of a whole request.",
        },
    },
}
_MODEL_WITH_SCHEMA = {
    "type": "object",
    "required": [*_MODEL["required"], "inputs", "schema"],
    "properties": {
        **_MODEL["properties"],
        "inputs": {
            "type": "array",
            "description": "The fields for the URL of an image, audio or video file.",
            "items": {
                "type": "object",
                "required": ["field", "media", "required", "media_types", "max_bytes"],
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "A path such as `elements[].video_url`, where `[]` marks a list.",
                    },
                    "media": {"type": "array", "items": {"enum": ["image", "video", "audio"]}},
                    "required": {"type": "boolean"},
                    "media_types": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Allowed media types. If empty, all are allowed.",
                    },
                    "max_bytes": {"type": ["integer", "null"]},
                },
            },
        },
        "schema": {
            "type": ["object", "null"],
            "description": "JSON Schema 2020-12 of a request. Null for a passed-through model.",
        },
    },
}
_LISTED = {
    "type": "object",
    "description": "A model in the shape of the provider's own list, with all optional sections.",
    "required": ["id", "aliases", "type", "info", "tags", "endpoints", "modalities", "capabilities", "pricing"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "aliases": {"type": "array", "items": {"type": "string"}},
        "type": {"const": TYPE},
        "info": {
            "type": "object",
            "required": ["name", "developer"],
            "properties": {"name": {"type": "string"}, "developer": {"type": "string"}},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "features": {"type": "array", "items": {"type": "string"}},
        "endpoints": {"type": "array", "items": {"type": "string"}, "contains": {"const": PATH}},
        "modalities": {
            "type": "object",
            "required": ["input", "output"],
            "properties": {
                "input": {"type": "array", "items": {"type": "string"}},
                "output": {"type": "array", "items": {"type": "string"}},
            },
        },
        "capabilities": {"type": "array", "items": {"type": "string"}},
        "pricing": {"type": ["object", "null"], "description": "The provider's price. Null if it is not known."},
    },
}
SCHEMAS = {"Model": _MODEL, "ModelWithSchema": _MODEL_WITH_SCHEMA, "ListedModel": _LISTED}
_LIST = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": ref("ListedModel")}},
}
_FILTERS = ("id", "type", "tags", "modalities", "input_modalities", "output_modalities", "capabilities")
_LIST_ALL = {
    "summary": "List the models as the provider does",
    "description": "Values of one filter, separated by commas, are alternatives. A model has to pass all filters.",
    "security": [],
    "parameters": [query(name, {"type": "string"}) for name in _FILTERS],
    "responses": answers(ok=_LIST),
}


def paths(models: Models) -> dict[str, Any]:
    """Return the paths of a deployment that offers `models`."""
    fetch_or_list = {
        "operationId": "models",
        "summary": "Fetch one model with the schema of its requests, or list the models",
        "parameters": [
            query("id", TEXT),
            query("vendor", {"enum": models.vendors}),
            query("kind", {"enum": list(KINDS)}),
            query(
                "settings",
                {
                    **TEXT,
                    "description": 'Settings to price the models for, as a JSON object such as `{"duration": 8}`. A '
                    "model ignores those that it does not have or allow.",
                },
            ),
            query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
            query("cursor", {"type": "string", "pattern": CURSOR}),
        ],
        "responses": answers("400", "401", "404", ok={"anyOf": [ref("ModelWithSchema"), page(ref("Model"))]}),
    }
    lists = {
        path: {"get": {"operationId": f"listAt{path.title().replace('/', '')}", **_LIST_ALL}} for path in MODEL_LISTS
    }
    return {"/v2/models": {"get": fetch_or_list}, **lists}
