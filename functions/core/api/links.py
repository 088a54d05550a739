"""Short links over HTTP: make, list and revoke the links of a generation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.api import LINK_PATH
from core.api.generations import GenerationApi
from core.errors import Conflict, Contention, InvalidRequest, NotFound
from core.generation import Generation, digest, iso
from core.links.record import MAX_LINKS, MAX_NUMBER, Link, Links
from core.links.token import Named, Tokens
from core.records.ledger import Ledger

SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=3650)
DEFAULT = timedelta(days=7)
ATTEMPTS = 20  # of a change, while others change the links of the same generation


@dataclass(frozen=True)
class Addresses:
    """Makes the addresses of short links. `base` is the URL of the API, without a slash at its end."""

    tokens: Tokens
    base: str

    def page(self, generation: Generation, number: int) -> str:
        """Return the address of the page that plays the video."""
        named = Named.of(generation.generation_id, generation.created_at, number)
        return f"{self.base}{LINK_PATH}/{self.tokens.make(named)}"

    def file(self, generation: Generation, number: int) -> str:
        """Return the address of the video, which ends in the name of its file."""
        name = generation.video.file_name if generation.video else ""
        return f"{self.page(generation, number)}/{name}"

    def automatic(self, generation: Generation) -> str:
        """Return the address of the video by its automatic link."""
        return self.file(generation, (generation.links or Links()).automatic)


@dataclass(frozen=True)
class LinkOrder:
    """The parts of a request for a link."""

    body: object  # its JSON, or None without a body
    idempotency_key: str | None


@dataclass(frozen=True)
class LinkApi:
    """Makes, lists and revokes short links. An owner reaches only the links of its own generations."""

    generations: GenerationApi
    addresses: Addresses

    def create(self, owner: str, generation_id: str, order: LinkOrder) -> dict[str, Any]:
        """Make a link and return it, or return the earlier one with the same idempotency key."""
        (lifetime, shows_prompt), key = _terms(order.body), order.idempotency_key
        request = None if key is None else digest("link", key, str(lifetime), str(shows_prompt))

        def is_same(link: Link) -> bool:
            return request is not None and link.request == request

        def add(links: Links, now: datetime) -> Links:
            working = links.working(iso(now))
            if any(map(is_same, working)):
                return links
            if len(working) >= MAX_LINKS:
                raise Conflict(f"This generation has {MAX_LINKS} links, which is the most. Revoke one first.")
            if links.next_number > MAX_NUMBER:
                raise Conflict("This generation has had too many links. It can have no more.")
            link = Link(
                number=links.next_number,
                created_at=iso(now),
                expires_at=iso(now + lifetime) if lifetime else None,
                request=request,
                shows_prompt=shows_prompt,
            )
            return links.adding(link, iso(now))

        generation = self._changed(self._own(owner, generation_id), add)
        made = (generation.links or Links()).links
        return self._shown(generation, next(filter(is_same, made), made[-1]))

    def list(self, owner: str, generation_id: str) -> dict[str, Any]:
        """Return the links that work, oldest first."""
        generation = self._own(owner, generation_id)
        links = (generation.links or Links()).working(iso(self._ledger.now()))
        return {"data": [self._shown(generation, link) for link in links]}

    def revoke(self, owner: str, generation_id: str, number_text: str) -> dict[str, Any]:
        """Revoke a link. It stays revoked, so revoking it again does nothing."""
        if not re.fullmatch(r"0|[1-9][0-9]{0,4}", number_text, re.ASCII):
            raise NotFound("This generation has no link with this number.")
        number = int(number_text)

        def remove(links: Links, now: datetime) -> Links:
            if number >= links.next_number:
                raise NotFound("This generation has no link with this number.")
            if all(link.number != number for link in links.links):
                return links
            return links.revoking(number, iso(now))

        self._changed(self._own(owner, generation_id), remove)
        return {"number": number, "revoked": True}

    @property
    def _ledger(self) -> Ledger:
        return self.generations.deletion.ledger

    def _own(self, owner: str, generation_id: str) -> Generation:
        generation = self.generations.own(owner, generation_id)
        if generation.video is None:
            raise Conflict(f"Generation {generation.generation_id} has no video, so it can have no link.")
        return generation

    def _changed(self, generation: Generation, change: Callable[[Links, datetime], Links]) -> Generation:
        """Change the links of a generation and return it. Raise `Contention` if others change them all the time."""
        for _ in range(ATTEMPTS):
            links = generation.links or Links()
            changed = change(links, self._ledger.now())
            if changed is links or self._ledger.keep_links(generation, changed):
                return replace(generation, links=changed)
            generation = self._own(generation.owner, generation.generation_id)
        raise Contention

    def _shown(self, generation: Generation, link: Link) -> dict[str, Any]:
        automatic = (generation.links or Links()).automatic
        return {
            "number": link.number,
            "url": self.addresses.file(generation, link.number),
            "page_url": self.addresses.page(generation, link.number),
            "automatic": link.number == automatic,
            "created_at": link.created_at or (generation.ended_at and iso(generation.ended_at)),
            "expires_at": link.expires_at,
            "shows_prompt": link.shows_prompt,
            "opens_today": link.opens_on(iso(self._ledger.now())),
        }


def _terms(body: object) -> tuple[timedelta | None, bool]:
    """Return the lifetime that a request names, None for ever, and whether the page shows the prompt."""
    if body is None:
        return DEFAULT, False
    if not isinstance(body, Mapping) or body.keys() - {"expires_in", "show_prompt"}:
        raise InvalidRequest("The body must be a JSON object with no other fields than `expires_in` and `show_prompt`.")
    shows_prompt = body.get("show_prompt", False)
    if not isinstance(shows_prompt, bool):
        raise InvalidRequest("`show_prompt` must be true or false.", "show_prompt")
    return _lifetime(body.get("expires_in", int(DEFAULT.total_seconds()))), shows_prompt


def _lifetime(seconds: object) -> timedelta | None:
    if seconds is None:
        return None
    least, most = int(SHORTEST.total_seconds()), int(LONGEST.total_seconds())
    if isinstance(seconds, float) and seconds.is_integer():  # 3600.0 is an integer in JSON Schema
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= most:
        raise InvalidRequest(
            f"`expires_in` must be a whole number of seconds from {least} to {most}, or null for a link that does not "
            "expire.",
            "expires_in",
        )
    return timedelta(seconds=seconds)
