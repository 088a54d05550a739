"""Run the receivers in examples/ unchanged: they accept genuine messages once and reject others."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from core.webhooks.message import headers
from core.webhooks.secret import secret_of
from wiring import now

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = secret_of("m" * 64, "ann", 0)
COMMANDS = {
    "python": [sys.executable, str(EXAMPLES / "receiver.py")],
    "javascript": [shutil.which("node") or "node", str(EXAMPLES / "receiver.mjs")],
}
BODY = json.dumps({"type": "generation.completed", "data": {"generation_id": "a" * 32, "owner": "größer"}})


@contextmanager
def running(command: list[str]) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Start a receiver and yield its URL once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET}
    given = [*command, str(port)]
    # A separate process group: the environment's `node` is a script that starts another program.
    with subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    break
                except ConnectionRefusedError:
                    continue
            yield f"http://127.0.0.1:{port}/hook", process
        finally:
            stop(process)


def stop(process: "subprocess.Popen[str]") -> None:
    """Stop the receiver and the programs that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def post(url: str, body: str, sent: dict[str, str]) -> int:
    """Send a message, and return the status of the answer, which the sender of webhooks hides at a private address."""
    return requests.post(url, data=body.encode(), headers=sent, timeout=10).status_code


@pytest.mark.parametrize("language", COMMANDS)
def test_a_receiver_survives_interrupted_requests_and_wrong_lengths(language: str) -> None:
    with running(COMMANDS[language]) as (url, process):
        address = ("127.0.0.1", int(url.split(":")[2].partition("/")[0]))
        for length, answer in ((b"1000", False), (b"-1", True), (b"no", True)):
            with socket.create_connection(address, timeout=10) as connection:
                connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\nabc")
                if answer:  # the server's status, or 401; the server does not wait for more
                    assert re.match(rb"HTTP/1\.[01] 4", connection.recv(100))
        signed = headers([SECRET], "msg_1", now(), BODY)
        assert post(url, BODY, signed) == 204
        assert process.poll() is None


@pytest.mark.parametrize("language", COMMANDS)
def test_a_receiver_accepts_recent_messages_with_its_signature_once(language: str) -> None:
    with running(COMMANDS[language]) as (url, process):
        signed = headers([SECRET], "msg_1", now(), BODY)
        rotated = headers([secret_of("m" * 64, "ann", 1), SECRET], "msg_2", now(), BODY)
        others = headers([secret_of("m" * 64, "bob", 0)], "msg_3", now(), BODY)
        old = headers([SECRET], "msg_4", now() - timedelta(minutes=6), BODY)
        broken = {**signed, "webhook-signature": "nothing like it"}
        assert [post(url, BODY, sent) for sent in (signed, signed, rotated)] == [204] * 3
        assert [post(url, BODY, sent) for sent in (others, old, broken, {})] == [401] * 4
        assert post(url, BODY + " ", signed) == 401
        stop(process)
        assert process.stdout
        assert process.stdout.read().splitlines() == [f"generation.completed {'a' * 32}"] * 2
