"""Receive webhooks, as an owner's server would, and one that never answers."""

import json
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """A server that records each message and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self._received: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver._received[str(message["data"].get("generation_id"))].append(message)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/videos"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def received(self, generation_id: str) -> list[dict[str, Any]]:
        """Return the messages about this generation, in the order of their arrival."""
        return list(self._received[generation_id])

    def close(self) -> None:
        """Stop receiving."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hanging() -> Iterator[str]:
    """Listen without ever answering, on a host of its own, and return the URL."""
    with socket.create_server(("127.0.0.2", 0), backlog=128) as silent:
        yield f"http://127.0.0.2:{silent.getsockname()[1]}/silence"
