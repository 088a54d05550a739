"""Test that the simulator downloads the links in requests, as the provider does."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.support.simulator_client import Client


@contextmanager
def host(status: int, content_type: str = "image/png", body: bytes = b"x") -> Iterator[str]:
    """Return a link to a file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ended(client: Client, **fields: object) -> tuple[str, str, int | None]:
    """Return how a job with this link ends, and what it costs."""
    client.control.script("A paper boat", seconds=0)
    found = client.finished(model="google/veo-3.1-i2v-fast", duration=4, **fields)
    return found["status"], (found["error"] or {}).get("message", ""), found["meta"]["usage"]["credits_used"]


def test_a_job_with_a_working_link_completes(client: Client) -> None:
    with host(200) as link:
        assert ended(client, image_url=link)[0] == "completed"
    assert ended(client, image_url="https://example.com/not-fetched.png")[0] == "completed"


@pytest.mark.parametrize(
    ("status", "content_type", "problem"),
    [(403, "application/xml", "HTTP 403"), (404, "image/png", "HTTP 404"), (200, "text/html", "it is text")],
)
def test_a_job_with_a_dead_link_fails_without_charge(
    client: Client, status: int, content_type: str, problem: str
) -> None:
    with host(status, content_type) as link:
        message = f"The file behind image_url could not be downloaded: {problem}."
        assert ended(client, image_url=link) == ("error", message, None)
    assert ended(client, image_url=link)[0] == "error", "the host is gone"


@pytest.mark.parametrize("reference", ["upload:" + "0" * 32, "generation:" + "0" * 32, "s3://b/k", "cat.png"])
def test_a_reference_is_not_accepted_as_a_link(client: Client, reference: str) -> None:
    answer = client.create(model="google/veo-3.1-i2v-fast", image_url=reference)
    assert (answer.status_code, answer.json()["message"]) == (400, "image_url must be a valid URL.")
