"""Provide servers for the client's tests, without the user's configuration."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from promptreel.__main__ import main
from tests.support.api_answers import KEY
from tests.support.wire import Answer, serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty home and working directory, and an environment without settings."""
    for name in ("PROMPTREEL_URL", "PROMPTREEL_API_KEY", "PROMPTREEL_STAGE", "PROMPTREEL_LOCAL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("VTE_VERSION", raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "x")  # so that no notification appears on this computer's screen
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses before retries in seconds. They are only recorded, and polls follow each other immediately."""
    pauses: list[float] = []
    monkeypatch.setattr("promptreel._http.time", SimpleNamespace(sleep=pauses.append))
    monkeypatch.setattr("promptreel.client.POLL_SECONDS", 0)
    return pauses


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command line and returns its exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command against an API with these responses."""

    def call(*arguments: str, answers: list[Answer]) -> tuple[int, str, str]:
        with serving(*answers) as wire:
            monkeypatch.setenv("PROMPTREEL_URL", wire.url)
            monkeypatch.setenv("PROMPTREEL_API_KEY", KEY)
            code, out, err = run(*arguments)
        call.sent = wire.requests  # type: ignore[attr-defined]  # for the test to look at
        return code, out, err

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes stdout a terminal with this many columns and without colours."""

    def be(width: int) -> None:
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))

    return be
