"""Test --notify: what the computer has is used, and hostile text is only ever text."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreel._text import UNPRINTABLE
from promptreel.commands.notification import escape, notify, program
from tests.support.api_answers import ID, shown
from tests.support.wire import http

Run = Callable[..., tuple[int, str, str]]
EVIL = "x\x1b]0;owned\a\x1b[31m\r\n`touch owned` $(touch owned); touch owned <b>\u202ebold\x9b31m\\u001b"
BATCH = "b4" * 16
SCREEN = {"DISPLAY": ":0"}


def found(name: str) -> str:
    return f"/usr/bin/{name}"


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a desktop whose notify-send writes its arguments to the file that is returned."""
    shows = tmp_path / "bin" / "notify-send"
    shows.parent.mkdir()
    shows.write_text(
        f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open({str(tmp_path / 'sent')!r}, 'w'))\n"
    )
    shows.chmod(0o755)
    monkeypatch.setenv("PATH", str(shows.parent))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "sent"


@pytest.fixture
def _nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a computer without a desktop, and a plain terminal."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "platform", "linux")


def test_a_desktop_gets_the_text_as_one_argument_without_control_characters(
    desktop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notify(EVIL)
    app, end, text = json.loads(desktop.read_text())
    assert (app, end) == ("--app-name=Promptreel", "--")
    assert text.startswith("Promptreel: x ]0;owned")
    assert not UNPRINTABLE.search(text)
    assert not Path("owned").exists()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("_nothing")
def test_a_terminal_rings_and_shows_only_text_that_is_printable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    notify(EVIL)
    written = capsys.readouterr().err
    assert written.startswith("\x1b]9;Promptreel: x ]0;owned")
    assert written.endswith("\a\a")
    assert not UNPRINTABLE.search(written.removeprefix("\x1b").removesuffix("\a\a"))


@given(st.text(), st.sampled_from(["xterm-256color", "rxvt-unicode", "foot", "dumb", "linux", ""]))
def test_no_text_leaves_the_escape_sequence_of_a_terminal(text: str, term: str) -> None:
    safe = UNPRINTABLE.sub(" ", text)
    written = escape(safe, {"TERM": term})
    if term in ("dumb", "linux"):
        assert written == ""
    else:
        start = "\x1b]777;notify;Promptreel;" if term.startswith(("rxvt", "foot")) else "\x1b]9;"
        assert written.startswith(start)
        assert written.endswith("\a")
        assert not UNPRINTABLE.search(written[1:-1])
        assert start == "\x1b]9;" or written.count(";") == 3


@pytest.mark.usefixtures("_nothing")
def test_without_a_terminal_or_a_desktop_nothing_is_printed_or_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a program was run"))
    notify("done")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("trouble", [OSError("no"), subprocess.TimeoutExpired("notify-send", 5)], ids=["none", "slow"])
def test_a_program_that_cannot_show_it_leaves_it_to_the_terminal(
    desktop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trouble: Exception
) -> None:
    def run(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("VTE_VERSION", raising=False)
    notify("done")
    assert (capsys.readouterr().err, desktop.exists()) == ("\x1b]9;Promptreel: done\a\a", False)


def test_over_ssh_the_terminal_shows_it_and_not_the_screen_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert program("x", SCREEN, found)
    assert program("x", {**SCREEN, "SSH_CONNECTION": "1"}, found) == []
    assert program("x", {}, found) == []
    assert program("x", SCREEN, lambda _: None) == []


def test_applescript_gets_the_text_as_an_argument_and_not_as_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    evil = 'Promptreel: " & (do shell script "touch owned") & "'
    command = program(evil, {}, found)
    assert (command[0], command[-1]) == ("/usr/bin/osascript", evil)
    assert not any("owned" in part for part in command[:-1])


@pytest.mark.parametrize("command", [["get"], ["retry"]], ids=lambda command: command[0])
def test_a_batch_notifies_with_its_name(desktop: Path, ask: Run, command: list[str]) -> None:
    told = {"id": BATCH, "name": "week\x1b[31m.csv", "status": "completed", "revision": 1, "rows": 2, "made_before": 0}
    row: dict[str, object] = {
        "row": 1,
        "name": None,
        "tags": [],
        "prompt": "x",
        "generation_id": ID,
        "s3_uri": None,
        "credits_used": None,
    }
    rows = [{**row, "status": "completed", "error": None}, {**row, "row": 2, "status": "error", "error": "no luck"}]
    report = http(200, {"data": rows, "next_cursor": None})
    code, _, err = ask("batch", *command, BATCH, "--notify", answers=[http(200, told), http(200, told), report])
    assert code == 1, err
    assert json.loads(desktop.read_text())[-1] == "Promptreel: week [31m.csv: 1 of 2 rows completed"
    assert "--notify" in err


def test_create_and_get_notify_on_the_desktop(desktop: Path, ask: Run) -> None:
    video = {"url": "http://127.0.0.1:1/v", "content_type": "video/mp4", "file_name": "v.mp4", "file_size": 1}
    for command in (["create", "x"], ["get", ID]):
        code, _, _ = ask(*command, "--notify", answers=[shown(), shown("completed", video=video)])
        assert (code, json.loads(desktop.read_text())[-1]) == (0, f"Promptreel: {ID[:8]} completed")
        os.unlink(desktop)
