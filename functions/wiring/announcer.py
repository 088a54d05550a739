"""What announces: the topic and the bus."""

from dataclasses import dataclass

import wiring
from core.publish.announcer import Announcer


@dataclass(frozen=True)
class UsesAnnouncer:
    topic_arn: str
    bus_name: str


def make_announcer(settings: UsesAnnouncer) -> Announcer:
    """The topic and the bus."""
    return Announcer(wiring.client("sns"), settings.topic_arn, wiring.client("events"), settings.bus_name)
