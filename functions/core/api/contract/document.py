"""Join the parts of the contract to one document, which `GET /openapi.json` returns.

Each resource has a file in this folder with its paths and its schemas. The parameters of a model are in
`GET /v2/models?id=`.
"""

from typing import Any

from core.api.contract import batches, generations, keys, links, money, slots, uploads, webhooks
from core.api.contract import models as catalogue
from core.api.contract.parts import ERROR, answers
from core.models import Models


def document(models: Models) -> dict[str, Any]:
    """Return the contract, as OpenAPI 3.1, of a deployment that offers `models`."""
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
            **generations.PATHS,
            **links.PATHS,
            **catalogue.paths(models),
            **uploads.PATHS,
            **money.PATHS,
            **batches.PATHS,
            **webhooks.PATHS,
            **slots.PATHS,
            **keys.PATHS,
            "/openapi.json": {"get": _open("openapi", "Fetch this document")},
            "/health": {"get": _open("health", "Check that the API is up")},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": ERROR,
                **generations.schemas(models),
                **links.SCHEMAS,
                **catalogue.SCHEMAS,
                **uploads.SCHEMAS,
                **money.SCHEMAS,
                **batches.SCHEMAS,
                **webhooks.SCHEMAS,
                **slots.SCHEMAS,
                **keys.SCHEMAS,
            },
        },
    }


def _open(operation: str, summary: str) -> dict[str, Any]:
    return {"operationId": operation, "summary": summary, "security": [], "responses": answers(ok={"type": "object"})}
