"""The records of batches: one item a batch, with its latest revision and run.

What became of its rows is in the ledger.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.errors import NotFound
from core.generation import Clock, Failure, iso
from core.records.table import BATCH_KEY, BATCHES_BY_OWNER, Condition, ConditionFailed, Item, Table
from core.records.wanted import Wanted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOOKED_THROUGH = 1000  # keys of an owner's batches in one query
_TIMES = ("created_at", "updated_at", "content_at", "reading_since", "ended_at", "cancelled_at", "retried_at")


@dataclass(frozen=True)
class BatchRecord:
    """A batch as it stands. Times are UTC.

    A revision is a new content of its file. A run is an execution for it: one a revision, and one more for each retry.
    """

    batch_id: str
    owner: str
    name: str
    source_ref: str  # s3://bucket/key of the file
    created_at: datetime
    updated_at: datetime
    default_model: str | None = None  # of rows that name none, for good: a row stays the same when the stage's changes
    content: str | None = None  # SHA-256 of the file
    content_at: datetime | None = None  # when that came into the bucket
    revision: int = 0
    run: int = 0
    rows: int | None = None  # of the latest revision; None until one was read
    made_before: int | None = None  # rows of it that an earlier run had made, or was making
    max_concurrency: int | None = None
    staged: str | None = None  # the folder of its rows
    reading_since: datetime | None = None  # a new content was sent, and is not read yet
    ended_at: datetime | None = None  # of the latest run
    is_complete: bool | None = None  # whether that run left nothing to do
    cancelled_at: datetime | None = None
    cancelled_revision: int | None = None  # the latest that was cancelled: its rows stay so when another is sent
    retried_at: datetime | None = None  # rows that failed before run again
    key_id: str | None = None  # of the API key that it was sent, or retried, with last: its budget counts what begins
    held_back: str | None = None  # why rows of the latest run were not begun: a budget has no room for them
    error: Failure | None = None  # why what was sent last cannot be read
    last_write: str | None = None  # the write that this was read after

    @property
    def broke_off(self) -> bool:
        """Whether the latest run ended before its rows did."""
        return self.ended_at is not None and not self.is_complete

    def is_cancelled(self, revision: int) -> bool:
        """Whether no row of the revision begins. One that came late, and is none, goes with the batch."""
        return self.cancelled_at is not None or 0 < revision <= (self.cancelled_revision or 0)

    def with_content(self, content: str, content_at: datetime) -> "BatchRecord":
        """The batch with what was read of its file: a new revision if that is new; not a later one if it came late."""
        if self.content_at is not None and content_at < self.content_at and content != self.content:
            return replace(self, content=content, revision=0)
        # Sent again after it was cancelled, it runs again.
        fresh = self.cancelled_at is None or content_at > self.cancelled_at
        read = replace(
            self,
            content=content,
            content_at=max(content_at, self.content_at or content_at),
            reading_since=None,
            error=None,
            cancelled_at=None if fresh else self.cancelled_at,
        )
        if content == self.content and read.cancelled_at == self.cancelled_at:
            return replace(read, ended_at=None, is_complete=None, held_back=None) if self.broke_off else read
        if content == self.content:
            read = replace(read, cancelled_revision=None)
        revision = self.revision + (content != self.content)
        return replace(read, revision=revision, run=self.run + 1, ended_at=None, is_complete=None, held_back=None)


class BatchRecords:
    """Reads and changes the records of batches; every change is one conditional write."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._table = Table(dynamodb, table_name, BATCH_KEY)
        self.now = now

    def find(self, batch_id: str) -> BatchRecord | None:
        """The batch as it is now, None if there is none."""
        item = self._table.get(batch_id)
        return _read(item) if item else None

    def get(self, batch_id: str) -> BatchRecord:
        """The batch as it is now; `NotFound` where there is none."""
        found = self.find(batch_id)
        if found is None:
            raise NotFound(f"There is no batch {batch_id}.")
        return found

    def new(self, batch_id: str, owner: str, name: str, source_ref: str, default_model: str) -> BatchRecord:
        """A batch that is not recorded yet."""
        now = self.now()
        return BatchRecord(batch_id, owner, name, source_ref, now, now, default_model)

    def reading(self, record: BatchRecord) -> BatchRecord:
        """The batch, to which something was sent that is not read yet. If it was cancelled, that is over, and whatever
        is read is new."""
        content = None if record.cancelled_at else record.content
        return replace(record, content=content, reading_since=self.now(), error=None, cancelled_at=None)

    def put(self, record: BatchRecord, seen: BatchRecord | None) -> bool:
        """Write it, if it is there as it was `seen`; False if it is not."""
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
        """The batch with some of its fields changed, whatever else is; `NotFound` where there is none."""
        while True:
            seen = self.get(batch_id)
            changed = replace(seen, **changes)
            if self.put(changed, seen):
                return changed

    def ended(self, batch_id: str, revision: int, run: int, *, is_complete: bool) -> None:
        """The run has ended; of no effect if it is not the latest."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id,
                {"ended_at": iso(self.now()), "is_complete": is_complete},
                only_if=Condition("#revision = :revision AND #run = :run", {":revision": revision, ":run": run}),
            )

    def hold_back(self, batch_id: str, why: str) -> None:
        """Rows are not begun; the first reason stays."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id,
                {"held_back": why},
                only_if=Condition(f"attribute_exists({BATCH_KEY}) AND attribute_not_exists(#held_back)"),
            )

    def meant(self, owner: str, beginning: str) -> Iterator[BatchRecord]:
        """The owner's batches whose ids begin so, newest first."""
        before: Item | None = None
        has_more = True
        while has_more:
            items, has_more = self._table.query_back(BATCHES_BY_OWNER, owner, Wanted().created, before, LOOKED_THROUGH)
            for item in items:
                if item[BATCH_KEY].startswith(beginning) and (found := self.find(item[BATCH_KEY])):
                    yield found
            before = {name: items[-1][name] for name in ("owner", "created_at", BATCH_KEY)} if items else None

    def of_owner(self, owner: str, cursor: str | None, limit: int) -> tuple[list[BatchRecord], str | None]:
        """Up to `limit` batches of an owner, newest first, and the cursor to go on with, None at the end."""
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
