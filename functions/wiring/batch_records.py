"""Wire the table of batches, and the limit of rejected rows."""

from dataclasses import dataclass

import wiring
from core.batches.rejection_limit import RejectionLimit
from core.batches.table import BatchRecords


@dataclass(frozen=True)
class UsesBatchRecords:
    batches_table_name: str


@dataclass(frozen=True)
class UsesRejectionLimit(UsesBatchRecords):
    rejected_rows_an_hour: int


def make_batch_records(settings: UsesBatchRecords) -> BatchRecords:
    """Return the records of batches in their table."""
    return BatchRecords(wiring.client("dynamodb"), settings.batches_table_name, wiring.now)


def make_rejection_limit(settings: UsesRejectionLimit) -> RejectionLimit:
    """Return the limit of rejected rows."""
    return RejectionLimit(make_batch_records(settings), settings.rejected_rows_an_hour, _count_exceeded)


def _count_exceeded() -> None:
    from wiring.metrics import count_exceeded_rejections  # noqa: PLC0415 - rarely needed, and slow to import

    count_exceeded_rejections()
