"""Simulate DynamoDB in this process, and count the calls.

Every call takes as long as a real one. A transaction holds its items during that time, and other writes to them are
rejected with a conflict. It supports only the expressions that core uses, and raises `NotImplementedError` for others.
"""

import bisect
import copy
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
KEY_CONDITION = re.compile(r"\w+ = :pk(?: AND (?:\w+ > (?P<after>:\w+)|begins_with\(\w+, (?P<beginning>:\w+)\)))?")
SET = re.compile(r"([\w#]+) = (?:if_not_exists\(([\w#]+), )?(:\w+)")
WORD = re.compile(r"\s*(<>|<=|>=|[=<>(),]|[\w.#:]+)")


ITEMS_OF_A_SHORT_TRANSACTION = 5


class ConditionalCheckFailed(ClientError):
    """The exception of the same name in boto3."""


class TransactionConflict(ClientError):
    """The exception of the same name in boto3."""


class TransactionCanceled(ClientError):
    """The exception of the same name in boto3."""


class DynamoDB:
    """Tables by name, each with the names of its keys. `seconds` is how long a call takes, by its name."""

    def __init__(self, keys: dict[str, tuple[str, ...]], seconds: dict[str, float]) -> None:
        self._keys = keys
        self._seconds = seconds
        self._times = 1.0
        self._items: dict[str, dict[tuple[str, ...], Item]] = {name: {} for name in keys}
        self._sorted: dict[tuple[str, str], list[str]] = {}
        self._held: Counter[Any] = Counter()
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        self.read_bytes = 0
        self.exceptions = SimpleNamespace(
            ConditionalCheckFailedException=ConditionalCheckFailed,
            TransactionConflictException=TransactionConflict,
            TransactionCanceledException=TransactionCanceled,
        )

    def slow_down(self, times: float) -> None:
        """Let calls take so many times as long. With 0 they take no time."""
        self._times = times

    def reset_counts(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self.calls.clear()
            self.read_bytes = 0

    def get_item(self, *, TableName: str, Key: Item, **_: Any) -> Item:  # noqa: N803 - boto3's names
        self._wait("get_item")
        with self._lock:
            found = self._items[TableName].get(self._key(TableName, Key))
            self._count("get_item", [found] if found else [])
            return {"Item": copy.copy(found)} if found else {}

    def batch_get_item(self, *, RequestItems: Item) -> Item:  # noqa: N803
        """Return the items of one table."""
        ((table, requested),) = RequestItems.items()
        self._wait("get_item")
        with self._lock:
            found = [self._items[table].get(self._key(table, key)) for key in requested["Keys"]]
            items = [copy.copy(item) for item in found if item]
            self._count("batch_get_item", items)
            return {"Responses": {table: items}}

    def put_item(self, *, TableName: str, Item: Item, **how: Any) -> Item:  # noqa: N803
        return self._write_one("put_item", {"Put": {"TableName": TableName, "Item": Item, **how}})

    def update_item(self, *, TableName: str, Key: Item, **how: Any) -> Item:  # noqa: N803
        return self._write_one("update_item", {"Update": {"TableName": TableName, "Key": Key, **how}})

    def delete_item(self, *, TableName: str, Key: Item, **how: Any) -> Item:  # noqa: N803
        return self._write_one("delete_item", {"Delete": {"TableName": TableName, "Key": Key, **how}})

    def transact_write_items(self, *, TransactItems: Any, **_: Any) -> Item:  # noqa: N803
        """Write all items or none. A concurrent transaction on one of the items is a conflict."""
        where = [self._where(action) for action in TransactItems]
        with self._lock:
            self.calls["transact_write_items"] += 1
            if any(self._held[one] for one in where):
                self.calls["conflicts of transactions"] += 1
                raise _cancelled(["TransactionConflict" if self._held[one] else "None" for one in where])
            self._held.update(where)
        self._wait("transact_write_items")
        self._wait("another item of a transaction", len(where[ITEMS_OF_A_SHORT_TRANSACTION:]))
        with self._lock:
            self._held.subtract(where)
            codes = ["None" if self._holds(action) else "ConditionalCheckFailed" for action in TransactItems]
            if any(code != "None" for code in codes):
                self.calls["transactions refused"] += 1
                raise _cancelled(codes)
            for action in TransactItems:
                self._apply(action)
        return {}

    def query(self, **how: Any) -> Item:
        """Return items of one partition: all, those after a sort key, or those whose sort key has this beginning."""
        condition = KEY_CONDITION.fullmatch(how["KeyConditionExpression"])
        if condition is None:
            raise NotImplementedError(how["KeyConditionExpression"])
        self._wait("query")
        table, values = how["TableName"], how["ExpressionAttributeValues"]
        partition = values[":pk"]["S"]
        limit = how.get("Limit", 1 << 30)
        with self._lock:
            keys = self._sorted.get((table, partition), [])
            first, last = 0, len(keys)
            if after := condition["after"]:
                first = bisect.bisect_right(keys, values[after]["S"])
            if name := condition["beginning"]:
                beginning = values[name]["S"]
                first = bisect.bisect_left(keys, beginning)
                last = bisect.bisect_left(keys, beginning + chr(sys.maxunicode))
            end = min(last, first + limit)
            found = [self._items[table][partition, key] for key in keys[first:end]]
            self._count("query", found)
            found = [item for item in found if holds(how.get("FilterExpression"), item, how)]
            more: Item = {"LastEvaluatedKey": {}} if end < last else {}
            return {"Items": [copy.copy(item) for item in found], **more}

    def get_paginator(self, _name: str) -> Any:
        """Return a paginator whose single page holds all items."""

        def paginate(**how: Any) -> Iterator[Item]:
            yield self.query(**how)

        return SimpleNamespace(paginate=paginate)

    def _write_one(self, name: str, action: Item) -> Item:
        where = self._where(action)
        with self._lock:
            self.calls[name] += 1
            if self._held[where]:
                self.calls["conflicts of writes"] += 1
                raise TransactionConflict({"Error": {"Code": "TransactionConflictException"}}, name)
        self._wait(name)
        with self._lock:
            if not self._holds(action):
                found = self._items[where[0]].get(where[1], {})
                error: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": copy.copy(found)}
                raise ConditionalCheckFailed(error, name)
            self._apply(action)
            return {"Attributes": copy.copy(self._items[where[0]].get(where[1], {}))}

    def _where(self, action: Item) -> tuple[str, tuple[str, ...]]:
        ((_, what),) = action.items()
        return what["TableName"], self._key(what["TableName"], what.get("Key") or what["Item"])

    def _key(self, table: str, item: Item) -> tuple[str, ...]:
        return tuple(item[name]["S"] for name in self._keys[table])

    def _holds(self, action: Item) -> bool:
        ((_, what),) = action.items()
        table, key = self._where(action)
        return holds(what.get("ConditionExpression"), self._items[table].get(key, {}), what)

    def _apply(self, action: Item) -> None:
        ((kind, what),) = action.items()
        table, key = self._where(action)
        items = self._items[table]
        if kind == "Delete":
            if items.pop(key, None) is not None and len(key) > 1:
                keys = self._sorted[table, key[0]]
                del keys[bisect.bisect_left(keys, key[1])]
            return
        if key not in items and len(key) > 1:
            bisect.insort(self._sorted.setdefault((table, key[0]), []), key[1])
        items[key] = what["Item"] if kind == "Put" else updated(items.get(key) or dict(what["Key"]), what)

    def _count(self, name: str, found: list[Item]) -> None:
        self.calls[name] += 1
        size = sum(len(field) + len(str(next(iter(value.values())))) for item in found for field, value in item.items())
        self.read_bytes += max(4096, size)

    def _wait(self, name: str, times: int = 1) -> None:
        if seconds := times * self._times * self._seconds.get(name, 0.0):
            time.sleep(seconds)


def updated(item: Item, how: Item) -> Item:
    """Return the item after `SET name = :value, … REMOVE name, …` or `ADD name :value, …`.

    A value of SET may be `if_not_exists(name, :value)`.
    """
    sets, _, removes = how["UpdateExpression"].partition("REMOVE")
    new = dict(item)
    if sets.startswith("ADD "):
        for name, value in (one.split() for one in sets.removeprefix("ADD ").split(",")):
            before = int(new.get(_name(name, how), {"N": "0"})["N"])
            new[_name(name, how)] = {"N": str(before + int(how["ExpressionAttributeValues"][value]["N"]))}
        return new
    for name, unless, value in SET.findall(sets.strip().removeprefix("SET")):
        if not unless or _name(unless, how) not in item:
            new[_name(name, how)] = how["ExpressionAttributeValues"][value]
    for name in filter(None, removes.split(",")):
        new.pop(_name(name.strip(), how), None)
    return new


def holds(condition: str | None, item: Item, how: Item) -> bool:
    """Return whether an item meets a condition of comparisons, existence and IN, joined by AND and OR."""
    if condition is None:
        return True
    words = _words(condition)
    position = 0

    def take(expected: str | None = None) -> str:
        nonlocal position
        word: str = words[position]
        if expected not in (None, word):
            raise NotImplementedError(condition)
        position += 1
        return word

    def either() -> bool:
        found = both()
        while position < len(words) and words[position] == "OR":
            take()
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while position < len(words) and words[position] == "AND":
            take()
            found = one() and found
        return found

    def one() -> bool:
        if words[position] == "(":
            take()
            found = either()
            take(")")
            return found
        name = take()
        if name in ("attribute_exists", "attribute_not_exists"):
            take("(")
            is_there = _name(take(), how) in item
            take(")")
            return is_there == (name == "attribute_exists")
        left = item.get(_name(name, how))
        operator = take()
        if operator == "IN":
            take("(")
            among = [take()]
            while take() == ",":
                among.append(take())
            return left in [how["ExpressionAttributeValues"][value] for value in among]
        right = how["ExpressionAttributeValues"][take()]
        if left is None or left.keys() != right.keys():
            return operator == "<>"
        (a,), (b,) = left.values(), right.values()
        compare: Callable[[], bool] = {
            "=": lambda: a == b,
            "<>": lambda: a != b,
            "<": lambda: a < b,
            "<=": lambda: a <= b,
            ">": lambda: a > b,
            ">=": lambda: a >= b,
        }[operator]
        return bool(compare())

    found = either()
    if position != len(words):
        raise NotImplementedError(condition)
    return found


@cache
def _words(condition: str) -> list[str]:
    return WORD.findall(condition)


def _name(name: str, how: Item) -> str:
    return str(how["ExpressionAttributeNames"][name]) if name.startswith("#") else name


def _cancelled(codes: list[str]) -> TransactionCanceled:
    error: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return TransactionCanceled(error, "TransactWriteItems")
