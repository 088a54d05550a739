"""Models in the contract."""

from typing import Any

from core.api.contract.parts import TEXT, answers, page, query, ref
from core.api.models import CURSOR, MAX_LIMIT
from core.models import KINDS, Models

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
SCHEMAS = {"Model": _MODEL, "ModelWithSchema": _MODEL_WITH_SCHEMA}


def paths(models: Models) -> dict[str, Any]:
    """Return the paths of a deployment that offers `models`."""
    fetch_or_list = {
        "operationId": "models",
        "summary": "One model with the schema of its requests, or what can be asked for",
        "parameters": [
            query("id", TEXT),
            query("vendor", {"enum": models.vendors}),
            query("kind", {"enum": list(KINDS)}),
            query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20}),
            query("cursor", {"type": "string", "pattern": CURSOR}),
        ],
        "responses": answers("400", "401", "404", ok={"anyOf": [ref("ModelWithSchema"), page(ref("Model"))]}),
    }
    return {"/v2/models": {"get": fetch_or_list}}
