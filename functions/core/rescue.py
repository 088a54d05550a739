"""Rescue: a failed generation goes on from what the provider already has, in a fresh execution of its workflow."""

from core.errors import GenerationFailed, NotRescuable
from core.generation import Generation, Status, Submission
from core.records.ledger import Ledger
from core.workflow import Workflow


def rescue(generation_id: str, ledger: Ledger, workflow: Workflow, provider_id: str | None = None) -> Generation:
    """Open the record of a failed generation again and start its workflow; the generation as it is then.

    Nothing is submitted that may have been accepted before: what the provider accepted is checked and archived; what
    certainly was not accepted is sent. `provider_id` is for a generation whose submission is unknown and whose id was
    found in the provider's log. Raises `NotRescuable`, with the way out.
    """
    generation = ledger.get(generation_id)
    if generation.status is not Status.ERROR:
        if generation.status is Status.COMPLETED:
            raise NotRescuable(f"Generation {generation_id} is completed: there is nothing to rescue.")
        workflow.start(generation.execution_name)  # opened by a rescue that died before it started the workflow
        return generation
    if generation.error and generation.error.name == GenerationFailed.__name__:
        raise NotRescuable("The provider itself failed to generate this video, and did not charge: create a new one.")
    known = generation.provider_id or provider_id
    if generation.submission is Submission.SENDING and not known:
        raise NotRescuable(
            "The provider may have accepted this request, under an id that is not known: look for the generation id in "
            "the provider's log (client_request_id), then rescue it with the id found there."
        )
    if not ledger.reopen(generation, known):
        raise NotRescuable(f"Generation {generation_id} is being rescued already: look again.")
    generation = ledger.get(generation_id)
    workflow.start(generation.execution_name)
    return generation
