"""Open short links, which need no key."""

from dataclasses import dataclass
from enum import Enum

from core.archive.retention import KEEP_ALL, Retention
from core.errors import NotFound
from core.generation import ArchivedVideo, Generation, iso
from core.links.record import Link, Links
from core.links.token import Named, Tokens
from core.records.ledger import Ledger

ATTEMPTS = 5  # to count an open, while others change the links of the same generation


class Refusal(Enum):
    """Why a link does not lead to a video. `UNKNOWN` has one meaning for all causes, so nothing can be learned."""

    UNKNOWN = "unknown"
    TOO_OFTEN = "too often"


@dataclass(frozen=True)
class Opened:
    """The video of a link, and what the link shows with it."""

    video: ArchivedVideo
    expires_at: str | None  # when the link or the video ends, whichever is first; None if its owner ends it
    prompt: str | None  # None if the link does not show it


@dataclass(frozen=True)
class Opening:
    """Finds the video of a link and counts the open, at most once a minute and up to `most` times a day (UTC)."""

    ledger: Ledger
    tokens: Tokens
    most: int
    retention: Retention = KEEP_ALL

    def open(self, token: str) -> Opened | Refusal:
        """Return the video of the link, or why it is refused. Nothing is read for a token that was never made."""
        named = self.tokens.read(token)
        if named is None:
            return Refusal.UNKNOWN
        opened: Opened | Refusal = Refusal.UNKNOWN
        for _ in range(ATTEMPTS):
            try:
                generation = self.retention.seen(self.ledger.get(named.generation_id), self.ledger.now())
            except NotFound:
                return Refusal.UNKNOWN
            now = iso(self.ledger.now())
            link = _link(generation, named, now)
            if link is None or generation.video is None:
                return Refusal.UNKNOWN
            opened = self._opened(generation, generation.video, link)
            counted = link.opened(now)
            if counted is None:
                return opened
            if counted.opens > self.most:
                return Refusal.TOO_OFTEN
            if self.ledger.keep_links(generation, (generation.links or Links()).changing(counted)):
                return opened
        return opened  # it was just read and works; another open of this minute was counted, or the next one will be

    def _opened(self, generation: Generation, video: ArchivedVideo, link: Link) -> Opened:
        deleted_at, prompt = self.retention.expires_at(generation), generation.request.get("prompt")
        ends = [at for at in (link.expires_at, deleted_at and iso(deleted_at)) if at]
        shown = prompt if link.shows_prompt and isinstance(prompt, str) and prompt.strip() else None
        return Opened(video, min(ends, default=None), shown)


def _link(generation: Generation, named: Named, now: str) -> Link | None:
    """Return the link that a token names, if it works."""
    if Named.of(generation.generation_id, generation.created_at, named.number) != named:
        return None
    return (generation.links or Links()).find(named.number, now)
