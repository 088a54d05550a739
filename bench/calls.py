"""Convert recorded calls into the units that AWS charges for.

The rules follow DynamoDB's developer guide. A write costs one unit per started KiB of the larger of the item before
and after. It costs twice that in a transaction, and the same again for each index whose entry it changes (twice if the
entry moves). A read costs one unit per started 4 KiB, or half a unit if it is not consistent. A BatchGetItem costs as
much as reads of its items one by one.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.records.table import BATCH_KEY, BATCHES_BY_OWNER, INDEXES, KEY, Index

PRICES: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text())
USD: dict[str, float] = PRICES["usd"]
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
S3_READS = {"GetObject", "HeadObject", "GetObjectTagging"}
S3_FREE = {"DeleteObject", "AbortMultipartUpload"}

Typed = Mapping[str, Any]


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function. Times are in seconds; `start_cpu` is 0 if the function was warm."""

    function: str
    at: float  # when, in seconds since 1970
    wall: float
    cpu: float
    start_cpu: float
    log_bytes: int
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def operations(self) -> Counter[str]:
        """Return the number of calls to AWS by operation."""
        return Counter(f"{call['service']} {call['operation']}" for call in self.calls)

    @property
    def write_units(self) -> float:
        """DynamoDB's write request units."""
        return sum(map(write_units, self.calls))

    @property
    def read_units(self) -> float:
        """DynamoDB's read request units."""
        return sum(map(_read_units, self.calls))


def usd(invocations: Iterable[Invocation]) -> Counter[str]:
    """Return what the calls of the invocations cost in US dollars, by part. Lambda itself is not included."""
    costs: Counter[str] = Counter()
    for invocation in invocations:
        costs["DynamoDB"] += invocation.write_units * USD["DynamoDB write request unit"]  # type: ignore[assignment]
        costs["DynamoDB"] += invocation.read_units * USD["DynamoDB read request unit"]  # type: ignore[assignment]
        for operation, count in invocation.operations.items():
            part, price = _price(*operation.split())
            if price:
                costs[part] += count * price  # type: ignore[assignment]
    return costs


def _price(service: str, operation: str) -> tuple[str, float]:
    match service:
        case "s3" if operation in S3_READS:
            return "S3", USD["S3 GET or HEAD"]
        case "s3":
            return "S3", 0 if operation in S3_FREE else USD["S3 PUT, COPY, POST or LIST"]
        case "sns":
            return "SNS", USD["SNS publish"]
        case "events":
            return "EventBridge", USD["EventBridge custom event"]
        case "secretsmanager":
            return "Secrets Manager", USD["Secrets Manager call"]
        case "sqs":
            return "SQS", USD["SQS request"]
        case _:
            return service, 0


def write_units(call: Mapping[str, Any]) -> float:
    """Return the write request units of a call."""
    if call["service"] != "dynamodb" or call["operation"] not in WRITES:
        return 0
    times = 2 if call["operation"] == "TransactWriteItems" else 1
    units = 0.0
    for write in call["writes"]:
        old, new = write["old"], write["new"]
        units += times * max(1, math.ceil(max(size(old), size(new)) / 1024))
        key, indexes = table_of(old or new or {})
        units += sum(index_units(index, key, old, new) for index in indexes)
    return units


def table_of(item: Typed) -> tuple[str, tuple[Index, ...]]:
    """Return the key and the indexes of the table that contains the item."""
    if KEY in item:
        return KEY, INDEXES
    return (BATCH_KEY, (BATCHES_BY_OWNER,)) if BATCH_KEY in item else ("pk", ())


def index_units(index: Index, key: str, old: Typed | None, new: Typed | None) -> int:
    """Return the write request units that a changed item costs in an index."""
    before, after = _projected(index, key, old), _projected(index, key, new)
    if before == after:
        return 0
    keys = [name for name in (index.partition, index.sort) if name]
    sizes = [max(1, math.ceil(size(entry) / 1024)) for entry in (before, after) if entry is not None]
    has_moved = before is not None and after is not None and any(before[name] != after[name] for name in keys)
    return sum(sizes) if has_moved else max(sizes)


def _projected(index: Index, key: str, item: Typed | None) -> Typed | None:
    """Return the index entry of an item, or None if the index does not contain it."""
    keys = [key, *(name for name in (index.partition, index.sort) if name)]
    if item is None or any(name not in item for name in keys):
        return None
    return {name: item[name] for name in (*keys, *index.includes) if name in item}


def _read_units(call: Mapping[str, Any]) -> float:
    if call["service"] != "dynamodb" or call["operation"] in WRITES:
        return 0
    items: list[Typed] = call.get("items", [])
    if "keys" in call:  # of a BatchGetItem, which rounds up each item, and charges for missing ones
        units = sum(math.ceil(size(item) / 4096) for item in items) + int(call["keys"]) - len(items)
    else:
        units = max(1, math.ceil(sum(map(size, items)) / 4096))
    return units if call.get("is_consistent") else units / 2


def size(item: Typed | None) -> int:
    """Return the size of an item in bytes, as DynamoDB counts them."""
    return sum(len(name.encode()) + _value_size(value) for name, value in (item or {}).items())


def _value_size(typed: Typed) -> int:
    [(kind, value)] = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return math.ceil(len(value) / 2) + 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(inner) for name, inner in value.items())
        case "L":
            return 3 + sum(1 + _value_size(inner) for inner in value)
        case _:
            return 1


def invocation_of(line: Mapping[str, Any]) -> Invocation:
    """Return the invocation that the hook wrote."""
    return Invocation(**{one.name: line[one.name] for one in fields(Invocation)})
