"""Decide how many connections to use to a video's host, and when to give up."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import urllib3

FIRST_CONNECTIONS, MOST_CONNECTIONS = 2, 8
WORTH_IT = 1.2  # a smaller speed-up does not justify twice the connections
WINDOW_SECONDS, WINDOW_BYTES = 0.25, 4 << 20  # a measurement of speed has this duration and bytes per connection
PATIENCE = 5  # attempts per connection while none of the connections receives anything
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
WATCH_SECONDS = 0.25  # how often the remaining time is checked while all connections wait for data


class Stopped(Exception):
    """Another connection failed, or the time is up."""


class Flow:
    """The data flow over all connections to one host. Use it in a `with` statement.

    A read waits for many bytes, because each wait costs CPU time. A host that sends one byte after the other could
    therefore keep a read busy for hours. A thread watches the time and interrupts all reads when none is left.

    The number of connections doubles as long as that speeds up the whole download. If it never does, one connection is
    tried as well, because each costs CPU time and memory. When the host asks for fewer, the number is halved and no
    longer changes.
    """

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
        self._responses: set[urllib3.BaseHTTPResponse] = set()
        self._fruitless = 0
        self._before, self._speed_before = 0, 0.0  # the previous number of connections, and their total speed
        self._since, self._bytes = clock(), 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def opened(self, response: urllib3.BaseHTTPResponse) -> None:
        """Interrupt reads of this response when all connections stop. Raise `Stopped` if they have."""
        with self._lock:
            self._responses.add(response)
        self.check()

    def closed(self, response: urllib3.BaseHTTPResponse) -> None:
        """Forget a response, before its connection is used for another one."""
        with self._lock:
            self._responses.discard(response)

    def began(self) -> None:
        """Restart the measurement, because the speed before this new connection does not count."""
        with self._lock:
            self._since, self._bytes = self._clock(), 0

    def received(self, size: int) -> None:
        """Count `size` received bytes. Raise `Stopped` if no more are wanted."""
        self.check()
        with self._lock:
            self._fruitless = 0
            self._bytes += size
            if len(self._responses) > self.connections:  # a connection that is not needed any more still reads
                self._since, self._bytes = self._clock(), 0
            seconds = self._clock() - self._since
            if self._growing and seconds >= WINDOW_SECONDS and self._bytes >= self.connections * WINDOW_BYTES:
                self._measured(self._bytes / seconds)

    def _measured(self, speed: float) -> None:
        if self.connections < self._before:  # one was tried, instead of two
            self._growing = False
            if WORTH_IT * speed < self._speed_before:
                self.connections = self._before
        elif speed <= WORTH_IT * self._speed_before:
            self.connections = self._before
            self._growing = self._before == FIRST_CONNECTIONS
            if self._growing:
                self._try(1)
        elif self.connections == self._most:
            self._growing = False
        else:
            self._before, self._speed_before = self.connections, speed
            self._try(min(2 * self.connections, self._most))

    def _try(self, connections: int) -> None:
        self.connections = connections
        self._since, self._bytes = self._clock(), 0

    def refused(self) -> None:
        """Use fewer connections, at the host's request."""
        with self._lock:
            self._growing = False
            self.connections = max(1, self.connections // 2)

    def failed(self, error: Exception, tries: int, wait: float = 0) -> None:
        """Wait after the `tries`-th failure in a row of one connection.

        Raise `error` if no connection receives anything any more. `wait` is the delay in seconds that the host wants.
        """
        self.check()
        with self._lock:
            self._fruitless += 1
            if self._fruitless >= PATIENCE * self.connections:
                raise error
        wait = min(max(wait, FIRST_WAIT_SECONDS * 2 ** (tries - 1)), LONGEST_WAIT_SECONDS)
        self._stopped.wait(min(wait, max(self._seconds_left(), 0)))
        self.check()

    def check(self) -> None:
        """Raise `Stopped` if no more data is wanted."""
        if self._stopped.is_set() or self._seconds_left() <= 0:
            raise Stopped

    def stop(self) -> None:
        """Stop all connections, and interrupt their reads."""
        self._stopped.set()
        with self._lock:
            for response in self._responses:
                with suppress(OSError, RuntimeError, ValueError):  # the response has ended
                    response.shutdown()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            if self._seconds_left() <= 0:
                self.stop()
