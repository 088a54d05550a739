"""CheckStatus: what the provider says now, and when to ask again."""

import logging
from dataclasses import dataclass

from core.errors import GenerationEnded, GenerationFailed, ProviderUnavailable
from core.generation import Status
from core.provider.client import Provider, is_known
from core.provider.polling import Schedule
from core.records.ledger import Ledger
from core.workflow import Run

logger = logging.getLogger("promptreel")


@dataclass(frozen=True)
class Checked:
    status: Status
    wait_seconds: int  # until the next check; 0 when none is needed


def check_status(run: Run, ledger: Ledger, provider: Provider, schedule: Schedule) -> Checked:
    """One look at the provider. A check that fails is `ProviderUnavailable`, until the last check is due:
    `GenerationTimedOut`."""
    generation = ledger.get_for(run)
    if generation.status in (Status.ARCHIVING, Status.COMPLETED):
        return Checked(Status.ARCHIVING, 0)  # Finalize finds what is done
    if generation.provider_id is None or generation.submitted_at is None:
        raise GenerationEnded(f"Generation {run.generation_id} was never accepted by the provider.")
    try:
        answer = provider.fetch(generation.provider_id)
    except ProviderUnavailable:
        schedule.next_check(generation.submitted_at, ledger.now())  # raises once the last check was due
        raise
    if not is_known(answer.status):
        logger.warning("unknown provider status %r of generation %s", answer.status, run.generation_id)
    if answer.outcome == "error":
        raise GenerationFailed(f"The provider could not generate the video: {answer.error}")
    if answer.outcome == "completed" and answer.video is not None:
        ledger.provider_finished(run, answer.video, answer.credits_used)
        return Checked(Status.ARCHIVING, 0)
    return Checked(Status.GENERATING, schedule.next_check(generation.submitted_at, ledger.now()))
