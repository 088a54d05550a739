"""Test list and open: terminals of every width, and the requests to the API."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.support.api_answers import ID, completed, failed, generation, shown
from tests.support.wire import http

Run = Callable[..., tuple[int, str, str]]
LINK = "http://127.0.0.1:1/video.mp4?Signature=s3cr3t"
LONG = "a very long prompt of a paper boat " * 20
WIDTHS = [20, 34, 40, 60, 80, 100, 120, 200]


def page(*found: dict[str, Any]) -> bytes:
    return http(200, {"data": list(found), "next_cursor": None})


def query(ask: Callable[..., object]) -> dict[str, str]:
    """Return the query of the first request."""
    [request, *_] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    return {name: value for name, [value] in parse_qs(request.split()[1].decode().partition("?")[2]).items()}


def test_forced_colours_do_not_truncate_piped_output(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = ask("list", answers=[page(generation(prompt=LONG))])
    assert code == 0
    assert len(out.splitlines()) == 1
    assert out.startswith(f"{ID}\t")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "prompt", [LONG, "短い" * 100, "x", "[red]a\x1b[31m\n" + LONG], ids=["long", "wide", "short", "evil"]
)
def test_a_terminal_of_any_width_shows_id_status_time_and_reason(
    ask: Run, terminal: Callable[[int], None], width: int, prompt: str
) -> None:
    terminal(width)
    broken = generation("error", prompt=prompt, error={"name": "ProviderKeyRejected", "message": "The key. " * 20})
    broken["meta"]["request"]["model"] = "google/veo-3.1-first-last-image-to-video-fast"
    code, out, _ = ask("list", answers=[page(generation(prompt=prompt, stage="generating"), broken)])
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]
    assert code == 0
    assert all(ID[:8] in line for line in lines if line.startswith("0"))
    assert [line.split()[1] for line in lines if line.startswith("0")] == ["generating", "error"]
    assert " ".join(out.split()).count("2026-01-01 12:00") == 2
    assert "! ProviderKeyRe" in out
    assert prompt[:6] in out
    assert "\x1b[31m" not in out
    if width >= 34:  # no real terminal is narrower
        assert all(cells(line) <= width for line in lines), lines


def cells(line: str) -> int:
    return sum(2 if character in "短い" else 1 for character in line)


def test_a_wide_terminal_shows_the_whole_id_and_the_model(ask: Run, terminal: Callable[[int], None]) -> None:
    terminal(120)
    out = re.sub(" +", " ", ask("list", answers=[page(generation())])[1])
    assert f"{ID} queued veo2 2026-01-01 12:00 a boat\n" in out


def test_an_empty_list_says_so_only_on_a_terminal(ask: Run, terminal: Callable[[int], None]) -> None:
    assert ask("list", answers=[page()]) == (0, "", "")
    terminal(80)
    assert ask("list", answers=[page()]) == (0, "", "No generations were found.\n")


def test_a_pipe_gets_the_reason_of_a_failure(ask: Run) -> None:
    broken = generation("error", error={"name": "GenerationFailed", "message": "no\tluck."})
    assert ask("list", answers=[page(broken)])[1].split("\t")[5:] == ["GenerationFailed: no luck.\n"]


def test_filters_are_sent_to_the_api(ask: Run) -> None:
    given = ["--status", "error", "--model", "veo2", "--batch", "b" * 32, "--text", "a boat", "--limit", "7"]
    given += ["--tag", "project=boats", "--tag", "draft"]
    ask("list", *given, "--since", "2026-01-31", "--until", "2026-01-31", answers=[page()])
    assert query(ask) == {
        "limit": "8",
        "status": "error",
        "model": "veo2",
        "batch": "b" * 32,
        "text": "a boat",
        "created_after": "2026-01-31T00:00:00Z",
        "created_before": "2026-02-01T00:00:00Z",  # the whole day
        "tag": "project=boats,draft",
    }


@pytest.mark.parametrize(
    ("text", "ago"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("2d", timedelta(days=2)), ("1w", timedelta(7))],
)
def test_a_time_can_be_relative(ask: Run, text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    ask("list", "--since", text, answers=[page()])
    assert before - ago <= datetime.fromisoformat(query(ask)["created_after"]) <= datetime.now(UTC) - ago


def test_a_time_without_a_zone_is_utc_like_the_output(ask: Run) -> None:
    ask("list", "--since", "2026-01-31T12:00", "--until", "2026-01-31T12:00+02:00", answers=[page()])
    assert query(ask)["created_after"] == "2026-01-31T12:00:00Z"
    assert query(ask)["created_before"] == "2026-01-31T10:00:00Z"


@pytest.mark.parametrize("text", ["yesterday", "2", "99999999d", "2026-02-30", "9999-12-31x", "0d0"])
def test_an_invalid_time_is_wrong_usage(run: Run, text: str) -> None:
    code, _, err = run("list", "--since", text)
    assert (code, "is not a time" in err) == (2, True)


def test_open_opens_the_link_in_a_browser_and_does_not_print_it(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", browse)
    code, out, err = ask("open", ID[:4], answers=[completed(LINK, 1)])
    assert (code, out, opened) == (0, "", [LINK])
    assert "s3cr3t" not in err


@pytest.mark.parametrize("display", [None, ":0"])
def test_open_prints_the_link_without_a_browser(ask: Run, monkeypatch: pytest.MonkeyPatch, display: str | None) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda _: not display)
    assert ask("open", ID, answers=[completed(LINK, 1)])[:2] == (0, f"{LINK}\n")


def test_there_is_nothing_to_open_before_the_end(ask: Run) -> None:
    assert ask("open", ID, answers=[shown("generating")])[0] == 1
    code, _, err = ask("open", ID, answers=[failed()])
    assert (code, "no luck" in err) == (1, True)


def test_a_list_that_stops_at_its_limit_says_so_on_a_terminal(ask: Run, terminal: Callable[[int], None]) -> None:
    full = page(generation(), generation(), generation())
    assert ask("list", "--limit", "2", answers=[full])[2] == ""
    terminal(80)
    code, out, err = ask("list", "--limit", "2", answers=[full])
    assert (code, out.count(ID[:8]), err) == (0, 2, "These are the newest 2. List more with --limit 20.\n")
    assert ask("list", "--limit", "3", answers=[full])[2] == ""


def test_the_name_of_a_batch_works_like_its_id(ask: Run) -> None:
    found = http(200, {"id": "b" * 32, "name": "week.csv", "status": "running"})
    assert ask("list", "--batch", "week.csv", answers=[found, page()])[0] == 0
    sent = [request.split()[1].decode() for request in ask.sent]  # type: ignore[attr-defined]  # see the fixture
    assert sent[0] == "/v2/batches?batch_id=week.csv"
    assert f"batch={'b' * 32}" in sent[1]
