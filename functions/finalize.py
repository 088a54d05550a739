"""State Finalize: archive the video in S3 and announce it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.archive.store import Archive
from core.finalize import finalize
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Run
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.archive import UsesArchive, make_archive
from wiring.ledger import UsesLedger, make_ledger
from wiring.provider import UsesProvider, make_provider


@dataclass(frozen=True)
class Settings(UsesLedger, UsesProvider, UsesArchive, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Ledger, Provider, Archive, Announcer]:
    s = settings.read(Settings)
    return make_ledger(s), make_provider(s), make_archive(s), make_announcer(s)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "execution"} → {"generation_id", "status": "completed", "video": where it is, as verified}."""
    generation = finalize(Run.of_state(event), *_wired())
    video = generation.video and generation.video.as_dict()
    logger.info("archived", generation_id=generation.generation_id, video=video)
    return {"generation_id": generation.generation_id, "status": generation.status, "video": video}
