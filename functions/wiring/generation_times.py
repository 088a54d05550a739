"""What was learned of how long generations take."""

from dataclasses import dataclass

import wiring
from core.provider.generation_times import GenerationTimes


@dataclass(frozen=True)
class UsesGenerationTimes:
    places_table_name: str


def make_generation_times(settings: UsesGenerationTimes) -> GenerationTimes:
    """The times in the table of places."""
    return GenerationTimes(wiring.client("dynamodb"), settings.places_table_name)
