"""What comes from a video's host, over all connections to it: how many there should be, and when to give up."""

import threading
import time
from collections.abc import Callable

FIRST_CONNECTIONS, MOST_CONNECTIONS = 2, 8
WORTH_IT = 1.2  # times as fast: less does not justify twice the connections
WINDOW_SECONDS, WINDOW_BYTES = 0.25, 4 << 20  # for how long, and with how many bytes a connection, speed is measured
PATIENCE = 5  # tries a connection, with nothing received by any of them in between
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0


class Stopped(Exception):
    """Another connection failed, or the time is up."""


class Flow:
    """Counts what arrives. The number of connections is doubled for as long as that makes the whole faster, and halved
    for good when the host asks for less."""

    def __init__(
        self,
        seconds_left: Callable[[], float],
        most: int = MOST_CONNECTIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connections = min(FIRST_CONNECTIONS, most)
        self._most = most
        self._growing = self.connections < most
        self._seconds_left = seconds_left
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._fruitless = 0
        self._before, self._speed_before = 0, 0.0  # how many there were last, and how fast they were together
        self._since, self._bytes = clock(), 0

    def began(self) -> None:
        """A connection is up: what was slower without it is not compared."""
        with self._lock:
            self._since, self._bytes = self._clock(), 0

    def received(self, size: int) -> None:
        """So many bytes arrived; `Stopped` if no more are wanted."""
        if self._stopped.is_set() or self._seconds_left() <= 0:
            raise Stopped
        with self._lock:
            self._fruitless = 0
            self._bytes += size
            seconds = self._clock() - self._since
            if self._growing and seconds >= WINDOW_SECONDS and self._bytes >= self.connections * WINDOW_BYTES:
                self._measured(self._bytes / seconds)

    def _measured(self, speed: float) -> None:
        if speed <= WORTH_IT * self._speed_before:
            self._growing = False
            self.connections = self._before
        elif self.connections == self._most:
            self._growing = False
        else:
            self._before, self._speed_before = self.connections, speed
            self.connections = min(2 * self.connections, self._most)
            self._since, self._bytes = self._clock(), 0

    def refused(self) -> None:
        """The host asks for fewer connections."""
        with self._lock:
            self._growing = False
            self.connections = max(1, self.connections // 2)

    def failed(self, error: Exception, tries: int, wait: float = 0) -> None:
        """A connection broke, or there was none, for the `tries`-th time in a row: wait, or raise `error` if nothing
        at all comes any more. `wait` is for how many seconds the host asks."""
        with self._lock:
            self._fruitless += 1
            if self._fruitless >= PATIENCE * self.connections:
                raise error
        wait = min(max(wait, FIRST_WAIT_SECONDS * 2 ** (tries - 1)), LONGEST_WAIT_SECONDS)
        if self._stopped.wait(min(wait, max(self._seconds_left(), 0))) or self._seconds_left() <= 0:
            raise Stopped

    def stop(self) -> None:
        """No more is wanted, on any connection."""
        self._stopped.set()
