"""Test that the command asks before it erases, waits for what has to end, and says what remains."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from promptreel.__main__ import main
from promptreel.commands import erase as command
from promptreel.operator import deployment, erase
from promptreel.operator.deployment import Deployment
from promptreel.operator.erase import ERASED, Erasure, Found, Waits


class Terminal(io.StringIO):
    """A person at a terminal who has typed something."""

    def isatty(self) -> bool:
        return True


class Fake:
    """An owner whose jobs end after a pass."""

    passes = 0

    def __init__(self, _deployed: Deployment, owner: str, _now: Any) -> None:
        assert owner == "mila"

    def found(self) -> Found:
        return Found(keys=1, generations=3, running=1, batches=2)

    def go_on(self) -> Waits:
        type(self).passes += 1
        waits = Waits()
        if type(self).passes < 3:
            waits.add("jobs end", datetime.now(UTC) + timedelta(minutes=1))
        return waits


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", {}, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(erase, "Erasure", Fake)
    monkeypatch.setattr(Fake, "passes", 0)
    slept: list[float] = []
    monkeypatch.setattr("promptreel.commands.erase.time.sleep", slept.append)
    return slept


def run(*arguments: str) -> int:
    try:
        return main(["erase", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_the_command_waits_until_nothing_is_left_to_wait_for(
    slept: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mila", "--yes") == 0
    said = capsys.readouterr()
    assert said.out == "Erased mila.\n"
    assert said.err.count("jobs end") == len(slept) == 2
    assert max(slept) <= command.PAUSE_SECONDS
    assert "remain without the name" in said.err


def test_nothing_is_erased_before_the_user_agrees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mila") == 2
    assert "add --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    run("mila")
    assert Fake.passes == 0
    assert "3 generations, 1 running job, 1 API key, and 2 of its batches" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("mila") == 0
    assert Fake.passes == 3


def test_the_name_that_stands_for_erased_owners_cannot_be_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", {}, None)
    with pytest.raises(Exception, match="is the name for owners who were erased"):
        Erasure(found, ERASED, lambda: datetime.now(UTC))
