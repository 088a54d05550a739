"""The table of batches: one item per batch."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.batches.record import BatchRecord, no_batch
from core.errors import NotFound
from core.generation import Clock, Failure, iso
from core.records.table import BATCH_KEY, BATCHES_BY_OWNER, Condition, ConditionFailed, Item, Table
from core.records.wanted import Wanted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOOKED_THROUGH = 1000  # keys of an owner's batches in one query
_TIMES = ("created_at", "updated_at", "content_at", "reading_since", "ended_at", "cancelled_at", "retried_at")


class BatchRecords:
    """Read and change the records of batches. Every change is one conditional write."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._table = Table(dynamodb, table_name, BATCH_KEY)
        self.now = now

    def find(self, batch_id: str) -> BatchRecord | None:
        """Return the batch, or None if it does not exist."""
        item = self._table.get(batch_id)
        return _read(item) if item else None

    def get(self, batch_id: str) -> BatchRecord:
        """Return the batch. Raise `NotFound` if it does not exist."""
        found = self.find(batch_id)
        if found is None:
            raise NotFound(no_batch(batch_id))
        return found

    def new(self, batch_id: str, owner: str, name: str, source_ref: str, default_model: str) -> BatchRecord:
        """Return a batch that is not recorded yet."""
        now = self.now()
        return BatchRecord(batch_id, owner, name, source_ref, now, now, default_model)

    def put(self, record: BatchRecord, seen: BatchRecord | None) -> bool:
        """Write the record if the table still holds what was `seen`. Return whether it did."""
        item = _written(replace(record, updated_at=self.now()))
        try:
            if seen is None:
                self._table.put(item, Condition(f"attribute_not_exists({BATCH_KEY})"))
            else:
                self._table.put(item, Condition("#last_write = :seen", {":seen": seen.last_write}))
        except ConditionFailed:
            return False
        return True

    def change(self, batch_id: str, **changes: Any) -> BatchRecord:
        """Change some fields, and keep the concurrent changes of others. Raise `NotFound` if it does not exist."""
        while True:
            seen = self.get(batch_id)
            changed = replace(seen, **changes)
            if self.put(changed, seen):
                return changed

    def ended(self, batch_id: str, revision: int, run: int, *, is_complete: bool) -> None:
        """Record that a run has ended, unless a newer one has begun."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id,
                {"ended_at": iso(self.now()), "is_complete": is_complete},
                only_if=Condition("#revision = :revision AND #run = :run", {":revision": revision, ":run": run}),
            )

    def hold_back(self, batch_id: str, why: str) -> None:
        """Record why rows are not started. The first reason stays."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id,
                {"held_back": why},
                only_if=Condition(f"attribute_exists({BATCH_KEY}) AND attribute_not_exists(#held_back)"),
            )

    def meant(self, owner: str, beginning: str) -> Iterator[BatchRecord]:
        """Yield the owner's batches whose ids begin with this text, newest first."""
        before: Item | None = None
        has_more = True
        while has_more:
            items, has_more = self._table.query_back(BATCHES_BY_OWNER, owner, Wanted().created, before, LOOKED_THROUGH)
            for item in items:
                if item[BATCH_KEY].startswith(beginning) and (found := self.find(item[BATCH_KEY])):
                    yield found
            before = {name: items[-1][name] for name in ("owner", "created_at", BATCH_KEY)} if items else None

    def of_owner(self, owner: str, cursor: str | None, limit: int) -> tuple[list[BatchRecord], str | None]:
        """Return up to `limit` batches of an owner, newest first, and the cursor of the next page, None at the end."""
        items, next_cursor = self._table.page_of(BATCHES_BY_OWNER, owner, Wanted().created, cursor, limit)
        return [_read(item) for item in items], next_cursor


def _written(record: BatchRecord) -> Item:
    item = {name: value for name, value in asdict(record).items() if value is not None}
    return {name: iso(value) if name in _TIMES else value for name, value in item.items()}


def _read(item: Item) -> BatchRecord:
    fields = {name: value for name, value in item.items() if name in BatchRecord.__annotations__}
    fields |= {name: datetime.fromisoformat(fields[name]) for name in _TIMES if name in fields}
    if "error" in fields:
        fields["error"] = Failure(**fields["error"])
    return BatchRecord(**fields)
