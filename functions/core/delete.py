"""Cancel a generation that has not ended, or delete one that has, as `DELETE` does in the HTTP API.

A repeated call deletes a cancelled generation once its end is announced, unless the call asks only to cancel.
"""

from dataclasses import dataclass

from core.archive.objects import Objects
from core.errors import Cancelled, Conflict
from core.generation import Failure, Generation
from core.records.ledger import Ledger
from core.workflow import Workflow


@dataclass(frozen=True)
class Deletion:
    """Deletes generations and their objects."""

    ledger: Ledger
    workflow: Workflow
    objects: Objects

    def delete(self, generation: Generation, *, only_running: bool) -> Generation | None:
        """Cancel or delete a generation. Return it if it was cancelled, or None if it was deleted.

        With `only_running` nothing is deleted. Raise `Conflict` if the generation has ended in another way.
        """
        if only_running and generation.status.ended:
            if generation.error is None or generation.error.name != Cancelled.__name__:
                raise Conflict(f"Generation {generation.generation_id} has already ended and cannot be cancelled.")
            return generation
        # Until its end is announced, it may have been cancelled just now. Cancelling it again is harmless.
        if not generation.announced_at:
            return self._cancel(generation)
        # The record first: if this function dies in between, the tombstone makes the sweep delete the objects.
        self.ledger.delete(generation)
        self.objects.remove(generation.generation_id)
        return None

    def _cancel(self, generation: Generation) -> Generation:
        """End a generation as `Cancelled`. The provider cannot cancel, so the message says what may still happen."""
        reason = "Cancelled by its owner before it was sent to the provider."
        if generation.submission is not None:
            reason = "Cancelled by its owner. The provider has the request and may still finish and charge this job."
        self.ledger.fail(generation.run, Failure(Cancelled.__name__, reason))
        self.workflow.stop(generation.run)
        return self.ledger.get(generation.generation_id)
