"""Send webhooks from the deployed stack to the receivers of examples/ and to one of the test."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.local_cloud import LocalCloud, eventually, unique

RECEIVER = Path(__file__).parents[2] / "examples" / "receiver.py"
DELIVERIES = "/v2/webhooks/deliveries"


@contextmanager
def receiver(cloud: LocalCloud, log: Path) -> Iterator[str]:
    """Start the example in Python as a user would, and return its URL once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secret = cloud.call("GET", "/v2/webhooks/secret").json()["secret"]
    command = [sys.executable, str(RECEIVER), str(port)]
    with (
        log.open("w") as out,
        subprocess.Popen(
            command, env=cloud.environment(WEBHOOK_SECRET=secret), stdout=out, start_new_session=True
        ) as process,
    ):
        try:
            eventually(lambda: _listens(port))
            yield f"http://127.0.0.1:{port}/videos"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def failing_twice() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Start a receiver that answers 500 twice, and record its requests."""
    sent: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(500 if len(sent) < 3 else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", sent
    server.shutdown()
    server.server_close()


def created(cloud: LocalCloud, prompt: str, **query: str) -> str:
    answer = cloud.call("POST", json={"model": "veo2", "prompt": prompt}, params=query)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def delivery(cloud: LocalCloud, generation_id: str, status: str) -> dict[str, Any]:
    """Return the finished delivery for this generation."""

    def look() -> dict[str, Any] | None:
        found = cloud.call("GET", DELIVERIES, params={"limit": "100"}).json()["data"]
        return next((one for one in found if (one["generation_id"], one["status"]) == (generation_id, status)), None)

    return eventually(look)


def test_a_receiver_gets_completed_failed_and_redelivered_webhooks(cloud: LocalCloud, tmp_path: Path) -> None:
    good, bad = unique("a boat"), unique("a kite")
    cloud.simulator.script(good, seconds=0)
    cloud.simulator.script(bad, seconds=0, outcome="error")
    log = tmp_path / "received"
    with receiver(cloud, log) as url:
        tag = unique("t").replace(" ", "-")
        video, failure = (created(cloud, prompt, webhook=url, tag=f"run={tag}") for prompt in (good, bad))
        unwanted = created(cloud, good, webhook=url, webhook_events="failed")
        assert cloud.ended(video).webhook
        first = delivery(cloud, video, "delivered")
        delivery(cloud, failure, "delivered")
        cloud.ended(unwanted)
        found = cloud.call("GET", params={"tag": f"run={tag}"}).json()["data"]
        assert {one["id"] for one in found} == {video, failure}
        assert sorted(log.read_text().splitlines()) == sorted(
            [f"generation.completed {video}", f"generation.failed {failure}"]
        )
        again = cloud.call("POST", f"{DELIVERIES}/{first['id']}/redeliver")
        assert again.json()["status"] == "pending"
        assert delivery(cloud, video, "delivered")["attempts"] == 1
        assert len(log.read_text().splitlines()) == 2, "the receiver knows it by its id"
    assert {one["tags"][0] for one in cloud.announcements(video)} == {f"run={tag}"}


def test_a_failing_receiver_gets_the_same_message_again(
    cloud: LocalCloud, failing_twice: tuple[str, list[tuple[dict[str, str], bytes]]]
) -> None:
    url, sent = failing_twice
    prompt = unique("a boat")
    cloud.simulator.script(prompt, seconds=0)
    generation_id = created(cloud, prompt, webhook=url)
    told = delivery(cloud, generation_id, "delivered")
    assert (told["attempts"], told["answered"]) == (3, 204)
    assert len(sent) == 3
    secret = cloud.call("GET", "/v2/webhooks/secret").json()["secret"]
    for headers, body in sent:
        assert headers["webhook-id"] == told["id"]
        assert body == sent[0][1]
        assert Webhook(secret).verify(body, headers)["data"]["generation_id"] == generation_id
    assert prompt not in json.dumps([body.decode() for _, body in sent])
