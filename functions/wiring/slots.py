"""The slots at the provider and their queue."""

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
    """Return the `Admission`, which grants slots to generations.

    `keep` makes the copies of a generation's inputs. Only the function that first admits a generation needs it.
    """
    table = SlotsTable(wiring.client("dynamodb"), settings.slots_table_name, settings.table_name)
    return Admission(
        table=table,
        ledger=make_ledger(settings),
        stepfunctions=wiring.client("stepfunctions"),
        limit=settings.in_flight_limit,
        keep=keep,
    )
