"""State Admit: wait until the provider has a slot for the generation."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.errors import GenerationEnded
from core.generation import Generation
from core.slots.admission import Admission
from core.workflow import Run
from wiring import logger
from wiring.ends import log_ended
from wiring.inputs import UsesInputs, make_inputs
from wiring.slots import UsesSlots, make_admission


@dataclass(frozen=True)
class Settings(UsesSlots, UsesInputs):
    pass


@cache
def _wired() -> Admission:
    s = settings.read(Settings)

    def keep(generation: Generation) -> None:
        if generation.given:
            make_inputs(s).keep(generation)

    return make_admission(s, keep)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> None:
    """Queue the generation of {"generation_id", "execution", "task_token"} for a slot.

    The workflow continues when the token is answered, now or later.
    """
    admission = _wired()
    try:
        admission.admit(Run.of_state(event), event["task_token"])
    except GenerationEnded as ended:
        log_ended(event, ended)
        admission.end(event["task_token"])
    else:
        logger.info("queued", generation_id=event["generation_id"])
