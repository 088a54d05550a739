"""A large video on its way: read in parts, checked in order, and uploaded, over as many connections as it takes.

In memory is one part a connection, whatever the video's size.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from core.archive.check import Check
from core.archive.flow import MOST_CONNECTIONS, Flow, Stopped
from core.archive.multipart import Multipart
from core.archive.source import Found, Reader

UPLOADERS = 2  # beside the one connection of a video that cannot be read in parts
LOOK_SECONDS = 0.05  # how often the number of connections is looked at


class Transfer:
    """The workers on one upload; each has a buffer of `part_bytes`, reads into it and uploads it.

    `reached` is called whenever one more of the first parts is checked and in S3.
    """

    def __init__(
        self, upload: Multipart, check: Check, flow: Flow, part_bytes: int, reached: Callable[[], None]
    ) -> None:
        self._upload = upload
        self._check = check
        self._flow = flow
        self._part_bytes = part_bytes
        self._reached = reached
        self._next = check.size // part_bytes
        self._passed = check.size  # bytes
        self._workers = 0
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    def ranges(self, length: int, found: Found, reader: Reader, another: Callable[[], Reader]) -> None:
        """Read a video of which several parts can be read at once: the next with `reader`, which is there already."""
        begun = self._next

        def work() -> None:
            number = self._take(length)
            buffer = bytearray(self._part_bytes)
            with reader if number == begun else another() as mine:
                while number is not None:
                    first = number * self._part_bytes
                    if length - first < len(buffer):
                        buffer = bytearray(length - first)
                    mine.fill(memoryview(buffer), first, found)
                    self._upload.put(number + 1, buffer)
                    self._pass(first, buffer)
                    number = self._take(length)

        self._run(work, lambda: self._flow.connections if self._next * self._part_bytes < length else 0)

    def stream(self, length: int | None, reader: Reader) -> None:
        """Read a video that can be read only from its beginning to its end."""
        reading = threading.Lock()

        def work() -> None:
            buffer = bytearray(self._part_bytes)
            size = self._part_bytes
            while size == self._part_bytes:
                with reading:
                    if length is not None and length - self._check.size < len(buffer):
                        buffer = bytearray(length - self._check.size)
                    size = reader.read(memoryview(buffer))
                    self._pass(self._check.size, memoryview(buffer)[:size])
                    number, self._next = self._next, self._next + 1
                if size:
                    self._upload.put(number + 1, buffer if size == len(buffer) else buffer[:size])

        self._run(work, lambda: 0 if self._next else 1 + UPLOADERS)

    def _run(self, work: Callable[[], None], wanted: Callable[[], int]) -> None:
        """Have as many at work as are wanted, until none of them is left; raises what the first that failed did."""

        def worker() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised where it was started from
                self._fail(error)
            finally:
                with self._changed:
                    self._workers -= 1
                    self._changed.notify_all()

        with ThreadPoolExecutor(MOST_CONNECTIONS) as pool:
            try:
                with self._changed:
                    while True:
                        while self._failure is None and self._workers < wanted():
                            self._workers += 1
                            pool.submit(worker)
                        if not self._workers:
                            break
                        self._changed.wait(LOOK_SECONDS)
            except BaseException as error:  # whoever interrupts this would else wait for workers that wait for ever
                self._fail(error)
                raise
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: BaseException) -> None:
        """Let all workers end: of several errors the first one counts."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
        self._flow.stop()

    def _take(self, length: int) -> int | None:
        """The next part; None if there is none, or no more use for this worker."""
        with self._changed:
            if self._next * self._part_bytes >= length or self._workers > self._flow.connections:
                return None
            self._next += 1
            return self._next - 1

    def _pass(self, first: int, data: bytearray | memoryview) -> None:
        """Check the bytes from `first` on once those before them are checked.

        A part that is in S3 counts even if another worker has failed meanwhile, so that the next invocation does not
        read it again. Raises `Stopped` if one before it will never be checked.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._passed == first)
            if self._passed != first:
                raise Stopped
        self._check.update(data)
        with self._changed:
            self._passed = first + len(data)
            self._reached()
            self._changed.notify_all()
