"""Rescue: a failed generation goes on from what the provider already has, in a new run of its workflow."""

from core.errors import GenerationEnded, NotRescuable
from core.generation import Generation, Status, Submission
from core.records.claim import found, not_accepted
from core.records.ledger import Ledger
from core.records.table import ConditionFailed
from core.workflow import Workflow


def rescue(generation_id: str, ledger: Ledger, workflow: Workflow) -> Generation:
    """Open the record of a failed generation again and start its workflow; the generation as it is then.

    Nothing is submitted that may have been accepted before: what the provider accepted is checked and archived; what
    certainly was not accepted is sent. Raises `NotRescuable`, with the way out.
    """
    generation = ledger.get(generation_id)
    check_rescuable(generation)
    return _go_on(generation, ledger, workflow, generation.provider_id)


def check_rescuable(generation: Generation) -> None:
    """`NotRescuable`, with the way out, if the generation cannot go on from what the provider has."""
    if generation.status is Status.COMPLETED:
        raise NotRescuable(f"Generation {generation.generation_id} is completed: there is nothing to rescue.")
    if generation.failed_at_provider:
        raise NotRescuable("The provider itself failed to generate this video, and did not charge: create a new one.")
    if generation.status.ended and generation.submission is Submission.SENDING:
        raise NotRescuable(
            "The provider may have accepted this request, and under which id is not known: look for "
            f"{generation.generation_id} in the provider's log (client_request_id), then use `promptreel resolve`."
        )


def resolve(generation_id: str, ledger: Ledger, workflow: Workflow, provider_id: str | None) -> Generation:
    """Say what became of a submission whose answer was lost: the id under which the provider accepted it, or None if it
    did not accept it; the generation as it is then.

    With an id the video is fetched, without one the request is sent again. Raises `NotRescuable` if the submission is
    not unknown.
    """
    generation = ledger.get(generation_id)
    if generation.submission is not Submission.SENDING:
        raise NotRescuable(
            f"What became of the submission of generation {generation_id} is known: there is nothing to resolve."
        )
    if generation.status.ended:
        return _go_on(generation, ledger, workflow, provider_id, send_again=provider_id is None)
    try:
        if provider_id:
            found(ledger, generation.run, provider_id)
        else:
            not_accepted(ledger, generation)
    except (ConditionFailed, GenerationEnded):
        raise NotRescuable(f"Generation {generation_id} has changed just now: look again.") from None
    return ledger.get(generation_id)  # its workflow looks, and finds this


def _go_on(
    generation: Generation,
    ledger: Ledger,
    workflow: Workflow,
    provider_id: str | None,
    *,
    send_again: bool = False,
) -> Generation:
    if generation.status.ended and not ledger.reopen(generation, provider_id, send_again=send_again):
        raise NotRescuable(f"Generation {generation.generation_id} is being rescued already: look again.")
    generation = ledger.get(generation.generation_id)
    workflow.start(generation.run)
    return generation
