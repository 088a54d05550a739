"""The provider's list of models with their prices, `GET /v1/models?include=pricing`: made up, as what it charges is.

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
    """The list; the prices only if they are asked for, and nothing if it is known."""
    models = priced() if "pricing" in query else [{**model, "pricing": None} for model in priced()]
    content = {"object": "list", "data": models}
    etag = f'W/"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]}"'
    if headers.get("If-None-Match") == etag:
        return Answer(HTTPStatus.NOT_MODIFIED, b"", "application/json", {"ETag": etag})
    return json_answer(content, {"ETag": etag})


@functools.cache
def priced() -> list[dict[str, Any]]:
    """Every model, by the second where a request says how long its video is, else by the video."""
    return [
        {"id": name, "aliases": [], "type": "internal/video-generations/submit", "tags": [], "pricing": _pricing(asked)}
        for name, asked in all_models().items()
    ]


def _pricing(asked: Asked) -> dict[str, Any]:
    by_second = bool(asked.durations)
    unit = {"name": "second" if by_second else "video", "measure": "output", "per": 1}
    price = USD_A_SECOND if by_second else USD_A_SECOND * asked.default_duration
    return {"kind": "fixed", "currency": "USD", "units": [{**unit, "price": price}]}
