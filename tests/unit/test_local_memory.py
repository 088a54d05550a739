"""Test that the local cloud remembers only the newest histories and log lines, and no objects."""

import threading
from typing import Any

import pytest

from local.memory import emptying, forgetting, shortening

Execution = dict[str, Any]


def add(execution: Execution, event: str) -> None:
    execution["events"].append(event)


def run(add_event: Any, status: str) -> Execution:
    """Run an execution with three events."""
    execution: Execution = {"status": "RUNNING", "events": []}
    for event in ("started", "entered", "exited"):
        add_event(execution, event)
    execution["status"] = status
    return execution


def test_only_the_newest_histories_and_those_of_running_executions_are_kept() -> None:
    remember = forgetting(add, most=3)
    batch = run(remember, "RUNNING")
    rows = [run(remember, "SUCCEEDED" if number % 2 else "FAILED") for number in range(100)]
    assert batch["events"] == ["started", "entered", "exited"]
    remember(batch, "ended")
    assert len(batch["events"]) == 4
    assert sum(bool(row["events"]) for row in rows) <= 3
    assert len(rows[-1]["events"]) == 3


def test_many_running_executions_keep_their_histories_until_they_end() -> None:
    remember = forgetting(add, most=3)
    running = [run(remember, "RUNNING") for _ in range(50)]
    assert all(one["events"] for one in running)
    for one in running:
        one["status"] = "SUCCEEDED"
    later = [run(remember, "SUCCEEDED") for _ in range(60)]
    assert not any(one["events"] for one in running)
    assert sum(bool(one["events"]) for one in later) <= 3 + 1


def test_a_stream_of_logs_keeps_its_newest_lines() -> None:
    stream: dict[str, Any] = {"events": []}
    append = shortening(lambda one, lines: one["events"].extend(lines), 10, threading.Lock())
    for number in range(100):
        append(stream, [number, number])
    assert stream["events"] == [number for number in range(95, 100) for _ in range(2)]


@pytest.mark.parametrize("is_written", [True, False])
def test_the_body_of_a_version_is_forgotten_once_it_is_in_its_file(is_written: bool) -> None:
    old, new = {"version_id": "1", "data": b"old"}, {"version_id": "2", "data": b"new"}

    def persist(_bucket: str, _key: str, written: Any) -> None:
        if is_written:
            written["body"] = None

    persist_and_empty = emptying(persist, {("videos", "boat.mp4"): [old, new]})
    persist_and_empty("videos", "boat.mp4", {"version_id": "2", "body": b"new"})
    assert (old["data"], new["data"]) == (b"old", None if is_written else b"new")
    persist_and_empty("videos", "kite.mp4", {"body": b"kite"})
