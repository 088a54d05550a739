"""Stop, kill and restart the local cloud: its data survives, and jobs continue."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from core.generation import Status
from local.processes import find
from local.services import NAMES, throw_away
from local.settings import Checkout, Settings
from local.up import down, up
from tests.support.local_cloud import LocalCloud, eventually, unique

SETTINGS = Settings(wait_scale="0.2")


@dataclass
class Home:
    """A separate local cloud that a test stops, kills and starts again."""

    checkout: Checkout

    def up(self) -> LocalCloud:
        stack = up(self.checkout, SETTINGS)
        ministack = find(self.checkout.state, "ministack")
        assert ministack is not None
        return LocalCloud(stack, ministack.pid)

    def kill(self, *names: str) -> None:
        for name in names:
            process = find(self.checkout.state, name)
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
            eventually(lambda process=process: None if process.runs() else True)  # type: ignore[misc]

    def reset(self, **environ: str) -> subprocess.CompletedProcess[str]:
        code = (
            "import os; from pathlib import Path; from local.reset import reset; from local.settings import Checkout\n"
            f"reset(Checkout(Path({str(self.checkout.root)!r}), {self.checkout.name!r}),"
            " is_forced=os.environ.get('FORCE') == '1')"
        )
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.checkout.root,
            env={"PATH": os.defpath, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def home() -> Iterator[Home]:
    checkout = Checkout(Path(__file__).parents[2], ".local/home")
    throw_away(checkout)
    yield Home(checkout)
    throw_away(checkout)


def times(execution: dict[str, Any]) -> tuple[str, datetime, datetime]:
    return execution["status"], execution["startDate"], execution["stopDate"]


@pytest.mark.long
def test_the_local_clouds_data_survives_stops_and_kills_until_a_reset(home: Home) -> None:
    cloud = home.up()
    first = cloud.create(unique("before all"))
    assert cloud.ended(first).status is Status.COMPLETED
    executed = times(cloud.execution(first))

    def sent(prompt: str) -> str:
        """Return a generation that the provider works on, so it is paid for."""
        cloud.simulator.script(prompt, seconds=8)
        generation_id = cloud.create(prompt)
        eventually(lambda: cloud.creates(prompt) or None)
        return generation_id

    for what in ("the local AWS is killed", "it is stopped", "both are killed"):
        prompt = unique(what)
        running = sent(prompt)
        waiting = cloud.create(unique("just created"))
        before = cloud.stack
        if what == "it is stopped":
            down(home.checkout)
        else:
            home.kill(*NAMES[: 2 if what.startswith("both") else 1])
        cloud = home.up()
        assert cloud.stack == before, "clients with its address and key continue to work"
        for generation_id in (running, waiting):
            record = cloud.ended(generation_id, patience=120)
            assert record.status is Status.COMPLETED, record.error
        assert cloud.simulator.counts().creates_by_prompt[prompt] == 1
        assert times(cloud.execution(first)) == executed, "it does not run again"
        seen = cloud.call("GET", params={"generation_id": first}).json()
        assert requests.get(seen["video"]["url"], timeout=30).content[4:8] == b"ftyp"

    refused = home.reset()
    assert "all videos (7; 0 may have cost money)" in refused.stdout
    assert "Set FORCE=1 to delete anyway." in refused.stderr
    assert cloud.ledger.get(first).status is Status.COMPLETED
    assert home.reset(FORCE="1").returncode == 0
    assert not home.checkout.data.exists()
    assert [find(home.checkout.state, name) for name in NAMES] == [None, None]
