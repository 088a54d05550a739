"""The announcer, with its topic and bus."""

from dataclasses import dataclass

import wiring
from core.publish.announcer import Announcer
from wiring.accounts import UsesAccounts, make_accounts


@dataclass(frozen=True)
class UsesAnnouncer(UsesAccounts):
    topic_arn: str
    bus_name: str


def make_announcer(settings: UsesAnnouncer) -> Announcer:
    """Return the announcer."""
    return Announcer(
        sns=wiring.client("sns"),
        topic_arn=settings.topic_arn,
        events=wiring.client("events"),
        bus_name=settings.bus_name,
        accounts=make_accounts(settings),
    )
