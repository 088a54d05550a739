"""DELETE: cancel what has not ended; delete what has. Doing it again changes nothing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.archive.objects import record_key, video_key
from core.errors import Cancelled, Conflict
from core.generation import Failure, Generation
from core.records.ledger import Ledger
from core.workflow import Workflow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Deletion:
    """What deletes generations, their videos in `bucket` included."""

    ledger: Ledger
    workflow: Workflow
    s3: "S3Client"
    bucket: str

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
        for key in (video_key(generation.generation_id), record_key(generation.generation_id)):
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.ledger.delete(generation)
        return None

    def _cancel(self, generation: Generation) -> Generation:
        """It ends as `Cancelled`; the message says what may still come, since the provider cannot cancel."""
        reason = "Cancelled by its owner before it was sent to the provider."
        if generation.submission is not None:
            reason = "Cancelled by its owner; the provider has the request, and may still finish it and charge for it."
        self.ledger.fail(generation.generation_id, Failure(Cancelled.__name__, reason))
        self.workflow.stop(generation.execution_name)
        return self.ledger.get(generation.generation_id)
