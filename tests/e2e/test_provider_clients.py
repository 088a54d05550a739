"""Run programs written for the provider against the deployed API, changing only the base URL and the key."""

import subprocess
from pathlib import Path

import pytest
import requests

from tests.support.local_cloud import LocalCloud, unique

CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.parametrize("command", [["python", "poll.py"], ["node", "poll.mjs"]], ids=["requests", "node"])
def test_a_client_written_for_the_provider_gets_its_video(cloud: LocalCloud, command: list[str]) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=1)
    done = subprocess.run(
        command,
        cwd=CLIENTS,
        env=cloud.environment(BASE_URL=cloud.stack.api_url, API_KEY=cloud.stack.api_key, PROMPT=prompt),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert {line for line in lines if line.startswith("Status:")} <= {
        "Status: queued",
        "Status: generating",
        "Status: completed",
    }
    url = lines[-1].removeprefix("Video URL: ")
    assert requests.get(url, timeout=30).content[4:8] == b"ftyp"
