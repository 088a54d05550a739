"""DELETE: cancel what runs; forget what has ended. Doing it again changes nothing."""

from typing import TYPE_CHECKING

from core.accept import Workflow
from core.archive import record_key, video_key
from core.errors import Cancelled
from core.generation import Generation
from core.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def cancel(generation: Generation, ledger: Ledger, workflow: Workflow) -> Generation:
    """The generation, ended as `Cancelled`; the message says what may still come, since the provider cannot cancel."""
    reason = "Cancelled by its owner before it was sent to the provider."
    if generation.submission is not None:
        reason = "Cancelled by its owner; the provider has the request, and may still finish it and charge for it."
    ledger.fail(generation.generation_id, Cancelled.__name__, reason)
    workflow.stop(generation.execution_name)
    return ledger.get(generation.generation_id)


def forget(generation: Generation, ledger: Ledger, s3: "S3Client", bucket: str) -> None:
    """Remove the archived objects, then the record; a mark stays, so that the id never runs again."""
    for key in (video_key(generation.generation_id), record_key(generation.generation_id)):
        s3.delete_object(Bucket=bucket, Key=key)
    ledger.forget(generation)
