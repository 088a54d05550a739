"""Build the parameters of CreateTable for the four tables from the names in the code.

A test compares them with the template.
"""

from typing import Any

from core.records.table import (
    BATCH_KEY,
    BATCHES_BY_OWNER,
    DELIVERIES_BY_OWNER,
    DELIVERY_KEY,
    INDEXES,
    KEY,
    Index,
)
from core.slots import table as slots


def keyed_definition() -> Any:
    """Return the parameters of CreateTable for slots and money, whose keys have the same names."""
    keys = {slots.PK: "HASH", slots.SK: "RANGE"}
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    }


def table_definition() -> Any:
    """Return the parameters of CreateTable for generations, as in infra/ (a test compares them)."""
    return _with_indexes(KEY, INDEXES)


def batches_definition() -> Any:
    """Return the parameters of CreateTable for batches."""
    return _with_indexes(BATCH_KEY, (BATCHES_BY_OWNER,))


def webhooks_definition() -> Any:
    """Return the parameters of CreateTable for webhook deliveries."""
    return _with_indexes(DELIVERY_KEY, (DELIVERIES_BY_OWNER,))


def _with_indexes(key: str, indexes: tuple[Index, ...]) -> Any:
    """The names of core.records.table."""
    keys = [(key, "S"), *((index.partition, "S") for index in indexes)]
    keys += [(index.sort, index.sort_type) for index in indexes if index.sort]
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(set(keys))],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index.name,
                "KeySchema": [
                    {"AttributeName": index.partition, "KeyType": "HASH"},
                    *([{"AttributeName": index.sort, "KeyType": "RANGE"}] if index.sort else []),
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.includes)}
                if index.includes
                else {"ProjectionType": "KEYS_ONLY"},
            }
            for index in indexes
        ],
    }
