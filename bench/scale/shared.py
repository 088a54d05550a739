"""Find what all jobs write to: the items and index partitions of DynamoDB that limit them all together.

DynamoDB spreads a table over as many partitions as it needs, but a single item, or the part of an index with the newest
sort keys, is in one partition, which accepts 1,000 write units a second. While an item is in a transaction, it
rejects other transactions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.calls import Invocation, index_units, table_of, write_units

OF_ONE = ("owner", "batch_id", "provider_id")  # index partitions that belong to one owner, batch or job


@dataclass(frozen=True)
class Shared:
    """How often one job writes to something shared, how often of these in a transaction, and the units."""

    writes: int
    transactions: int
    units: float


def shared(*jobs: list[Invocation]) -> dict[str, Shared]:
    """Return the items and partitions that several jobs of different owners write to, as the first job does."""
    counted = [_writes(job) for job in jobs]
    common = set.intersection(*(set(one) for one in counted))
    return {name: counted[0][name] for name in sorted(common)}


def _writes(job: list[Invocation]) -> dict[str, Shared]:
    writes: Counter[str] = Counter()
    transactions: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for call in (call for invocation in job for call in invocation.calls if call["service"] == "dynamodb"):
        for write in call.get("writes", ()):
            for name, count in _touched(call, write):
                writes[name] += 1
                transactions[name] += call["operation"] == "TransactWriteItems"
                units[name] += count  # type: ignore[assignment]
    return {name: Shared(writes[name], transactions[name], units[name]) for name in writes}


def _touched(call: Mapping[str, Any], write: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """Yield the name and the units of the item and of each index partition that a write changes."""
    old, new = write["old"], write["new"]
    item = new or old or {}
    key, indexes = table_of(item)
    of_indexes = {index.name: index_units(index, key, old, new) for index in indexes}
    yield _name(write["table"], key, item), write_units({**call, "writes": [write]}) - sum(of_indexes.values())
    for index in indexes:
        partitions = {_text(one[index.partition]) for one in (old or {}, new or {}) if index.partition in one}
        if of_indexes[index.name] and not any(_text(item.get(name)) in partitions for name in OF_ONE):
            yield f"index {index.name}", of_indexes[index.name]


def _name(table: str, key: str, item: Mapping[str, Any]) -> str:
    """Return the name of an item; in the table of slots that of its kind, since jobs write to different ones."""
    partition = _text(item.get(key))
    if table == "slots":
        return f"slots: {partition}"
    return f"{table}: {partition}/{_text(item.get('sk'))}" if key == "pk" else f"{table}: {partition}"


def _text(value: Any) -> str:
    return str(next(iter(value.values()))) if value else ""
