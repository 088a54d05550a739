"""What was learned of how long generations take."""

from dataclasses import dataclass

import wiring
from core.provider.generation_times import GenerationTimes


@dataclass(frozen=True)
class UsesGenerationTimes:
    slots_table_name: str


def make_generation_times(settings: UsesGenerationTimes) -> GenerationTimes:
    """The times in the table of slots."""
    return GenerationTimes(wiring.client("dynamodb"), settings.slots_table_name)
