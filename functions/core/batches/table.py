"""The table of batches.

    <batch>                     a batch; the index by owner contains only these items
    <batch>-<run>               a run of it
    <batch>/<staged>/<row>      a row that was rejected while the file was read; the runs of the staged rows share it
    <batch>-<run>/<row>         a row that was rejected when this run accepted it
    rejected/<payer>/<hour>     how many rows of an API key or owner were rejected in an hour

Every change is one conditional write, or one transaction.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.batches.record import Batch, BatchRecord, Content, Existing, no_batch
from core.batches.rejection import Rejection
from core.batches.run import BatchRun, RowState, staged_name
from core.errors import NotFound
from core.generation import Clock, Failure, iso
from core.records.table import (
    BATCH_KEY,
    BATCHES_BY_OWNER,
    EXPIRES_AT,
    Condition,
    ConditionFailed,
    Item,
    Others,
    Table,
    Together,
    update_of,
)
from core.records.wanted import Wanted
from core.stored import part

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IS_NEW = Condition(f"attribute_not_exists({BATCH_KEY})")
EXISTS = Condition(f"attribute_exists({BATCH_KEY})")
_TIMES = ("created_at", "updated_at", "content_at", "cancelled_at", "started_at", "ended_at")
_BATCH = "of_batch"  # the id of a run's batch, because its key has another value


class BatchRecords:
    """Read and change batches, their runs and their rejected rows."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._name = table_name
        self._table = Table(dynamodb, table_name, BATCH_KEY)
        self.now = now

    # --- batches

    def find(self, batch_id: str) -> Batch | None:
        """Return the batch with its latest run, or None if it does not exist."""
        item = self._table.get(batch_id)
        return self._with_run(item) if item else None

    def get(self, batch_id: str) -> Batch:
        """Return the batch with its latest run. Raise `NotFound` if it does not exist."""
        found = self.find(batch_id)
        if found is None:
            raise NotFound(no_batch(batch_id))
        return found

    def create(self, new: BatchRecord) -> Batch:
        """Record a batch unless it exists. Return it."""
        with suppress(ConditionFailed):
            self._table.put(_written(new), IS_NEW)
        return self.get(new.batch_id)

    def new(self, batch_id: str, owner: str, name: str, source_ref: str, default_model: str) -> BatchRecord:
        """Return a batch that is not recorded yet."""
        now = self.now()
        return BatchRecord(batch_id, owner, name, source_ref, now, now, default_model)

    def expect(self, batch_id: str, content: str, existing: str | None = None) -> bool:
        """Record that a file is about to be sent, before it can be read. A cancel of earlier files stays.

        `existing` says what to do with rows that exist. Return False if other content is still unread, because the
        file cannot be compared with it. Also return False if the file needs a new batch and another file has got this
        one.
        """
        only_if = Condition(f"{EXISTS.text} AND (attribute_not_exists(#sent) OR #sent = :ours)", {":ours": content})
        changes: Item = {"sent": content}
        if existing == Existing.REPLACE:
            only_if = EXISTS
        elif existing == Existing.AGAIN:
            is_ours = "#run = :none OR #content = :ours"
            only_if = Condition(f"{only_if.text} AND ({is_ours})", {**only_if.values, ":none": 0})
            changes["again"] = content
        try:
            self._table.update(batch_id, self._now(changes), only_if=only_if, remove=("error",))
        except ConditionFailed:
            return False
        return True

    def was_read(self, batch_id: str, content: str) -> None:
        """Record that the sent file was read, unless other content was sent after it."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id, {}, only_if=Condition("#sent = :content", {":content": content}), remove=("sent",)
            )

    def unreadable(self, batch_id: str, failure: Failure) -> None:
        """Record why a file cannot be read. Nothing else about the batch changes."""
        self._table.update(batch_id, self._now({"error": asdict(failure)}))

    def readable(self, batch_id: str) -> None:
        """Record that the latest file can be read, after an earlier one that could not."""
        self._table.update(batch_id, self._now({}), remove=("error",))

    def cancel(self, batch_id: str, run: int, at: datetime) -> None:
        """Cancel this run and all before it, and files that arrived until then and are not read yet."""
        with suppress(ConditionFailed):
            self._table.update(
                batch_id,
                self._now({"cancelled_at": iso(at), "cancelled_run": run}),
                only_if=Condition("#cancelled_run <= :run", {":run": run}),
            )

    def of_owner(self, owner: str, cursor: str | None, limit: int) -> tuple[list[Batch], str | None]:
        """Return up to `limit` batches of an owner, newest first, and the cursor of the next page, None at the end."""
        items, next_cursor = self._table.page_of(BATCHES_BY_OWNER, owner, Wanted().created, cursor, limit)
        records = list(map(_record, items))
        runs = self._table.find([_latest_run(record) for record in records if record.run])
        found = [Batch(one, _run(runs[_latest_run(one)]) if _latest_run(one) in runs else None) for one in records]
        return found, next_cursor

    # --- runs

    def runs(self, records: Iterable[BatchRecord], most: int) -> dict[str, list[BatchRun]]:
        """Return the latest runs of batches, up to `most` of each, newest first, by the ids of the batches."""
        ids = {
            f"{record.batch_id}-{number}": record.batch_id
            for record in records
            for number in range(record.run, max(0, record.run - most), -1)
        }
        items = self._table.find(list(ids))
        found: dict[str, list[BatchRun]] = {batch_id: [] for batch_id in ids.values()}
        for run_id, batch_id in ids.items():
            if run_id in items:
                found[batch_id].append(_run(items[run_id]))
        return found

    def has_run(self, record: BatchRecord, content: str, most: int) -> bool:
        """Return whether one of the latest runs of a batch, or one of content that arrived late, has this content."""
        if self._table.get(f"{record.batch_id}-{staged_name(0, content)}"):
            return True
        return any(run.has_content(content) for run in self.runs([record], most).get(record.batch_id, []))

    def begin(self, run: BatchRun, content: Content | None) -> bool:
        """Create a run and make it the latest of its batch. Return False if another run has its number.

        `content` was read for the run. A retry has no content, and ends the cancel of earlier runs.
        """
        read = {"content": content.sha256, "content_at": iso(content.arrived_at)} if content else {}
        latest = update_of(
            run.batch_id,
            self._now({"run": run.number, "revision": run.revision, "version": content and content.version, **read}),
            only_if=EXISTS,
            remove=("error",) if content else (),
            key_name=BATCH_KEY,
        )
        try:
            self._table.put_with(_written_run(run), IS_NEW, self._with(latest))
        except ConditionFailed:
            return False
        return True

    def _with(self, update: Any) -> Others:
        """Return an update of this table for the transaction of another write."""
        return lambda: Together({}, [{"Update": {"TableName": self._name, **update}}])

    def begin_apart(self, run: BatchRun) -> None:
        """Create a run of content that arrived late, unless it exists. It does not become the latest of its batch."""
        with suppress(ConditionFailed):
            self._table.put(_written_run(run), IS_NEW)

    def run(self, run_id: str) -> BatchRun:
        """Return the run. Raise `NotFound` if it does not exist."""
        item = self._table.get(run_id)
        if item is None:
            raise NotFound(_no_run(run_id))
        return _run(item)

    def row(self, run_id: str, batch_id: str, number: int) -> RowState:
        """Return the present state of a run as one of its rows needs it."""
        rejected = _row_key(run_id, number)
        items = self._table.find([batch_id, run_id, rejected])
        if run_id not in items:
            raise NotFound(_no_run(run_id))
        run, cancelled_run = _run(items[run_id]), items.get(batch_id, {}).get("cancelled_run", 0)
        return RowState(run, is_cancelled=run.number <= cancelled_run, is_rejected=rejected in items)

    def hold_back(self, run_id: str, why: str) -> None:
        """Record why rows of a run are not started. The first reason stays."""
        self._once(run_id, "held_back", why)

    def stop(self, run_id: str, why: str) -> None:
        """Record why a run starts no more rows. The first reason stays."""
        self._once(run_id, "stopped", why)

    def ended(self, run_id: str, *, is_complete: bool) -> None:
        """Record that a run has ended."""
        self._table.update(run_id, {"ended_at": iso(self.now()), "is_complete": is_complete})

    # --- rejected rows

    def reject(self, run: BatchRun, rejection: Rejection) -> bool:
        """Record and count a row that was rejected when its run accepted it. Return False if it was counted before."""
        counted = {
            "Key": {BATCH_KEY: {"S": run.id}},
            "UpdateExpression": "ADD #rejected :one",
            "ConditionExpression": EXISTS.text,
            "ExpressionAttributeNames": {"#rejected": "rejected"},
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        item = _written_rejection(run.id, rejection)
        try:
            self._table.put_with(item, IS_NEW, self._with(counted))
        except ConditionFailed:
            return False
        return True

    def reject_staged(self, run: BatchRun, rejections: Iterable[Rejection]) -> None:
        """Record the rows that were rejected while a run's file was read. They are counted when the run is created."""
        self._table.put_all([_written_rejection(_staged_key(run), one) for one in rejections])

    def rejections(self, run: BatchRun, numbers: Iterable[int]) -> dict[int, Rejection]:
        """Return which of these rows were rejected in the run. A row that has a generation is not."""
        prefixes = [_staged_key(run)] if run.problems else []
        prefixes += [run.id] if run.rejected > run.problems else []
        keys = [_row_key(prefix, number) for number in numbers for prefix in prefixes]
        found = map(_rejection, self._table.find(keys, _REJECTION).values())
        return {one.number: one for one in found}

    def rejected_in(self, counter: str) -> int:
        """Return how many rejected rows were counted under this name."""
        return int((self._table.get(counter) or {}).get("rows", 0))

    def add_rejected(self, counter: str, rows: int, expires_at: datetime) -> int:
        """Count rejected rows under this name, and return how many there are now."""
        return self._table.add(counter, "rows", rows, {EXPIRES_AT: int(expires_at.timestamp())})

    def _with_run(self, item: Item) -> Batch:
        record = _record(item)
        return Batch(record, self.run(_latest_run(record)) if record.run else None)

    def _once(self, run_id: str, name: str, why: str) -> None:
        only_if = Condition(f"{EXISTS.text} AND attribute_not_exists(#{name})")
        with suppress(ConditionFailed):
            self._table.update(run_id, {name: why}, only_if=only_if)

    def _now(self, changes: dict[str, Any]) -> Item:
        return {**changes, "updated_at": iso(self.now())}


_REJECTION = ("number", "problem", "prompt", "name", "tags")


def _no_run(run_id: str) -> str:
    return f"There is no run {run_id} of a batch."


def _latest_run(record: BatchRecord) -> str:
    return f"{record.batch_id}-{record.run}"


def _staged_key(run: BatchRun) -> str:
    return f"{run.batch_id}/{run.staged}"


def _row_key(prefix: str, number: int) -> str:
    return f"{prefix}/{number}"


def _written(record: BatchRecord | BatchRun) -> Item:
    return {name: iso(value) if name in _TIMES and value else value for name, value in asdict(record).items()}


def _written_run(run: BatchRun) -> Item:
    return {**_written(run), BATCH_KEY: run.id, _BATCH: run.batch_id}


def _written_rejection(prefix: str, rejection: Rejection) -> Item:
    fields = {**asdict(rejection), "tags": list(rejection.tags) or None}
    return {**fields, BATCH_KEY: _row_key(prefix, rejection.number)}


def _fields(item: Item, names: Iterable[str]) -> dict[str, Any]:
    fields = {name: item[name] for name in names if name in item}
    return {name: datetime.fromisoformat(value) if name in _TIMES else value for name, value in fields.items()}


def _record(item: Item) -> BatchRecord:
    fields = _fields(item, BatchRecord.__annotations__)
    if "error" in fields:
        fields["error"] = part(Failure, fields["error"])
    return BatchRecord(**fields)


def _run(item: Item) -> BatchRun:
    return BatchRun(**{**_fields(item, BatchRun.__annotations__), "batch_id": item[_BATCH]})


def _rejection(item: Item) -> Rejection:
    return Rejection(**{**_fields(item, _REJECTION), "tags": tuple(item.get("tags") or ())})
