"""Shell completion: suggestions from the API within two seconds, or none."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import get_args

import typer

from promptreel import configuration
from promptreel.client import Client, Status
from promptreel.commands.output import plain
from promptreel.generation import Generation

TIMEOUT_SECONDS = (1.0, 2.0)
IDS = 100  # the newest

Offer = tuple[str, str]  # a value and its description


def statuses(incomplete: str) -> list[str]:
    """Return the statuses that begin with the incomplete word."""
    return [status for status in get_args(Status) if status.startswith(incomplete)]


def models(context: typer.Context, incomplete: str) -> list[Offer]:
    """Return the models whose ids begin with the incomplete word."""
    offered = _asked(context, lambda api: [(model.id, model.title) for model in api.models()])
    return [offer for offer in offered if offer[0].startswith(incomplete)]


def ids(context: typer.Context, incomplete: str) -> list[Offer]:
    """Return the newest generations whose ids begin with the incomplete word."""
    found = _asked(context, lambda api: [(one.id, _about(one)) for one in api.list(limit=IDS)])
    return [offer for offer in found if offer[0].startswith(incomplete)]


def _about(generation: Generation) -> str:
    return plain(f"{generation.stage} {generation.request.get('prompt', '')}")[:60]


def _asked(context: typer.Context, question: Callable[[Client], Iterable[Offer]]) -> list[Offer]:
    given = context.find_root().params
    try:
        found = configuration.load(url=given.get("url"), stage=given.get("stage"), local=bool(given.get("local")))
        api = Client(found.required_url(), found.required_api_key(), attempts=1, timeout=TIMEOUT_SECONDS)
        with closing(api):
            return list(question(api))
    except Exception:  # noqa: BLE001 - an error message would appear in the middle of the user's command
        return []
