"""The slots at the provider, and who is let to them."""

from collections.abc import Callable
from dataclasses import dataclass

import wiring
from core.generation import Generation
from core.slots.admission import Admission
from core.slots.table import SlotsTable
from wiring.ledger import UsesLedger, make_ledger


@dataclass(frozen=True)
class UsesSlots(UsesLedger):
    slots_table_name: str
    in_flight_limit: int


def make_admission(settings: UsesSlots, keep: Callable[[Generation], None] = lambda _: None) -> Admission:
    """The slots, as many as the limit, and the queue for them; `keep` is for who lets generations into it first."""
    table = SlotsTable(wiring.client("dynamodb"), settings.slots_table_name, settings.table_name)
    return Admission(table, make_ledger(settings), wiring.client("stepfunctions"), settings.in_flight_limit, keep)
