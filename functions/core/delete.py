"""DELETE: cancel what has not ended; delete what has. Doing it again changes nothing."""

from dataclasses import dataclass

from core.archive.objects import Objects
from core.errors import Cancelled, Conflict
from core.generation import Failure, Generation
from core.records.ledger import Ledger
from core.workflow import Workflow


@dataclass(frozen=True)
class Deletion:
    """What deletes generations, their objects included."""

    ledger: Ledger
    workflow: Workflow
    objects: Objects

    def delete(self, generation: Generation, *, only_running: bool) -> Generation | None:
        """The generation if it was cancelled, None if it was deleted.

        With `only_running` nothing is deleted, and `Conflict` says that the generation had ended.
        """
        if only_running and generation.status.ended:
            if generation.error is None or generation.error.name != Cancelled.__name__:
                raise Conflict(f"Generation {generation.generation_id} has ended: nothing is left to cancel.")
            return generation
        # One whose end is not announced yet may have been cancelled just now: that is repeated, which is harmless.
        if not generation.announced_at:
            return self._cancel(generation)
        # The record first: what dies in between leaves a tombstone, by which sweep removes the objects.
        self.ledger.delete(generation)
        self.objects.remove(generation.generation_id)
        return None

    def _cancel(self, generation: Generation) -> Generation:
        """It ends as `Cancelled`; the message says what may still come, since the provider cannot cancel."""
        reason = "Cancelled by its owner before it was sent to the provider."
        if generation.submission is not None:
            reason = "Cancelled by its owner; the provider has the request, and may still finish it and charge for it."
        self.ledger.fail(generation.run, Failure(Cancelled.__name__, reason))
        self.workflow.stop(generation.run)
        return self.ledger.get(generation.generation_id)
