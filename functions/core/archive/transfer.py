"""Transfer a large video: read it in parts, check them in order and upload them, over several connections.

Memory holds one part per connection, whatever the video's size.
"""

import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from core.archive.check import Check
from core.archive.flow import MOST_CONNECTIONS, Flow, Stopped
from core.archive.multipart import Multipart
from core.archive.source import Found, Reader

UPLOADERS = 2  # in addition to the only connection of a video that cannot be read in parts
LOOK_SECONDS = 0.05  # how often the number of connections is adjusted


@dataclass
class _Part:
    """A part that arrives."""

    first: int  # its position in the video
    body: memoryview
    size: int = 0  # bytes that have arrived
    crc32: int = 0  # of these


class Transfer:
    """The workers of one upload; each reads into a buffer of `part_bytes` and uploads it.

    `reached` is called whenever another part is checked and in S3, in the order of the parts.
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
        """Read a video over several connections: its next part with `reader`, and others with new readers."""
        begun = self._next

        def work() -> None:
            number = self._take(length)
            buffer = bytearray(self._part_bytes)
            with reader if number == begun else another() as mine:
                while number is not None:
                    first = number * self._part_bytes
                    if length - first < len(buffer):
                        buffer = bytearray(length - first)
                    part = _Part(first, memoryview(buffer))
                    mine.fill(part.body, first, found, partial(self._arrived, part))
                    self._upload.put(number + 1, buffer, part.crc32)
                    self._pass(first, part.body)
                    number = self._take(length)

        self._run(work, lambda: self._flow.connections if self._next * self._part_bytes < length else 0)

    def stream(self, length: int | None, reader: Reader) -> None:
        """Read a video that can only be read from beginning to end."""
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
                    body = buffer if size == len(buffer) else buffer[:size]
                    self._upload.put(number + 1, body, zlib.crc32(body))

        self._run(work, lambda: 0 if self._next else 1 + UPLOADERS)

    def _run(self, work: Callable[[], None], wanted: Callable[[], int]) -> None:
        """Run as many workers as `wanted()` says until all have ended. Raise the error of the first that failed."""

        def worker() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised by _run
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
            except BaseException as error:  # otherwise an interrupt would wait for workers that never end
                self._fail(error)
                raise
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: BaseException) -> None:
        """Stop all workers. The first error is the one that is raised."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
        self._flow.stop()

    def _take(self, length: int) -> int | None:
        """Return the number of the next part, or None if none is left or this worker is not needed any more."""
        with self._changed:
            if self._next * self._part_bytes >= length or self._workers > self._flow.connections:
                return None
            self._next += 1
            return self._next - 1

    def _arrived(self, part: _Part, piece: memoryview) -> None:
        """Check a piece of a part at once if all parts before it have passed, and otherwise in `_pass`."""
        part.crc32 = zlib.crc32(piece, part.crc32)
        part.size += len(piece)
        if self._passed == part.first:
            self._check_rest(part.first, part.body[: part.size])

    def _check_rest(self, first: int, data: memoryview) -> None:
        self._check.update(data[self._check.size - first :])

    def _pass(self, first: int, data: memoryview) -> None:
        """Check the rest of the bytes from `first` on, after those before them.

        A part in S3 counts even if another worker has failed in the meantime, so that the next invocation does not read
        it again. Raise `Stopped` if an earlier part will never be checked.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._passed == first)
            if self._passed != first:
                raise Stopped
        self._check_rest(first, data)
        with self._changed:
            self._reached()  # before another worker continues the check
            self._passed = first + len(data)
            self._changed.notify_all()
