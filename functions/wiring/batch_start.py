"""Starting batches, which files and requests do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import wiring
from core.archive.objects import PRESIGNING
from wiring.batches import UsesBatches, make_batches
from wiring.inputs import UsesInputs, make_inputs
from wiring.ledger import make_ledger

if TYPE_CHECKING:
    from core.intake.batches import Batches


@dataclass(frozen=True)
class UsesBatchStart(UsesInputs, UsesBatches):
    batch_state_machine_arn: str
    batch_concurrency: int
    allow_local_webhooks: bool


def make_batch_start(settings: UsesBatchStart) -> "Batches":
    """The batches that can be started."""
    from core.intake.batches import Batches  # noqa: PLC0415 - most requests are about a single generation

    return Batches(
        s3=wiring.client("s3", **PRESIGNING),  # the one that inputs use
        bucket=settings.videos_bucket,
        stepfunctions=wiring.client("stepfunctions"),
        state_machine_arn=settings.batch_state_machine_arn,
        max_concurrency=settings.batch_concurrency,
        ledger=make_ledger(settings),
        records=make_batches(settings),
        inputs=make_inputs(settings),
        allow_local_webhooks=settings.allow_local_webhooks,
    )
