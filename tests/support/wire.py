"""Serve exactly the given bytes, so that a test decides how an exchange breaks."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = bytes | Callable[[socket.socket], None]


@dataclass
class Wire:
    """A server at `url`, with the complete raw requests that it received."""

    url: str
    requests: list[bytes] = field(default_factory=list)

    def header(self, name: str) -> list[str]:
        """Return the values of a header, one per request. Requests without the header are left out."""
        lines = [line for request in self.requests for line in request.decode().split("\r\n")]
        return [line.split(": ", 1)[1] for line in lines if line.lower().startswith(f"{name.lower()}: ")]


@contextmanager
def serving(*answers: Answer) -> Iterator[Wire]:
    """Serve one answer per connection, in order. Further connections get the last answer again."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            answer = answers[min(len(wire.requests), len(answers) - 1)]
            with connection, suppress(ConnectionError):  # the client may hang up before it has everything
                wire.requests.append(_read_request(connection))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def http(status: int, body: bytes | dict[str, object] = b"", *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP response. `length` announces a different length than that of the body."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def reset(connection: socket.socket) -> None:
    """Break the connection with RST instead of answering."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")), 0)
    while len(body) < length and (more := connection.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body
