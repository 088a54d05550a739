"""Wire the table of batches."""

from dataclasses import dataclass

import wiring
from core.batches.table import BatchRecords


@dataclass(frozen=True)
class UsesBatchRecords:
    batches_table_name: str


def make_batch_records(settings: UsesBatchRecords) -> BatchRecords:
    """Return the records of batches in their table."""
    return BatchRecords(wiring.client("dynamodb"), settings.batches_table_name, wiring.now)
