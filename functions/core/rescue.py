"""Rescue a failed generation: continue from what the provider already has, in a new run of the workflow."""

from core.errors import GenerationEnded, NotRescuable
from core.generation import Generation, Status, Submission
from core.records.claim import found, not_accepted
from core.records.ledger import LONGEST_FUNCTION, Ledger
from core.records.table import ConditionFailed
from core.workflow import Workflow


def rescue(generation_id: str, ledger: Ledger, workflow: Workflow) -> Generation:
    """Reopen the record of a failed generation, start its workflow, and return the generation.

    A request that the provider accepted is checked and archived. It is sent only if it was certainly not accepted
    before. Raise `NotRescuable`, with an alternative.
    """
    generation = ledger.get(generation_id)
    check_rescuable(generation)
    return _continue(generation, ledger, workflow, generation.provider_id)


def check_rescuable(generation: Generation) -> None:
    """Raise `NotRescuable`, with an alternative, if a rescue cannot help the generation."""
    if generation.status is Status.COMPLETED:
        raise NotRescuable(f"Generation {generation.generation_id} is completed and needs no rescue.")
    if generation.retried_as:
        raise NotRescuable(
            f"Generation {generation.generation_id} was replaced in its batch. Rescue {generation.retried_as} instead, "
            "or retry the batch."
        )
    if generation.failed_at_provider and generation.provider_id is None:
        raise NotRescuable("The provider itself failed to generate this video and did not charge. Create a new one.")
    if generation.status.ended and generation.submission is Submission.SENDING:
        raise NotRescuable(
            "The provider may have accepted this request, but its id there is unknown. Look for "
            f"{generation.generation_id} in the provider's log (client_request_id), then use `promptreel resolve`."
        )


def resolve(generation_id: str, ledger: Ledger, workflow: Workflow, provider_id: str | None) -> Generation:
    """Record the outcome of a submission whose answer was lost, continue the generation, and return it.

    `provider_id` is the provider's id for the request; the video is then fetched. None means that the provider did not
    accept the request, which is then sent again. Raise `NotRescuable` if the outcome is already known.
    """
    generation = ledger.get(generation_id)
    if generation.submission is not Submission.SENDING:
        raise NotRescuable(
            f"Generation {generation_id} cannot be resolved, because the outcome of its submission is already known."
        )
    if generation.status.ended:
        return _continue(generation, ledger, workflow, provider_id, send_again=provider_id is None)
    if provider_id is None and ledger.now() - (generation.sending_since or ledger.now()) < LONGEST_FUNCTION:
        raise NotRescuable(
            f"Generation {generation_id} may still be being sent. Look for it in the provider's log in a quarter of an "
            "hour."
        )
    try:
        if provider_id:
            found(ledger, generation.run, provider_id)
        else:
            not_accepted(ledger, generation)
    except (ConditionFailed, GenerationEnded):
        raise NotRescuable(f"Generation {generation_id} has just changed. Check its status and try again.") from None
    return ledger.get(generation_id)  # its workflow is running and will find the outcome


def _continue(
    generation: Generation,
    ledger: Ledger,
    workflow: Workflow,
    provider_id: str | None,
    *,
    send_again: bool = False,
) -> Generation:
    if generation.status.ended and not generation.announced_at:
        raise NotRescuable(
            f"Generation {generation.generation_id} has just ended, and its end is not announced yet. Try again in a "
            "minute."
        )
    if generation.status.ended and not ledger.reopen(generation, provider_id, send_again=send_again):
        raise NotRescuable(f"Generation {generation.generation_id} is already being rescued. Check its status.")
    generation = ledger.get(generation.generation_id)
    workflow.start(generation.run)
    return generation
