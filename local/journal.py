"""Journals of what ministack's services changed since their state was written."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from local.inside import OK, Handle, answer

ACTIONS = {
    "dynamodb": {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"},
    "secretsmanager": {"PutSecretValue", "UpdateSecretVersionStage"},
}
DYNAMODB = "DynamoDB_20120810"
# The item that a request replaces, its target and its body. Only the last request for each item is repeated.
Request = tuple[str | None, str, dict[str, Any]]

log = logging.getLogger(__name__)


class Journal:
    """A file with one JSON document per line, which only this process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def note(self, entry: Any) -> None:
        """Add an entry. It survives the end of this process, but not a power failure."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # The line break is written first, because a killed process may have left an incomplete line.
        line = b"\n" + json.dumps(entry).encode()
        if os.write(self._file, line) < len(line):
            raise OSError(f"{self._path} could not be written. The disk may be full.")

    def entries(self) -> Iterator[Any]:
        """Yield all entries, the oldest first."""
        if self._path.exists():
            with self._path.open("rb") as lines:
                for line in lines:
                    with suppress(ValueError):  # an incomplete line
                        yield json.loads(line)


def requests_after(handle: Handle, target: str, body: dict[str, Any]) -> list[Request]:
    """Return the requests that repeat a successful write.

    For DynamoDB, these put the changed items instead of repeating the write. Only each item's last state matters.
    """
    service, _, action = target.partition(".")
    if service != DYNAMODB:
        return [(None, target, body)]
    return [_present(handle, table, key) for table, key in _changed(handle, action, body)]


def repeat(handle: Handle, entries: Iterable[list[Request]]) -> None:
    """Send the requests of a journal."""
    last: dict[str | int, tuple[str, dict[str, Any]]] = {}
    for requests in entries:
        for replaced, target, body in requests:
            last[len(last) if replaced is None else replaced] = target, body
    for target, body in last.values():
        _send(handle, target, body)


def _changed(handle: Handle, action: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the table and the key of each item that a write changed."""
    if action == "TransactWriteItems":
        parts = [part for one in body["TransactItems"] for part in one.values()]
    elif action == "BatchWriteItem":
        requests = [(table, one) for table, many in body["RequestItems"].items() for one in many]
        parts = [{"TableName": table} | part for table, one in requests for part in one.values()]
    else:
        parts = [body]
    for part in parts:
        table, item = part["TableName"], part.get("Key") or part["Item"]
        yield table, {name: item[name] for name in _key_names(handle, table)}


@cache
def _key_names(handle: Handle, table: str) -> list[str]:
    schema = _send(handle, f"{DYNAMODB}.DescribeTable", {"TableName": table})["Table"]["KeySchema"]
    return [one["AttributeName"] for one in schema]


def _present(handle: Handle, table: str, key: dict[str, Any]) -> Request:
    item = _send(handle, f"{DYNAMODB}.GetItem", {"TableName": table, "Key": key}).get("Item")
    action, body = ("DeleteItem", {"Key": key}) if item is None else ("PutItem", {"Item": item})
    return json.dumps([table, key]), f"{DYNAMODB}.{action}", {"TableName": table} | body


def _send(handle: Handle, target: str, body: dict[str, Any]) -> dict[str, Any]:
    status, found = answer(handle, target, json.dumps(body).encode())
    if status != OK:  # for example, if a table was created after the state was written
        log.error("A change may be lost: %s answered %s", target, found)
    return found  # type: ignore[no-any-return]
