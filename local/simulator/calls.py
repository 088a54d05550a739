"""Record the calls of the simulator for tests."""

import threading
from collections import deque
from dataclasses import dataclass, field

MOST_CALLS_KEPT = 20_000


@dataclass
class Call:
    """A request for the provider's API or a file. `status` is null until the response, also after a reset."""

    method: str
    path: str
    time: float  # epoch seconds
    prompt: str | None = None
    generation_id: str | None = None
    client_request_id: str | None = None
    status: int | None = None


@dataclass
class Counts:
    """Totals since the start or the last reset.

    creates: jobs accepted (what the provider would charge for), in all and by prompt
    in_flight, in_flight_highest: accepted jobs that have not ended
    downloads: requests for a file with a valid link
    authorization_leaks: requests outside the provider's API that carried an Authorization header
    """

    creates: int = 0
    creates_by_prompt: dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    in_flight_highest: int = 0
    downloads: int = 0
    authorization_leaks: int = 0


class CallLog:
    """The latest calls and two of the totals. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._calls: deque[Call] = deque(maxlen=MOST_CALLS_KEPT)
            self.downloads = 0
            self.authorization_leaks = 0

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def count_download(self) -> None:
        with self._lock:
            self.downloads += 1

    def count_leak(self) -> None:
        with self._lock:
            self.authorization_leaks += 1
