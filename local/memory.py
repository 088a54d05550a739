"""Bound what ministack remembers of executions and functions, so that a batch of any size needs the same memory.

ministack 1.5.33 keeps in memory the history of every execution, every line that a function logged, and the objects of
versioned buckets, although these are files as well. A batch of 10,000 rows needed 1.8 GiB for histories and lines. Here
only the newest of these are kept, and objects are read from their files. Executions themselves, records and files are
kept, as they are on AWS. This module runs in ministack's own environment.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from local.inside import service

HISTORIES = 500  # of the newest executions, and of all running ones
LOG_LINES = 2000  # of each stream

Execution = dict[str, Any]
Version = dict[str, Any]


def bound_memory() -> None:
    """Patch ministack before it starts."""
    states, logs, objects = service("stepfunctions"), service("cloudwatch_logs"), service("s3")
    states._add_event = forgetting(states._add_event, HISTORIES)
    logs._append_log_events = shortening(logs._append_log_events, LOG_LINES, logs._log_events_lock)
    objects._persist_object = emptying(objects._persist_object, objects._object_versions)


def forgetting(add: Callable[..., Any], most: int) -> Callable[..., Any]:
    """Return `add`, which adds an event to the history of an execution, and forget those of old executions."""
    begun: deque[Execution] = deque()

    def add_and_forget(execution: Execution, *event: Any) -> Any:
        added = add(execution, *event)
        if len(execution["events"]) == 1:
            begun.append(execution)
            for _ in range(min(2, len(begun) - most)):  # two for each new one, because some still run
                oldest = begun.popleft()
                if oldest["status"] == "RUNNING":
                    begun.append(oldest)
                else:
                    oldest["events"].clear()
        return added

    return add_and_forget


def shortening(append: Callable[..., Any], most: int, lock: threading.Lock) -> Callable[..., Any]:
    """Return `append`, which adds lines to a stream of logs, and delete the oldest lines beyond `most`."""

    def append_and_shorten(stream: dict[str, Any], lines: list[Any]) -> None:
        append(stream, lines)
        with lock:
            del stream["events"][:-most]

    return append_and_shorten


def emptying(persist: Callable[..., Any], versions: Mapping[tuple[str, str], list[Version]]) -> Callable[..., Any]:
    """Return `persist`, which writes an object to its file, and forget the body that its version has in memory.

    ministack reads it from the file then, as it does after a restart.
    """

    def persist_and_empty(bucket: str, key: str, written: Any) -> None:
        persist(bucket, key, written)
        if isinstance(written, dict) and written.get("body") is None:  # it is in its file
            for version in versions.get((bucket, key), []):
                if version["version_id"] == written.get("version_id"):
                    version["data"] = None

    return persist_and_empty
