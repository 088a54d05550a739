"""The learned times and costs of generations."""

from dataclasses import dataclass

import wiring
from core.learned.records import Learned


@dataclass(frozen=True)
class UsesLearned:
    slots_table_name: str


def make_learned(settings: UsesLearned) -> Learned:
    """Return the learned times and costs, which are in the table of slots."""
    return Learned(wiring.client("dynamodb"), settings.slots_table_name)
