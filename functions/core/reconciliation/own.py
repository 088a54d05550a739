"""Read what the ledger knows about the cost of its generations, including deleted ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice

from core.errors import GenerationFailed
from core.records.table import BY_DONE, BY_PROVIDER_ID, KEY, MOST_AT_ONCE, Item, Table

_ATTRIBUTES = ("provider_id", "credits_used", "sending_since", "generated_at", "error")


@dataclass(frozen=True)
class Own:
    """A generation of the ledger, or the rest of a deleted one."""

    generation_id: str
    provider_id: str | None
    credits: int | None  # the expected charge, if it is known here
    sent_at: datetime | None
    done_at: datetime | None  # when we saw that the provider had finished it, or None

    @property
    def home(self) -> date | None:
        """The day (UTC) whose report has the generation: when it was done or, if it never was, when it was sent."""
        time = self.done_at or self.sent_at
        return time.astimezone(UTC).date() if time else None


def done_on(table: Table, day: date) -> Iterator[Own]:
    """Yield the generations that the provider was seen to finish on a day (UTC). The index may lag by some seconds."""
    return map(_own, table.query(BY_DONE, day.isoformat()))


def known(table: Table, generation_ids: Iterable[str]) -> Iterator[Own]:
    """Yield those of these generations that exist, or existed."""
    ids = iter(generation_ids)
    while some := list(islice(ids, MOST_AT_ONCE)):
        yield from map(_own, table.find(some, _ATTRIBUTES).values())


def with_provider_ids(table: Table, provider_ids: Iterable[str]) -> Iterator[Own]:
    """Yield the generations that have these ids at the provider, however old they are."""
    found = (item[KEY] for one in provider_ids for item in table.query(BY_PROVIDER_ID, one))
    return known(table, found)


def _own(item: Item) -> Own:
    credits_used = item.get("credits_used")
    if credits_used is None and "generated_at" not in item and item.get("error", {}).get("name") == _FAILED:
        credits_used = 0  # the provider does not charge for its own failures
    return Own(
        generation_id=item[KEY],
        provider_id=item.get("provider_id"),
        credits=credits_used,
        sent_at=_time(item.get("sending_since")),
        done_at=_time(item.get("generated_at")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_FAILED = GenerationFailed.__name__
