"""Lose the answer to the first POST of a client, as a gateway does that gives up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

PASSED = ("content-type", "retry-after")  # headers of an answer


class LosingProxy(ThreadingHTTPServer):
    """A proxy in front of an API. `posts` counts the POSTs that it has passed on."""

    def __init__(self, api_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api_url = api_url
        self.posts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: LosingProxy

    def do_GET(self) -> None:
        self._answer(self._pass_on())

    def do_POST(self) -> None:
        answer = self._pass_on()
        self.server.posts += 1
        if self.server.posts == 1:
            self.close_connection = True  # without a word
        else:
            self._answer(answer)

    def _pass_on(self) -> requests.Response:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        url = f"{self.server.api_url}{self.path}"
        return requests.request(self.command, url, data=body or None, headers=headers, timeout=60)

    def _answer(self, answer: requests.Response) -> None:
        self.send_response(answer.status_code)
        for name in PASSED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def losing_first_answer(api_url: str) -> Iterator[LosingProxy]:
    """Run the proxy until the client has ended."""
    with LosingProxy(api_url) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
