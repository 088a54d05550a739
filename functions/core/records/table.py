"""The table: its key, its indexes, and the one way in which items are read and written.

infra/ledger.py makes the table from these names, and the tests make theirs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]  # plain values: str, int, bool, and lists and dicts of these

KEY = "generation_id"
EXPIRES_AT = "expires_at"  # DynamoDB removes the item after this time, in seconds since 1970


@dataclass(frozen=True)
class Index:
    """A global secondary index. It holds only the items that have its keys."""

    name: str
    partition: str
    sort: str | None
    sort_type: Literal["S", "N"] = "S"
    projection: Literal["ALL", "KEYS_ONLY"] = "ALL"


BY_OWNER = Index("by_owner", "owner", "created_at")
BY_BATCH = Index("by_batch", "batch_id", "row_number", sort_type="N")
BY_QUEUE = Index("by_queue", "queue", "queue_key", projection="KEYS_ONLY")
BY_PLACE = Index("by_place", "place", None, projection="KEYS_ONLY")
INDEXES = (BY_OWNER, BY_BATCH, BY_QUEUE, BY_PLACE)


class ConditionFailed(Exception):
    """A write's condition did not hold; `item` is what is there, empty if nothing is."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


class Table:
    """The table by its name; every read is consistent, except through an index."""

    def __init__(self, dynamodb: "DynamoDBClient", name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def get(self, key: str) -> Item | None:
        """The item as it is now."""
        answer = self._dynamodb.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        return read(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, *, only_if_new: bool = False) -> None:
        """Write a whole item, values that are None left out; `ConditionFailed` if it must be new and is not."""
        condition: Any = {"ConditionExpression": f"attribute_not_exists({KEY})"} if only_if_new else {}
        try:
            self._dynamodb.put_item(TableName=self._name, Item=_write(item), **condition)
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refused:
            raise ConditionFailed(read(cast("Any", refused.response).get("Item", {}))) from None

    def update(self, key: str, changes: Item, **options: Any) -> None:
        """Change one item under a condition (`update_of`); `ConditionFailed` if it does not hold."""
        try:
            self._dynamodb.update_item(
                **self.update_of(key, changes, **options), ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refused:
            raise ConditionFailed(read(cast("Any", refused.response).get("Item", {}))) from None

    def update_of(
        self,
        key: str,
        changes: Item,
        *,
        remove: tuple[str, ...] = (),
        only_if: str = f"attribute_exists({KEY})",
        values: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """The parameters of an update, as a transaction takes them too.

        `changes` are set, those that are None left as they are, and the names in `remove` are removed. The condition
        `only_if` names attributes as `#name` and the values of `values` as they are written there.
        """
        present = {name: value for name, value in changes.items() if value is not None}
        parts = []
        if present:
            parts.append("SET " + ", ".join(f"#{name} = :{name}" for name in present))
        if remove:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
        names = {f"#{name}": name for name in {*present, *remove, *re.findall(r"#(\w+)", only_if)}}
        given = {**{f":{name}": value for name, value in present.items()}, **(values or {})}
        return {
            "TableName": self._name,
            "Key": _key(key),
            "UpdateExpression": " ".join(parts),
            "ConditionExpression": only_if,
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": _write(given)} if given else {}),
        }

    def query(self, index: Index, partition: str, page_size: int | None = None) -> Iterator[Item]:
        """The items of an index under one partition key, in the order of its sort key."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            IndexName=index.name,
            KeyConditionExpression="#partition = :partition",
            ExpressionAttributeNames={"#partition": index.partition},
            ExpressionAttributeValues={":partition": {"S": partition}},
            PaginationConfig={"PageSize": page_size} if page_size else {},
        )
        for page in pages:
            yield from map(read, page["Items"])

    def query_back(self, index: Index, partition: str, before: Item | None, limit: int) -> tuple[list[Item], bool]:
        """Up to `limit` items of an index, the last ones first, before the keys in `before`; whether there are more."""
        answer = self._dynamodb.query(
            TableName=self._name,
            IndexName=index.name,
            KeyConditionExpression="#partition = :partition",
            ExpressionAttributeNames={"#partition": index.partition},
            ExpressionAttributeValues={":partition": {"S": partition}},
            ScanIndexForward=False,
            Limit=limit,
            **cast("Any", {"ExclusiveStartKey": _write(before)} if before else {}),
        )
        return [read(item) for item in answer["Items"]], "LastEvaluatedKey" in answer

    def scan(self, index: Index) -> Iterator[Item]:
        """All items of an index."""
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._name, IndexName=index.name):
            yield from map(read, page["Items"])


def read(item: Mapping[str, Any]) -> Item:
    """DynamoDB's form of an item → plain values."""
    deserialize = TypeDeserializer().deserialize
    return {name: _plain(deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    """Numbers as int: the records hold no others."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return int(value) if isinstance(value, Decimal) else value


def _write(item: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values → DynamoDB's form, None left out. (Its serializer knows no StrEnum.)"""
    serialize = TypeSerializer().serialize
    return {
        name: serialize(str(value) if isinstance(value, str) else value)
        for name, value in item.items()
        if value is not None
    }


def _key(key: str) -> dict[str, Any]:
    return {KEY: {"S": key}}
