"""Serve the simulator over HTTP, with responses that can break on the wire."""

import json
import socket
import struct
import sys
import threading
import time
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from local.guard import refusal
from local.simulator.answers import Answer, error_answer, json_answer
from local.simulator.calls import Call
from local.simulator.process import Behaviour, ProcessProvider

API_PATHS = ("/v1/", "/v2/")
PAGE = (
    b"<!doctype html><html lang=en><title>Provider simulator</title><h1>Provider simulator</h1>"
    b"<p>This is a simulator of a video provider: no AI is involved. Its videos show shapes and their prompt."
)


class Simulator:
    """A provider on 127.0.0.1 that runs during the `with` block. Raises OSError if the port is in use."""

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self._server = _Server(port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._server.provider = ProcessProvider(self.url, behaviour)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for all handlers, so none outlives the `with` block
    request_queue_size = 256
    provider: ProcessProvider

    def __init__(self, port: int) -> None:
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End connections that hang because of a script, and idle keep-alive connections."""
        self.closing.set()
        for connection in self._connections.copy():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # already closed by the client or by its handler
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Many tests make a client give up on a hanging response.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "provider-simulator"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if reason := refusal({name.lower(): value for name, value in self.headers.items()}):
            self._send(error_answer(HTTPStatus.FORBIDDEN, reason, url.path))
            return
        if url.path == "/":
            self._send(Answer(HTTPStatus.OK, PAGE, "text/html; charset=utf-8"))
        elif url.path.startswith("/_simulator/"):
            self._send(self._control(url.path.removeprefix("/_simulator/"), body))
        else:
            call = Call(self.command, url.path, time.time())
            self.server.provider.calls.add(call)
            answer = self._provider_answer(call, url.query, body)
            self.server.closing.wait(answer.hang)
            if answer.reset:
                self._reset_connection()
            else:
                call.status = answer.status
                self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 (http.server's names)

    def _provider_answer(self, call: Call, query: str, body: bytes) -> Answer:
        provider = self.server.provider
        if not call.path.startswith(API_PATHS) and "Authorization" in self.headers:
            provider.calls.count_leak()
        return provider.answer(call, self.headers, query, body)

    def _control(self, name: str, body: bytes) -> Answer:
        provider = self.server.provider
        try:
            match self.command, name:
                case "POST", "scripts":
                    script = json.loads(body)
                    provider.scripts.put(script.pop("prompt"), script)
                case "POST", "reset":
                    provider.reset()
                case "PUT", "logs" | "transactions":
                    provider.scripts.put_calls(name, json.loads(body)["behaviours"])
                case "POST", "charges":
                    return json_answer({"reference_id": provider.charge_others(**json.loads(body))})
                case "POST", "others":
                    provider.log_others(**json.loads(body))
                case "PUT", "keys":
                    provider.keys = frozenset(json.loads(body)["keys"])
                case "PUT", "capacity":
                    provider.generations.capacity = json.loads(body)["in_flight"]
                case "PUT", "log_limit":
                    provider.request_log.most_calls = json.loads(body)["calls"]
                case "GET", "calls":
                    return json_answer([asdict(call) for call in provider.calls.all()])
                case "GET", "counts":
                    return json_answer(provider.counts())
                case _:
                    return error_answer(HTTPStatus.NOT_FOUND, "This control does not exist.", self.path)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return error_answer(HTTPStatus.BAD_REQUEST, f"This cannot be set: {error}", self.path)
        return json_answer({})

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        for chunk in answer.chunks():
            self.wfile.write(chunk)
            if answer.rate:
                self.server.closing.wait(len(chunk) / answer.rate)
        if answer.sent is not None:
            self.close_connection = True

    def _reset_connection(self) -> None:
        # With a linger time of 0, close sends RST. The reader is closed first, because it keeps the socket open.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def end_headers(self) -> None:
        self.send_header("x-simulator", "no AI involved")
        super().end_headers()

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        # Without the query, which contains the signature of a link.
        self.log_message("%s %s", self.requestline.split("?")[0].removesuffix(" HTTP/1.1"), int(code))
