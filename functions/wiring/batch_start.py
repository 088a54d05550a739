"""Starting batches, which files and requests do."""

from dataclasses import dataclass

import wiring
from core.archive.objects import PRESIGNING
from core.batches.start import Batches
from wiring.batch_records import UsesBatchRecords, make_batch_records
from wiring.inputs import UsesInputs, make_inputs
from wiring.ledger import make_ledger


@dataclass(frozen=True)
class UsesBatchStart(UsesInputs, UsesBatchRecords):
    batch_state_machine_arn: str
    batch_concurrency: int
    allow_local_webhooks: bool


def make_batch_start(settings: UsesBatchStart) -> Batches:
    """Return what starts batches."""
    return Batches(
        s3=wiring.client("s3", **PRESIGNING),  # the one that inputs use
        bucket=settings.videos_bucket,
        stepfunctions=wiring.client("stepfunctions"),
        state_machine_arn=settings.batch_state_machine_arn,
        max_concurrency=settings.batch_concurrency,
        ledger=make_ledger(settings),
        records=make_batch_records(settings),
        inputs=make_inputs(settings),
        allow_local_webhooks=settings.allow_local_webhooks,
    )
