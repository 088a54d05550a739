"""Serve one video with ranges over many concurrent connections, and fail in the way that a test chooses."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Manner:
    """How one request is answered."""

    status: int | None = None  # instead of the video
    sent: int | None = None  # bytes of the body before the connection is closed
    ranges: bool = True
    content_range: str | None = None  # instead of the right one
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = '"1"'
    trickle: float | None = None  # seconds before each single byte, until the client hangs up
    trickled_head: bytes | None = None  # the beginning of a head that goes on with one byte after the other


@dataclass
class Asked:
    """One request: its path, headers, requested bytes (None: all), and the number of bytes sent."""

    path: str
    headers: dict[str, str]
    first: int | None
    sent: int = 0


@dataclass
class VideoHost:
    """A host that serves `body`. It calls `manner` before each answer with the request's number, starting at 0."""

    body: bytes
    manner: Callable[[int, Asked], Manner] = lambda _number, _asked: Manner()
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0  # the highest number of concurrent requests

    @property
    def sent(self) -> int:
        """Return how many bytes of the video the host sent in total."""
        return sum(one.sent for one in self.asked)


@contextmanager
def hosting(
    body: bytes, manner: Callable[[int, Asked], Manner] | None = None, address: str = "127.0.0.1"
) -> Iterator[VideoHost]:
    """Yield the host, which listens at its `url`."""
    host = VideoHost(body) if manner is None else VideoHost(body, manner)
    lock = threading.Lock()
    answering = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            nonlocal answering
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            asked = Asked(self.path, dict(self.headers), int(wanted[1]) if wanted else None)
            with lock:
                host.asked.append(asked)
                number = len(host.asked) - 1
                answering += 1
                host.at_once = max(host.at_once, answering)
            try:
                self._answer(asked, wanted, host.manner(number, asked))
            finally:
                with lock:
                    answering -= 1

        def _answer(self, asked: Asked, wanted: re.Match[str] | None, manner: Manner) -> None:
            if manner.trickled_head is not None:
                self._trickle_head(manner.trickled_head)
            body = host.body  # another request may change it later
            size = len(body)
            fresh = self.headers.get("If-Range") in (None, manner.etag)
            if manner.status is not None:
                self._head(manner.status, 0, manner.headers)
                return
            headers = {"ETag": manner.etag} if manner.etag and manner.ranges else {}
            headers |= manner.headers
            if wanted and manner.ranges and fresh:
                first, end = int(wanted[1]), min(int(wanted[2]) + 1, size)
                if first >= size:
                    self._head(416, 0, {"Content-Range": f"bytes */{size}"})
                    return
                headers["Content-Range"] = manner.content_range or f"bytes {first}-{end - 1}/{size}"
                self._head(206, end - first, headers)
            else:
                first, end = 0, size
                self._head(200, size, headers)
            last = end if manner.sent is None else min(end, first + manner.sent)
            step = 1 << 16 if manner.trickle is None else 1
            for at in range(first, last, step):
                piece = body[at : min(at + step, last)]
                self.wfile.write(piece)
                if manner.trickle is not None:
                    self.wfile.flush()
                    time.sleep(manner.trickle)
                asked.sent += len(piece)
            self.wfile.flush()
            if last < end:
                self.close_connection = True

        def _trickle_head(self, beginning: bytes) -> None:
            self.wfile.write(beginning)
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.01)

        def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            pass  # the client has hung up

    server = Server((address, 0), Handler)
    host.url = f"http://{address}:{server.server_port}/video.mp4"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
