"""The places at the provider, and who is let to them."""

from collections.abc import Callable
from dataclasses import dataclass

import wiring
from core.generation import Generation
from core.places.admission import Admission
from core.places.table import PlacesTable
from wiring.ledger import UsesLedger, make_ledger


@dataclass(frozen=True)
class UsesPlaces(UsesLedger):
    places_table_name: str
    in_flight_limit: int


def make_admission(settings: UsesPlaces, keep: Callable[[Generation], None] = lambda _: None) -> Admission:
    """The places, as many as the limit, and the queue for them; `keep` is for who lets generations into it first."""
    table = PlacesTable(wiring.client("dynamodb"), settings.places_table_name, settings.table_name)
    return Admission(table, make_ledger(settings), wiring.client("stepfunctions"), settings.in_flight_limit, keep)
