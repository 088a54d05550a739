"""Simulate generations, whose status changes over time."""

import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from local.simulator.calls import Counts
from local.simulator.clips import Clip
from local.simulator.scripts import Script, Scripts

CREDITS_PER_SECOND = 1_000_000  # invented, because the provider does not document a price


@dataclass(frozen=True)
class Generation:
    """A requested job. `created_at` is in epoch seconds."""

    id: str
    clip: Clip
    created_at: float
    client_request_id: str | None
    fault: str | None = None  # why it fails, if one of its links does not work

    @property
    def credits(self) -> int:
        """Return the cost in credits if it is completed."""
        return CREDITS_PER_SECOND * self.clip.seconds


@dataclass(frozen=True)
class Progress:
    """The status in the provider's words, and its meaning."""

    word: str
    outcome: Literal["pending", "completed", "error"]


class Generations:
    """All accepted jobs since the start or the last reset. Thread-safe."""

    def __init__(self, scripts: Scripts, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._scripts = scripts
        self._seconds = seconds
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._by_id: dict[str, Generation] = {}
            self._in_flight: list[Generation] = []
            self._in_flight_highest = 0
            self.capacity: int | None = None

    def draft(self, clip: Clip, client_request_id: str | None, fault: str | None = None) -> Generation:
        """Return a new generation that has not been added yet."""
        model = clip.model.replace("/", "-")
        return Generation(f"{uuid.uuid4()}:{model}", clip, self.clock(), client_request_id, fault)

    def add(self, generation: Generation) -> bool:
        """Accept the job unless `capacity` jobs are in flight. Return whether it was accepted."""
        with self._lock:
            self._forget_finished()
            if self.capacity is not None and len(self._in_flight) >= self.capacity:
                return False
            self._by_id[generation.id] = generation
            self._in_flight.append(generation)
            self._in_flight_highest = max(self._in_flight_highest, len(self._in_flight))
            return True

    def restore(self, generation: Generation) -> None:
        """Add a job that was accepted before a restart and has continued since."""
        with self._lock:
            self._by_id[generation.id] = generation
            self._in_flight.append(generation)

    def get(self, generation_id: str) -> Generation | None:
        return self._by_id.get(generation_id)

    def all(self) -> list[Generation]:
        """Return all accepted generations, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def progress(self, generation: Generation) -> Progress:
        elapsed = self.clock() - generation.created_at
        return _progress(self._script_of(generation), elapsed, self._seconds)

    def ends_at(self, generation: Generation) -> float:
        """Return the end in epoch seconds, infinite for a generation that never ends."""
        script = self._scripts.get(generation.clip.prompt)
        if script.get("outcome") == "never":
            return math.inf
        return generation.created_at + script.get("seconds", self._seconds)

    def first_progress(self, generation: Generation) -> Progress:
        """Return the progress for the response to the create call, even if the generation has already ended."""
        return Progress(_words(self._script_of(generation))[0], "pending")

    def _script_of(self, generation: Generation) -> Script:
        script = self._scripts.get(generation.clip.prompt)
        return {**script, "outcome": "error"} if generation.fault else script

    def counts(self) -> Counts:
        with self._lock:
            self._forget_finished()
            return Counts(
                creates=len(self._by_id),
                creates_by_prompt=dict(Counter(one.clip.prompt for one in self._by_id.values())),
                in_flight=len(self._in_flight),
                in_flight_highest=self._in_flight_highest,
            )

    def _forget_finished(self) -> None:
        self._in_flight = [one for one in self._in_flight if self.progress(one).outcome == "pending"]


def _words(script: Script) -> list[str]:
    end = "error" if script.get("outcome") == "error" else "completed"
    return script.get("statuses") or ["queued", "generating", end]


def _progress(script: Script, elapsed: float, usual_seconds: float) -> Progress:
    outcome = script.get("outcome", "completed")
    seconds = script.get("seconds", usual_seconds)
    words = _words(script)
    if outcome != "never" and elapsed >= seconds:
        return Progress(words[-1], outcome)
    pending = words[:-1]
    step = int(elapsed / seconds * len(pending)) if seconds else len(pending)
    return Progress(pending[min(step, len(pending) - 1)], "pending")
