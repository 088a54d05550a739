"""The ledger."""

from dataclasses import dataclass

import wiring
from core.records.ledger import Ledger


@dataclass(frozen=True)
class UsesLedger:
    table_name: str


def make_ledger(settings: UsesLedger) -> Ledger:
    """Return the ledger."""
    return Ledger(wiring.client("dynamodb"), settings.table_name, wiring.now)
