"""The two tables, for CreateTable, from the names in the code; a test compares them with the template."""

from typing import Any

from core.places import table as places
from core.records.table import INDEXES, KEY


def places_definition() -> Any:
    """What CreateTable is told of the places."""
    keys = {places.PK: "HASH", places.SK: "RANGE"}
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    }


def table_definition() -> Any:
    """What CreateTable is told: the names of core.records.table, as infra/ tells CloudFormation (a test compares)."""
    keys = [(KEY, "S"), *((index.partition, "S") for index in INDEXES)]
    keys += [(index.sort, index.sort_type) for index in INDEXES if index.sort]
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(set(keys))],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
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
            for index in INDEXES
        ],
    }
