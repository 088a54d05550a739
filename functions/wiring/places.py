"""The places at the provider."""

from dataclasses import dataclass

import wiring
from core.records.capacity import Capacity
from wiring.ledger import UsesLedger


@dataclass(frozen=True)
class UsesPlaces(UsesLedger):
    in_flight_limit: int


def make_capacity(settings: UsesPlaces) -> Capacity:
    """The places, as many as the limit, and the queue for them."""
    clients = wiring.client("dynamodb"), wiring.client("stepfunctions")
    return Capacity(clients[0], settings.table_name, clients[1], settings.in_flight_limit, wiring.now)
