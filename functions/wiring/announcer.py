"""What announces: the topic and the bus."""

from dataclasses import dataclass

import wiring
from core.publish.announcer import Announcer
from wiring.accounts import UsesAccounts, make_accounts


@dataclass(frozen=True)
class UsesAnnouncer(UsesAccounts):
    topic_arn: str
    bus_name: str


def make_announcer(settings: UsesAnnouncer) -> Announcer:
    """The topic and the bus, and the accounts."""
    sns, events = wiring.client("sns"), wiring.client("events")
    return Announcer(sns, settings.topic_arn, events, settings.bus_name, make_accounts(settings))
