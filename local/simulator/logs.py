"""Simulate the provider's request log, `GET /v2/logs`: one row per create call, newest first.

Source: the provider's reference, "Usage Logs" and "Request Tracing and Cost Headers" (August 2026). It does
not specify two things. Here a generation in flight has a row with `succeeded` and no cost, unless a script says
otherwise, and the source in a row's `model` is `google` for a model without a source.
"""

import threading
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.simulator.generations import Generation, Generations
from local.simulator.log_query import LogQuery
from local.simulator.scripts import Scripts

CREDITS_PER_DOLLAR = 2_000_000
MOST_CALLS, CALLS_SECONDS = 200, 60


@dataclass(frozen=True)
class Entry:
    """A logged create call. If `made_job` is false, the call failed and `generation` exists only here."""

    key: str
    generation: Generation
    made_job: bool = True
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RequestLog:
    """The create calls since the start or the last reset, with the rate limit of the log. Thread-safe."""

    def __init__(self, scripts: Scripts, generations: Generations) -> None:
        self._scripts = scripts
        self._generations = generations
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._entries: list[Entry] = []
            self._asked_at: defaultdict[str, deque[float]] = defaultdict(deque)
            self.most_calls: int | None = MOST_CALLS  # per key in 60 seconds

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def admit(self, key: str) -> bool:
        """Count a call for the log. Return False after `most_calls` calls of the key in 60 seconds."""
        now = self._generations.clock()
        with self._lock:
            asked_at = self._asked_at[key]
            while asked_at and asked_at[0] <= now - CALLS_SECONDS:
                asked_at.popleft()
            if self.most_calls is not None and len(asked_at) >= self.most_calls:
                return False
            asked_at.append(now)
            return True

    def page(self, key: str, query: LogQuery) -> dict[str, Any]:
        """Return the response body: the rows of this key's calls, and the position of the page among all matches."""
        # Reversed instead of a descending sort, so that the later of two calls at the same time is first.
        entries = sorted(self._between(query.start, query.end), key=lambda entry: entry.generation.created_at)[::-1]
        rows = [
            row
            for entry in entries
            if entry.key == key and self._is_listed(entry) and _matches(row := self._row(entry), query)
        ]
        shown = rows[query.offset : query.offset + query.limit]
        return {
            "data": shown,
            "pagination": {
                "limit": query.limit,
                "offset": query.offset,
                "total": len(rows),
                "has_more": query.offset + len(shown) < len(rows),
            },
        }

    def _between(self, start: datetime, end: datetime) -> list[Entry]:
        with self._lock:
            return [entry for entry in self._entries if start <= _created(entry) <= end]

    def _is_listed(self, entry: Entry) -> bool:
        script = self._scripts.get(entry.generation.clip.prompt)
        logged = script.get("logged", "at_once")
        if logged == "never":
            return False
        since = entry.generation.created_at
        if logged == "at_end" and entry.made_job:
            since = self._generations.ends_at(entry.generation)
        return self._generations.clock() >= since + script.get("log_delay", 0)

    def _row(self, entry: Entry) -> dict[str, Any]:
        outcome = self._generations.progress(entry.generation).outcome if entry.made_job else "error"
        credits_used = entry.generation.credits if outcome == "completed" else 0
        model = entry.generation.clip.model
        return {
            "created": _created(entry).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "status": "failed" if outcome == "error" else "succeeded",
            "origin": "api",
            "model": shown_model(model),
            "cost": {"usd": credits_used / CREDITS_PER_DOLLAR, "credits": credits_used},
            "tokens": {"input": 0, "output": 0, "total": 0},
            "request_id": entry.request_id,
            "inference_id": entry.generation.id,
            "client_request_id": entry.generation.client_request_id,
        }


def shown_model(model: str) -> str:
    """Return a model as `source/alias`."""
    return f"google/{model}" if model.startswith("veo") else model


def _created(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.generation.created_at, UTC)


def _matches(row: dict[str, Any], query: LogQuery) -> bool:
    names = {row["model"], row["model"].removeprefix("google/")}
    return (not query.models or not names.isdisjoint(query.models)) and (
        not query.statuses or row["status"] in query.statuses
    )
