"""Wire the start of batches, for dropped files and for the API."""

from dataclasses import dataclass

import wiring
from core.archive.objects import PRESIGNING
from core.batches.executions import BatchExecutions
from core.batches.staging import Staging
from core.batches.start import BatchStart
from wiring.batch_records import UsesRejectionLimit, make_batch_records, make_rejection_limit
from wiring.inputs import UsesInputs, make_inputs
from wiring.ledger import make_ledger


@dataclass(frozen=True)
class UsesBatchStart(UsesInputs, UsesRejectionLimit):
    batch_state_machine_arn: str
    batch_concurrency: int
    allow_local_webhooks: bool


def make_batch_start(settings: UsesBatchStart) -> BatchStart:
    """Return the start of batches."""
    staging = Staging(
        s3=wiring.client("s3", **PRESIGNING),  # the client that the inputs use
        bucket=settings.videos_bucket,
        ledger=make_ledger(settings),
        inputs=make_inputs(settings),
    )
    return BatchStart(
        staging=staging,
        executions=BatchExecutions(
            wiring.client("stepfunctions"), settings.batch_state_machine_arn, settings.videos_bucket
        ),
        records=make_batch_records(settings),
        limit=make_rejection_limit(settings),
        max_concurrency=settings.batch_concurrency,
        allow_local_webhooks=settings.allow_local_webhooks,
    )
