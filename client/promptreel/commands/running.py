"""Find the generations that run, with few calls however many there are."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from promptreel.client import PATH, Client, Filters, Pages, Status
from promptreel.generation import Generation

LONGEST = timedelta(days=30)  # no generation runs for longer
PAGES = 5  # of one status, at most; a page has a hundred generations
PAGES_OF_ENDED = 3
LAG = timedelta(seconds=30)  # until lists have a new generation, generously
EVERY = 120  # polls until all are listed again, also those that an operator rescued
DELETED = "deleted"  # the stage of a generation that is not listed any more
TICK = timedelta(milliseconds=1)  # between two times of creation


@dataclass(frozen=True)
class Found:
    """A list of generations, newest first. `is_cut` means that older ones may be missing."""

    generations: tuple[Generation, ...]
    is_cut: bool = False

    def hides(self, generation: Generation) -> bool:
        """Return whether a generation may be missing here only because the list is cut."""
        oldest = self.generations[-1] if self.generations else generation
        return self.is_cut and _created(generation) <= _created(oldest)


def find(
    api: Client, status: Status | None, after: datetime, before: datetime | None = None, *, pages: int = PAGES
) -> Found:
    """Return the generations that were created in a range, as far as `pages` calls list them."""
    listing = Pages(status, None, Filters(created_after=after, created_before=before))
    found: list[Generation] = []
    for _ in range(pages):
        params = listing.next_params()
        if params is None:
            break
        found += listing.read(api._http.call("GET", PATH, params=params))
    return Found(tuple(found), is_cut=listing.next_params() is not None)


class Follower:
    """Follows all running generations of an owner.

    It only lists and never fetches single generations, because fetching one shows the API that its caller knows it
    (docs/decisions/0031-repeats.md), and the program that requested it may not.
    """

    def __init__(self, api: Client) -> None:
        self._api = api
        self._polls = 0
        self._known: dict[str, Generation] = {}  # those that run, and new ones that have ended
        self._newest = datetime.now(UTC) - LONGEST  # by the API's clock, once a generation is known
        self.is_cut = False  # whether more are running than are known

    @property
    def running(self) -> list[Generation]:
        """Return the generations that run, those that started first at the top."""
        order = ("archiving", "generating")
        found = [one for one in self._known.values() if not one.ended]
        return sorted(found, key=lambda one: (one.stage not in order, _created(one)))

    def poll(self) -> list[Generation]:
        """Return the generations that are new or whose stage has changed. If a call fails, nothing is changed."""
        is_first, before, recent = self._polls == 0, self.running, self._newest - LAG
        since, pages = min(map(_created, before), default=recent), 1
        if self._polls % EVERY == 0:
            since, pages = datetime.now(UTC) - LONGEST, PAGES
        # In this order, so that a generation that begins between the two calls is in the second list.
        queued = find(self._api, "queued", since, pages=pages)
        generating = find(self._api, "generating", since, pages=pages)
        seen = {one.id: one for one in (*queued.generations, *generating.generations)}
        lists = {"queued": queued, "generating": generating}
        missing = [one for one in before if one.id not in seen and not lists[one.status].hides(one)]
        # Those of the last seconds may have started and ended since the last poll.
        seen = {one.id: one for one in find(self._api, None, recent, pages=1).generations} | seen
        seen |= self._ended([one for one in missing if one.id not in seen])
        changed = [one for one in seen.values() if self._is_news(one) and not (is_first and one.ended)]
        self._newest = max([self._newest, *map(_created, seen.values())])
        self._known = {
            one.id: one
            for one in (self._known | seen).values()
            if not one.ended or _created(one) > self._newest - 2 * LAG
        }
        self._polls += 1
        self.is_cut = queued.is_cut or generating.is_cut
        return sorted(changed, key=_created)

    def _is_news(self, one: Generation) -> bool:
        earlier = self._known.get(one.id)
        return earlier is None or earlier.stage != one.stage

    def _ended(self, missing: list[Generation]) -> dict[str, Generation]:
        """Return those of the generations that have ended. The next poll finds the others."""
        if not missing:
            return {}
        times = [_created(one) for one in missing]
        found = find(self._api, None, min(times), max(times) + TICK, pages=PAGES_OF_ENDED)
        listed = {one.id: one for one in found.generations}
        return {
            one.id: listed.get(one.id) or replace(one, status="error", stage=DELETED)
            for one in missing
            if one.id in listed or not found.hides(one)
        }


def _created(generation: Generation) -> datetime:
    return generation.created_at or datetime.now(UTC)
