"""State Finalize: archive the video in S3 and announce it."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from core import settings
from core.finalize import Finalize
from core.publish.views import as_log
from core.workflow import Run
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.archive import UsesArchive, make_archive
from wiring.ends import or_ended
from wiring.ledger import make_ledger
from wiring.provider import UsesProvider, make_provider
from wiring.retention import UsesRetention, make_retention
from wiring.slots import UsesSlots, make_admission

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

TO_STOP_SECONDS = 45.0  # enough for a read timeout, the upload of a part, and recording the progress


@dataclass(frozen=True)
class Settings(UsesSlots, UsesProvider, UsesArchive, UsesAnnouncer, UsesRetention):
    pass


@cache
def _wired() -> Finalize:
    s = settings.read(Settings)
    return Finalize(
        ledger=make_ledger(s),
        provider=make_provider(s),
        archive=make_archive(s),
        admission=make_admission(s),
        announcer=make_announcer(s),
        retention=make_retention(s),
    )


@logger.inject_lambda_context
@or_ended
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Finalize the generation of {"generation_id", "execution"}.

    Return {"generation_id", "status": "completed", "video"} with the location and properties of the verified video.
    """

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - TO_STOP_SECONDS

    generation = _wired().finalize(Run.of_state(event), seconds_left)
    video = generation.video and generation.video.as_dict()
    logger.info("archived", generation_id=generation.generation_id, video=video, **as_log(generation))
    return {"generation_id": generation.generation_id, "status": generation.status, "video": video}
