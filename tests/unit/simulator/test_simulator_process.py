"""Test the simulator as a process and within one: it starts, identifies itself and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from local.simulator.process import Behaviour
from local.simulator.server import Simulator
from tests.support.simulator_client import AUTHORIZED, KEY, PROMPT, Client, Clock, download

ROOT = Path(__file__).parents[3]


def test_leaving_the_block_ends_hanging_and_idle_connections() -> None:
    threads_before = threading.active_count()
    with Simulator(Behaviour(keys=[KEY])) as simulator, requests.Session() as session:
        session.get(simulator.url, timeout=10)  # stays open in the session's pool
        client = Client(simulator.url)
        client.control.script(PROMPT, create=[{"hang": 600}])
        with pytest.raises(requests.ReadTimeout):
            client.create(timeout=1)
        assert client.control.counts().creates == 1
    assert threading.active_count() == threads_before


def test_the_page_and_every_answer_say_that_no_ai_is_involved(client: Client) -> None:
    page = download(client.url)
    assert "no AI is involved" in page.text
    assert page.headers["x-simulator"] == "no AI involved"


def test_the_command_serves_until_stopped_and_logs_no_keys_or_signatures() -> None:
    command = [sys.executable, "-m", "local.simulator", "--port", "0", "--seconds", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SIMULATOR_KEYS": KEY}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        client = Client(process.stdout.readline().split()[-1])
        download(client.finished()["video"]["url"], headers=AUTHORIZED)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()
    assert process.returncode == 0
    assert [line.split("] ")[1].split()[0] for line in log.splitlines()] == ["POST", "GET", "GET"]
    assert KEY not in log
    assert "Signature" not in log


def test_the_command_reports_missing_tools_in_one_sentence(client: Client) -> None:
    command = [sys.executable, "-m", "local.simulator", "--port", str(urlsplit(client.url).port)]
    for keys, sentence in [("", "SIMULATOR_KEYS is not set"), (KEY, "Choose another --port")]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "SIMULATOR_KEYS": keys}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert sentence in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_accepted_jobs_survive_a_restart_and_continue_meanwhile(tmp_path: Path) -> None:
    """The file contains no keys, but it does contain a job's row of the request log."""
    clock, jobs = Clock(), tmp_path / "jobs"
    clock.now = time.time()
    with Simulator(Behaviour(keys=[KEY], seconds=10, clock=clock, jobs=jobs)) as simulator:
        client = Client(simulator.url)
        created = client.create().json()
        assert client.fetch(created["id"]).json()["status"] == "queued"
    with jobs.open("a") as file:
        file.write('{"key": "killed in the mid')
    assert KEY not in jobs.read_text()
    clock.now += 11
    with Simulator(Behaviour(keys=[KEY], seconds=10, clock=clock, jobs=jobs)) as simulator:
        client = Client(simulator.url)
        fetched = client.fetch(created["id"]).json()
        assert fetched["status"] == "completed"
        assert download(fetched["video"]["url"]).content[4:8] == b"ftyp"
        assert client.control.counts().creates == 1
        assert [row["inference_id"] for row in client.rows()] == [created["id"]]
        client.control.reset()
    with Simulator(Behaviour(keys=[KEY], jobs=jobs)) as simulator:
        assert Client(simulator.url).control.counts().creates == 0
