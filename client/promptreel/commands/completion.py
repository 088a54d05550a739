"""What the shell is told for Tab: within two seconds, or nothing at all."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import get_args

import typer

from promptreel import configuration
from promptreel.client import Client, Status
from promptreel.commands.output import plain
from promptreel.generation import Generation

TIMEOUT_SECONDS = (1.0, 2.0)
IDS = 100  # of the newest

Offer = tuple[str, str]  # what may stand there, and a word about it


def statuses(incomplete: str) -> list[str]:
    """The statuses that begin so."""
    return [status for status in get_args(Status) if status.startswith(incomplete)]


def models(context: typer.Context, incomplete: str) -> list[Offer]:
    """The models that begin so."""
    offered = _asked(context, lambda api: [(model.id, model.title) for model in api.models()])
    return [offer for offer in offered if offer[0].startswith(incomplete)]


def ids(context: typer.Context, incomplete: str) -> list[Offer]:
    """The newest generations whose ids begin so."""
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
    except Exception:  # noqa: BLE001 - whatever it is, a word about it would stand in the middle of the command
        return []
