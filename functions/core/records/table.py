"""The table: its key and its indexes, and how items are read and written.

infra/ledger.py and the tests create their tables from these names.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from core.errors import Contention

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]  # plain values: str, int, bool, and lists and dicts of these

KEY = "generation_id"
AT_ONCE = 25  # items of one BatchGetItem, which returns 16 MiB; the largest items have about 200 KiB
MOST_AT_ONCE = 100  # the same if only some attributes are read
MOST_PUT_AT_ONCE = 25  # items of one BatchWriteItem
MOST_ATTEMPTS = 20  # of a call that other callers are in the way of, in 12 seconds at most
# Reasons of a cancelled transaction after which another attempt may succeed. "None" means that this item is in order.
_PASSING = (
    None,
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
)
_BUSY = (  # errors that the SDK has retried
    "TransactionInProgressException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
)
EXPIRES_AT = "expires_at"  # DynamoDB deletes the item after this time, in seconds since 1970


@dataclass(frozen=True)
class Index:
    """A global secondary index. It contains the items that have its keys, with the attributes in `includes`.

    A write that changes none of these attributes costs nothing here. Lists use an index to find ids and then read the
    items by id.
    """

    name: str
    partition: str
    sort: str | None
    sort_type: Literal["S", "N"] = "S"
    includes: tuple[str, ...] = ()


BY_OWNER = Index("by_owner", "owner", "created_at")
BY_BATCH = Index("by_batch", "batch_id", "row_number", sort_type="N", includes=("status", "revision", "retried_as"))
BY_ID = Index("by_id", "owner", KEY)  # finds an id by its first digits
BY_WATCH = Index("by_watch", "watch", "watch_at")  # the generations that the sweep checks, and when
BY_DONE = Index(  # generations by the day (UTC) on which the provider finished them; each of them is charged
    "by_done", "done_on", "generated_at", includes=("provider_id", "credits_used", "sending_since")
)
BY_PROVIDER_ID = Index("by_provider_id", "provider_id", None)  # finds the generation of a charge, however late
INDEXES = (BY_OWNER, BY_BATCH, BY_ID, BY_WATCH, BY_DONE, BY_PROVIDER_ID)

# Batches have a separate table.
BATCH_KEY = "batch_id"
BATCHES_BY_OWNER = Index("by_owner", "owner", "created_at")
# Deliveries of webhooks have a separate table.
DELIVERY_KEY = "delivery_id"
DELIVERIES_BY_OWNER = Index("by_owner", "owner", "created_at")


@dataclass(frozen=True)
class Range:
    """A range of sort keys (inclusive), and the order in which to read it."""

    first: str
    last: str
    is_ascending: bool = False

    def is_before(self, key: str) -> bool:
        """Return whether a key comes before the whole range, in the order of reading."""
        return key < self.first if self.is_ascending else key > self.last

    def is_after(self, key: str) -> bool:
        """Return whether a key comes after the whole range, in the order of reading."""
        return key > self.last if self.is_ascending else key < self.first


@dataclass(frozen=True)
class Condition:
    """A condition for a write. Its text refers to attributes as `#name` and to values by their names in `values`."""

    text: str
    values: Item = field(default_factory=dict)

    def as_parameters(self, others: Item | None = None) -> Any:
        """Return the parameters of a write with this condition, and with `others` as further values."""
        names = {f"#{name}": name for name in re.findall(r"#(\w+)", self.text)}
        values = {**(others or {}), **self.values}
        return {
            "ConditionExpression": self.text,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": write(values)} if values else {}),
        }


@dataclass(frozen=True)
class Together:
    """Further writes of a transaction: `fields` of our own item, and `updates` of items in other tables."""

    fields: Item = field(default_factory=dict)
    updates: Sequence[Any] = ()


Others = Callable[[], Together]  # called again if one of its conditions failed


class ConditionFailed(Exception):
    """The condition of a write did not hold; `item` is the stored item, or empty if there is none."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


class Table:
    """A DynamoDB table. All reads are consistent, except through an index.

    The SDK retries a write when the response is lost, and the retry then fails its own condition. Each conditional
    write therefore stores a unique token, `last_write`, and treats finding it as success.
    """

    def __init__(self, dynamodb: "DynamoDBClient", name: str, key: str = KEY) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._key = key

    def get(self, key: str) -> Item | None:
        """Return the item, or None."""
        answer = self._dynamodb.get_item(TableName=self._name, Key=_key(key, self._key), ConsistentRead=True)
        return read(answer["Item"]) if "Item" in answer else None

    def find(self, keys: Sequence[str], names: tuple[str, ...] = ()) -> dict[str, Item]:
        """Return the current items by key, with all their attributes or only `names`. Missing items are left out."""
        found: dict[str, Item] = {}
        projected = {f"#{name}": name for name in (self._key, *names)}
        projection = {"ProjectionExpression": ", ".join(projected), "ExpressionAttributeNames": projected}
        at_once = MOST_AT_ONCE if names else AT_ONCE
        for start in range(0, len(keys), at_once):
            some = [_key(key, self._key) for key in dict.fromkeys(keys[start : start + at_once])]
            requested = {"Keys": some, **(projection if names else {})}
            found |= {item[self._key]: item for item in read_together(self._dynamodb, self._name, requested)}
        return found

    def put(self, item: Item, only_if: Condition) -> None:
        """Write a whole item without its None values. Raise `ConditionFailed` if `only_if` does not hold."""
        token = uuid4().hex
        written = {"TableName": self._name, "Item": write({**item, "last_write": token}), **only_if.as_parameters()}
        self._write(lambda: self._dynamodb.put_item(**written), token)

    def update(
        self, key: str, changes: Item, *, only_if: Condition | None = None, remove: tuple[str, ...] = ()
    ) -> None:
        """Set `changes` except None values, and remove the attributes named in `remove`.

        Raise `ConditionFailed` if `only_if` does not hold; without it, if the item does not exist.
        """
        token = uuid4().hex
        only_if = only_if or Condition(f"attribute_exists({self._key})")
        changes = {**changes, "last_write": token}
        updated = update_of(key, changes, only_if=only_if, remove=remove, key_name=self._key)
        self._write(lambda: self._dynamodb.update_item(TableName=self._name, **updated), token)

    def put_all(self, items: Sequence[Item]) -> None:
        """Write whole items without a condition. An item that exists is overwritten."""
        for start in range(0, len(items), MOST_PUT_AT_ONCE):
            some: Any = [{"PutRequest": {"Item": write(item)}} for item in items[start : start + MOST_PUT_AT_ONCE]]
            requested = {self._name: some}
            for _ in attempts():
                requested = self._dynamodb.batch_write_item(RequestItems=requested).get("UnprocessedItems", {})
                if not requested:
                    break

    def add(self, key: str, name: str, amount: int, others: Item) -> int:
        """Add an amount to a number, set `others`, and return the new number. Create the item if it does not exist.

        The SDK may add the amount twice if an answer is lost.
        """
        names = {f"#{one}": one for one in (name, *others)}
        sets = ", ".join(f"#{one} = :{one}" for one in others)
        answer = self._dynamodb.update_item(
            TableName=self._name,
            Key=_key(key, self._key),
            UpdateExpression=f"SET {sets} ADD #{name} :{name}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=write({f":{one}": value for one, value in {**others, name: amount}.items()}),
            ReturnValues="ALL_NEW",
        )
        return int(read(answer["Attributes"])[name])

    def put_with(self, item: Item, only_if: Condition, others: Others) -> None:
        """Write a whole item as `put` does, and apply `others` in the same transaction."""
        token = uuid4().hex
        self._together(lambda fields: self.putting({**item, **fields}, only_if, token), token, others)

    def putting(self, item: Item, only_if: Condition, token: str | None = None) -> Any:
        """Return the write of a whole item, as `put` makes it, for a transaction."""
        written = write({**item, "last_write": token or uuid4().hex})
        return {"Put": {"TableName": self._name, "Item": written, **only_if.as_parameters()}}

    def update_with(
        self,
        key: str,
        changes: Item,
        others: Others,
        *,
        only_if: Condition,
        remove: tuple[str, ...] = (),
    ) -> None:
        """Change an item as `update` does, and apply `others` in the same transaction."""
        token = uuid4().hex

        def update(fields: Item) -> Any:
            changed = {**changes, **fields, "last_write": token}
            updated = update_of(key, changed, only_if=only_if, remove=remove, key_name=self._key)
            return {"Update": {"TableName": self._name, **updated}}

        self._together(update, token, others)

    def _together(self, own: Callable[[Item], Any], token: str, others: Others) -> None:
        """Make a transaction, and retry it after a conflict. Call `others` again if one of their conditions failed.

        A conflict says nothing about the items, and their conditions still protect them. Raise `ConditionFailed` if the
        condition of our own item does not hold, and `Contention` after too many conflicts.
        """
        together = others()
        for _ in attempts():
            try:
                self._dynamodb.transact_write_items(TransactItems=[own(together.fields), *together.updates])
            except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
                reasons = cast("Any", cancelled.response["CancellationReasons"])
                if reasons[0].get("Code") == "ConditionalCheckFailed":
                    item = read(reasons[0].get("Item") or {})
                    if item.get("last_write") == token:
                        return
                    raise ConditionFailed(item) from None
                if any(reason.get("Code") not in _PASSING for reason in reasons):
                    raise
                if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                    together = others()
            else:
                return

    def _write(self, call: Callable[[], object], token: str) -> None:
        try:
            retried(call, self._dynamodb)
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refused:
            item = read(cast("Any", refused.response).get("Item", {}))
            if item.get("last_write") != token:
                raise ConditionFailed(item) from None

    def query(
        self,
        index: Index,
        partition: str,
        *,
        up_to: str | None = None,
        after: int | None = None,
    ) -> Iterator[Item]:
        """Return the items of an index under one partition key, in the order of its sort key.

        `up_to` (inclusive) and `after` (exclusive) limit the sort key.
        """
        attributes: dict[str, str] = {"#partition": index.partition}
        values: Item = {":partition": partition}
        condition = "#partition = :partition"
        for sign, bound, value in (("<=", "up_to", up_to), (">", "after", after)):
            if value is not None:
                condition += f" AND #sort {sign} :{bound}"
                attributes["#sort"], values[f":{bound}"] = str(index.sort), value
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            IndexName=index.name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=attributes,
            ExpressionAttributeValues=write(values),
        )
        for page in pages:
            yield from map(read, page["Items"])

    def beginning_with(self, index: Index, partition: str, beginning: str, limit: int) -> list[Item]:
        """Return up to `limit` items of an index whose sort key has this beginning."""
        answer = self._dynamodb.query(
            TableName=self._name,
            IndexName=index.name,
            KeyConditionExpression="#partition = :partition AND begins_with(#sort, :beginning)",
            ExpressionAttributeNames={"#partition": index.partition, "#sort": str(index.sort)},
            ExpressionAttributeValues=write({":partition": partition, ":beginning": beginning}),
            Limit=limit,
        )
        return [read(item) for item in answer["Items"]]

    def page_of(
        self, index: Index, owner: str, between: tuple[str, str], cursor: str | None, limit: int
    ) -> tuple[list[Item], str | None]:
        """Return up to `limit` whole items of an owner that were created between two times, newest first.

        Also return the cursor of the next page (`<created_at>_<key>`), or None at the end.
        """
        before = None
        if cursor is not None:
            created_at, _, key = cursor.partition("_")
            if not between[0] <= created_at <= between[1]:  # a cursor of another list
                return [], None
            before = {"owner": owner, "created_at": created_at, self._key: key}
        keys, has_more = self.query_page(index, owner, Range(*between), before, limit)
        items = self.find([key[self._key] for key in keys])
        found = [items[key[self._key]] for key in keys if key[self._key] in items]
        return found, f"{keys[-1]['created_at']}_{keys[-1][self._key]}" if keys and has_more else None

    def query_page(
        self, index: Index, partition: str, within: Range, after: Item | None, limit: int
    ) -> tuple[list[Item], bool]:
        """Return up to `limit` items of an index whose sort keys are in a range, and whether there are more.

        `after` has the keys of an item in that range, after which the page begins.
        """
        answer = self._dynamodb.query(
            TableName=self._name,
            IndexName=index.name,
            KeyConditionExpression="#partition = :partition AND #sort BETWEEN :first AND :last",
            ExpressionAttributeNames={"#partition": index.partition, "#sort": str(index.sort)},
            ExpressionAttributeValues=write({":partition": partition, ":first": within.first, ":last": within.last}),
            ScanIndexForward=within.is_ascending,
            Limit=limit,
            **cast("Any", {"ExclusiveStartKey": write(after)} if after else {}),
        )
        return [read(item) for item in answer["Items"]], "LastEvaluatedKey" in answer


def update_of(key: str, changes: Item, *, only_if: Condition, remove: tuple[str, ...] = (), key_name: str = KEY) -> Any:
    """Return the parameters of `Table.update` as a transaction takes them, except the table's name."""
    present = {name: value for name, value in changes.items() if value is not None}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    if remove:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
    condition = only_if.as_parameters({f":{name}": value for name, value in present.items()})
    names = {f"#{name}": name for name in (*present, *remove)} | condition.get("ExpressionAttributeNames", {})
    return {"Key": _key(key, key_name), "UpdateExpression": expression, **condition, "ExpressionAttributeNames": names}


def read_together(dynamodb: "DynamoDBClient", table_name: str, requested: Mapping[str, Any]) -> Iterator[Item]:
    """Yield the current items of one BatchGetItem in any order. Raise `Contention` if DynamoDB does not read all."""
    asked: Any = {table_name: {**requested, "ConsistentRead": True}}
    for _ in attempts():
        answer = dynamodb.batch_get_item(RequestItems=asked)
        yield from map(read, answer["Responses"].get(table_name, []))
        asked = answer.get("UnprocessedKeys")
        if not asked:
            return


def attempts() -> Iterator[None]:
    """Yield for each attempt of a call, after a random wait from the second on. Raise `Contention` after the last one.

    The waits become longer, so that callers who are in each other's way spread out.
    """
    for number in range(MOST_ATTEMPTS):
        if number:
            time.sleep(random.uniform(0, min(1, 0.02 * 1.5 ** (number - 1))))  # noqa: S311 - nothing secret
        yield
    raise Contention


def retried(call: Callable[[], object], dynamodb: "DynamoDBClient") -> None:
    """Write, and retry if a transaction conflicts with the write, because the SDK does not.

    Raise `Contention` after too many conflicts.
    """
    for _ in attempts():
        with suppress(dynamodb.exceptions.TransactionConflictException):
            call()
            return


def is_contention(error: BaseException) -> bool:
    """Return whether too many calls at once were made to an item or a table. Nothing was written."""
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    return isinstance(error, Contention) or code in _BUSY


class _WholeNumbers(TypeDeserializer):
    """Read numbers as int. boto3 returns Decimal, but the records contain only whole numbers."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize, _deserialize = TypeSerializer().serialize, _WholeNumbers().deserialize


def read(item: Mapping[str, Any]) -> Item:
    """Return the plain values of an item in DynamoDB's format."""
    return {name: _deserialize(value) for name, value in item.items()}


def write(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values in DynamoDB's format, without None values."""
    return {name: _serialize(value) for name, value in item.items() if value is not None}


def _key(key: str, name: str = KEY) -> dict[str, Any]:
    return {name: {"S": key}}
