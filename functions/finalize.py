"""State Finalize: archive the video in S3 and announce it."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from core import settings
from core.archive.store import Archive
from core.finalize import finalize
from core.places.admission import Admission
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.publish.views import as_log
from core.records.ledger import Ledger
from core.workflow import Run
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.archive import UsesArchive, make_archive
from wiring.ledger import make_ledger
from wiring.places import UsesPlaces, make_admission
from wiring.provider import UsesProvider, make_provider

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

TO_STOP_SECONDS = 45.0  # to let a read time out, an upload of a part end, and keep what there is


@dataclass(frozen=True)
class Settings(UsesPlaces, UsesProvider, UsesArchive, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Ledger, Provider, Archive, Admission, Announcer]:
    s = settings.read(Settings)
    return make_ledger(s), make_provider(s), make_archive(s), make_admission(s), make_announcer(s)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """{"generation_id", "execution"} → {"generation_id", "status": "completed", "video": where it is, as verified}."""

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - TO_STOP_SECONDS

    generation = finalize(Run.of_state(event), *_wired(), seconds_left)
    video = generation.video and generation.video.as_dict()
    logger.info("archived", generation_id=generation.generation_id, video=video, **as_log(generation))
    return {"generation_id": generation.generation_id, "status": generation.status, "video": video}
