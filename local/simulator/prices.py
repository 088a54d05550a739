"""Simulate the provider's list of models, `GET /v1/models?include=pricing`, with invented prices.

Source: the provider's reference, "Get model list" (August 2026).
"""

import functools
import hashlib
import json
from email.message import Message
from http import HTTPStatus
from typing import Any

from local.simulator.answers import Answer, json_answer
from local.simulator.generations import CREDITS_PER_SECOND
from local.simulator.logs import CREDITS_PER_DOLLAR
from local.simulator.models import Asked, all_models

USD_A_SECOND = CREDITS_PER_SECOND / CREDITS_PER_DOLLAR


def answer(query: str, headers: Message) -> Answer:
    """Return the list, with prices only if requested, or status 304 if the client's ETag is current."""
    models = priced() if "pricing" in query else [{**model, "pricing": None} for model in priced()]
    content = {"object": "list", "data": models}
    etag = f'W/"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]}"'
    if headers.get("If-None-Match") == etag:
        return Answer(HTTPStatus.NOT_MODIFIED, b"", "application/json", {"ETag": etag})
    return json_answer(content, {"ETag": etag})


@functools.cache
def priced() -> list[dict[str, Any]]:
    """Return all models. Those with a duration have a price per second, others a price per video."""
    return [
        {"id": name, "aliases": [], "type": "internal/video-generations/submit", "tags": [], "pricing": _pricing(asked)}
        for name, asked in all_models().items()
    ]


def _pricing(asked: Asked) -> dict[str, Any]:
    by_second = bool(asked.durations)
    unit = {"name": "second" if by_second else "video", "measure": "output", "per": 1}
    price = USD_A_SECOND if by_second else USD_A_SECOND * asked.default_duration
    return {"kind": "fixed", "currency": "USD", "units": [{**unit, "price": price}]}
