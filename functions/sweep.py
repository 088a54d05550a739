"""Every minute: make good what a function that died, or an event that was lost, left half done."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from core import settings
from core.archive.objects import Objects
from core.generation import Failure
from core.sweep import Sweep
from wiring import client, logger, now
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import make_ledger
from wiring.metrics import count_failure
from wiring.places import UsesPlaces, make_admission
from wiring.provider import UsesProvider, make_provider
from wiring.workflow import UsesWorkflow, make_workflow

LONGEST = timedelta(seconds=50)  # the next one comes after a minute


@dataclass(frozen=True)
class Settings(UsesPlaces, UsesWorkflow, UsesAnnouncer, UsesProvider):
    videos_bucket: str
    poll_deadline_seconds: int


@cache
def _wired() -> Sweep:
    s = settings.read(Settings)
    return Sweep(
        make_ledger(s),
        make_admission(s),
        make_workflow(s),
        make_announcer(s),
        make_provider(s),
        Objects(client("s3"), s.videos_bucket),
        longest=timedelta(seconds=s.poll_deadline_seconds),
        on_failure=_found_failed,
    )


def _found_failed(failure: Failure) -> None:
    logger.warning("found to have failed", error=failure.name, reason=failure.message)
    count_failure(failure)


@logger.inject_lambda_context
def handler(_event: dict[str, Any], _context: object) -> None:
    """A scheduled event, whose contents do not matter."""
    _wired().run(until=now() + LONGEST)
