"""Read whole tables, for the rare commands that need everything of an owner or of a time."""

from collections.abc import Iterator
from typing import Any

from core.records.table import Item, read


def items(dynamodb: Any, table: str, **only: Any) -> Iterator[Item]:
    """Yield the current items of a table. `only` are the parameters of a filter, as Scan takes them."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **only):
        yield from map(read, page["Items"])
