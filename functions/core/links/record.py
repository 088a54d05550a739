"""The short links of a generation, which are a part of its record.

A link works while it is in the record and has not expired. Its number is never used again, so a link that was revoked
stays revoked. The automatic link needs no write: every generation has it from the start, and nobody knows its token
until the API returns it.

A change replaces all links, on condition that their version is the one that was read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.stored import part

MAX_LINKS = 20  # that work at the same time, with the automatic one
MAX_NUMBER = 2**16 - 1  # a token has two bytes for it
MINUTE = len("2026-01-01T12:00")
DAY = len("2026-01-01")


@dataclass(frozen=True)
class Link:
    """One link. Times have the form of `core.generation.iso`."""

    number: int
    created_at: str | None = None  # None for the first automatic link
    expires_at: str | None = None  # None if it does not expire
    request: str | None = None  # identifies the request that made it
    opened_at: str | None = None  # the minute of the latest counted open
    opens: int = 0  # counted on the day of `opened_at`
    shows_prompt: bool = False  # on its page

    def works(self, now: str) -> bool:
        """Return whether the link has not expired."""
        return self.expires_at is None or now < self.expires_at

    def opened(self, now: str) -> "Link | None":
        """Return the link after another open is counted, or None if one was counted in this minute."""
        minute = now[:MINUTE]
        if self.opened_at is not None and minute <= self.opened_at:
            return None
        return replace(self, opened_at=minute, opens=self.opens_on(now) + 1)

    def opens_on(self, now: str) -> int:
        """Return the number of opens that were counted on the day of `now`."""
        return self.opens if self.opened_at and self.opened_at[:DAY] == now[:DAY] else 0


@dataclass(frozen=True)
class Links:
    """The links of a generation by number, without those that were revoked."""

    version: int = 0  # the number of changes
    next_number: int = 1
    automatic: int = 0  # the number of the link that `video.url` is for keys with short links
    links: tuple[Link, ...] = (Link(0),)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Links":
        """Return the links that these fields of a record describe."""
        return part(cls, {**fields, "links": tuple(part(Link, one) for one in fields["links"])})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for the record."""
        return asdict(self)

    def find(self, number: int, now: str) -> Link | None:
        """Return the link of this number if it works."""
        return next((link for link in self.working(now) if link.number == number), None)

    def working(self, now: str) -> tuple[Link, ...]:
        """Return the links that have not expired."""
        return tuple(link for link in self.links if link.works(now))

    def adding(self, link: Link, now: str) -> "Links":
        """Return the links with one more, which has the next number. Leave out those that have expired."""
        return replace(self, version=self.version + 1, next_number=link.number + 1, links=(*self.working(now), link))

    def changing(self, link: Link) -> "Links":
        """Return the links with a new state of one link."""
        return replace(
            self,
            version=self.version + 1,
            links=tuple(link if link.number == one.number else one for one in self.links),
        )

    def revoking(self, number: int, now: str) -> "Links":
        """Return the links without this one. The automatic link is replaced by a new one."""
        left = replace(self, links=tuple(one for one in self.links if one.number != number))
        if number != self.automatic:
            return replace(left, version=self.version + 1)
        return replace(left.adding(Link(self.next_number, created_at=now), now), automatic=self.next_number)
