"""Lists of generations: an owner's, page by page, and those of a batch. An index may lag behind the last writes."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from core.errors import NotFound
from core.generation import Generation, Status
from core.records.ledger import Ledger
from core.records.table import AT_ONCE, BY_BATCH, BY_ID, BY_OWNER, KEY, MOST_AT_ONCE, Item, Range
from core.records.wanted import Wanted

MAX_LIMIT = 100
MAX_PAGE_BYTES = 3 << 20  # of requests in one answer; Lambda allows 6 MiB, and a request has up to 192 KiB
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_[0-9a-f]{32}$"
MOST_MEANT = 20  # generations that are read for the beginning of an id
PAGE_ITEMS, MAX_PAGES = 100, 20  # limits of one call of `page`; a record has 2 KiB, a page of DynamoDB 1 MiB


@dataclass(frozen=True)
class Lists:
    """Finds the generations of a ledger by its indexes."""

    ledger: Ledger

    def page(self, owner: str, wanted: Wanted, limit: int, cursor: str | None) -> tuple[list[Generation], str | None]:
        """Return up to `limit` generations of an owner in order, and the cursor of the next page, None at the end.

        A cursor is a point in time (`<created_at>_<id>`), so new arrivals do not shift it. A page may hold fewer than
        `limit`, even none, before the end, because the number of records that it reads is bounded.
        """
        found: list[Generation] = []
        size = 0
        within = Range(*wanted.created, wanted.is_oldest_first)
        start = _start_key(owner, cursor)
        if start and within.is_before(start["created_at"]):  # a cursor of another list
            start = None
        if within.first > within.last or (start and within.is_after(start["created_at"])):
            return [], None
        for _ in range(MAX_PAGES):
            keys, has_more = self.ledger.table.query_page(BY_OWNER, owner, within, start, PAGE_ITEMS)
            for key, generation in self._each(keys):
                if generation and wanted.includes(generation):
                    found.append(generation)
                    size += len(json.dumps(generation.request, ensure_ascii=False).encode())
                start = key
                if len(found) == limit or size > MAX_PAGE_BYTES:
                    return found, _cursor(start)
            if not has_more:
                return found, None
        return found, _cursor(start) if start else None

    def meant(self, owner: str, beginning: str) -> Iterator[Generation]:
        """Yield the owner's generations whose ids begin with these digits, or only some of them if there are many."""
        for item in self.ledger.table.beginning_with(BY_ID, owner, beginning, MOST_MEANT):
            with suppress(NotFound):  # deleted
                yield self.ledger.get(item[KEY])

    def batch_rows(self, batch_id: str, revision: int, *, after: int = 0) -> Iterator[tuple[int, str]]:
        """Return the rows of a batch's revision after one, in order, each with the id of its generation.

        A generation that another one has replaced is left out.
        """
        for item in self.ledger.table.query(BY_BATCH, batch_id, after=after):
            if item["revision"] == revision and "retried_as" not in item:
                yield item["row_number"], item[KEY]

    def first_attempts(self, batch_id: str, revision: int) -> set[str]:
        """Return the ids of the first attempts of the rows of a batch's revision."""
        found = list(self.ledger.table.query(BY_BATCH, batch_id))
        before = {item["retried_as"]: item[KEY] for item in found if "retried_as" in item}
        ids = {item[KEY] for item in found if item["revision"] == revision and "retried_as" not in item}
        while later := ids & before.keys():
            ids = (ids - later) | {before[one] for one in later}
        return ids

    def batch_counts(self, batch_id: str, revision: int) -> Counter[str]:
        """Count the rows of a batch by status."""
        found = self.ledger.table.query(BY_BATCH, batch_id)
        return Counter(item["status"] for item in found if item["revision"] == revision and "retried_as" not in item)

    def running_in_batch(self, batch_id: str) -> Iterator[str]:
        """Return the ids of a batch's generations that have not ended, of all its revisions."""
        for item in self.ledger.table.query(BY_BATCH, batch_id):
            if not Status(item["status"]).ended:
                yield item[KEY]

    def statuses(self, generation_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Return those of the generations that exist, each with its status, or `deleted` for a tombstone."""
        ids = iter(generation_ids)
        while some := list(islice(ids, MOST_AT_ONCE)):
            for generation_id, item in self.ledger.table.find(some, ("status",)).items():
                yield generation_id, item.get("status", "deleted")

    def _each(self, keys: Sequence[Item]) -> Iterator[tuple[Item, Generation | None]]:
        """Return each key of an index with its generation, read a few at a time."""
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            generations = self.ledger.find([key[KEY] for key in some])
            yield from ((key, generations.get(key[KEY])) for key in some)


def _cursor(key: Item) -> str:
    return f"{key['created_at']}_{key[KEY]}"


def _start_key(owner: str, cursor: str | None) -> Item | None:
    """Return where a cursor points in the index. The owner is the caller's, whatever the cursor says."""
    if cursor is None:
        return None
    created_at, _, generation_id = cursor.partition("_")
    return {"owner": owner, "created_at": created_at, KEY: generation_id}
