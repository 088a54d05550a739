"""Test status: one screen at every width, what it calls attention to, and keys that may not see everything."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_answers import ID, KEY, error, generation
from tests.support.wire import http

Run = Callable[..., tuple[int, str, str]]
BATCH = "b4" * 16
WIDTHS = [40, 80, 160]
NAME = "spring campaign \x1b[31mof boats.csv"
DENIED = error(401, "This API key has the scope `create`, but this call needs `all`.")


def iso(ago: timedelta) -> str:
    return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page(*found: dict[str, Any], more: str | None = None) -> bytes:
    return http(200, {"data": list(found), "next_cursor": more})


def made(status: str, ago: timedelta = timedelta(minutes=1), name: str | None = None, **meta: Any) -> dict[str, Any]:
    shown = generation(status, error={"name": name, "message": "no luck."} if name else None)
    ended_at = iso(ago) if status in ("error", "completed") else None
    return {**shown, "meta": {**shown["meta"], "created_at": iso(ago), "ended_at": ended_at, **meta}}


def batch(status: str, **fields: Any) -> dict[str, Any]:
    told = {
        "id": BATCH,
        "name": NAME,
        "status": status,
        "revision": 1,
        "rows": 200,
        "created_at": iso(timedelta(days=9)),
    }
    return {**told, "updated_at": iso(timedelta(hours=1)), **fields}


def budget(left: float) -> dict[str, Any]:
    usd = {"limit_usd": 1000.0, "used_usd": 1000 - left, "left_usd": left}
    return {"scope": "all", "period": "day", **usd, "renews_at": "2026-12-01T00:00:00Z"}


SLOTS = http(200, {"limit": 10, "held": 8, "waiting": 512, "hours": []})
COUNTS = {"not_started": 60, "queued": 90, "generating": 10, "completed": 38, "error": 2}
QUIET = (page(), page(), page(), page(), page(), SLOTS)


def busy() -> list[bytes]:
    """Return the answers of an API with something of every kind."""
    old = made("queued", timedelta(minutes=47))
    return [
        page(made("queued"), old),
        page(*[made("generating")] * 3),
        page(
            made("error", name="GenerationFailed"),
            made("error", name="SubmissionUnknown"),
            made("error", name="Cancelled"),
            made("error", timedelta(days=3), "GenerationFailed"),
        ),
        page(batch("running"), batch("stopped", held_back="The budget of this deployment is used up.")),
        http(200, batch("running", counts=COUNTS)),
        page(budget(40.25)),
        SLOTS,
        http(200, {**old, "meta": {**old["meta"], "waits_for_credits": True}}),
    ]


def days_ago(span: timedelta) -> str:
    return f"{datetime.now(UTC) - span:%Y-%m-%d}"


@pytest.mark.parametrize("width", WIDTHS)
def test_one_screen_shows_everything_at_every_width(
    ask: Run, terminal: Callable[[int], None], width: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "boats").mkdir()
    monkeypatch.chdir(home / "boats")
    Path("promptreel.toml").write_text('tags = ["project=boats"]\noutput = "videos"\n')
    terminal(width)
    code, out, err = ask("status", answers=busy())
    assert code == 0, err
    words = " ".join(out.split())
    for text in (
        "127.0.0.1",
        f"key {KEY[3:11]}",
        "~/boats/promptreel.toml: project=boats, output folder videos",
        "3 generating",
        "2 queued, the oldest for 47 minutes",
        "spring campaign [31mof boats.csv: 40 of 200 rows ended, 2 failed",
        "8 of 10 in use, 512 queued, of all owners",
        "40.25 of 1000.00 USD left today",
        "1 request may have been charged without a video: an operator can find out. promptreel",
        f"resolve {ID}",
        f"resolve {ID}",
        "Generations wait because the provider account has no credits",
        "Nearly used up",
        "stopped: The budget of this deployment is used up. promptreel",
        f"batch retry {BATCH[:8]}",
        f"1 generation failed since {days_ago(timedelta(days=1))}",
        "list --status error",
    ):
        assert text in words, out
    assert "\x1b" not in out
    lines = out.splitlines()
    wider = [line for line in lines if len(line) > width and len(line.split()) > 1 and "promptreel " not in line]
    assert not wider, out
    assert len(lines) <= (50 if width == 40 else 24), out


def test_rejected_rows_need_someone_although_no_generation_failed(ask: Run) -> None:
    fixed = batch("completed", rejected=0)
    answers = [page(), page(), page(), page(batch("completed", rejected=41), fixed), page(), SLOTS]
    _, out, _ = ask("status", answers=answers)
    needs = [line.split("\t")[1] for line in out.splitlines() if line.startswith("needs you")]
    assert len(needs) == 2
    assert needs[0].endswith(": 41 rows rejected as invalid.")
    assert needs[1] == f"promptreel batch rows {BATCH[:8]} --failed"


def test_when_nothing_runs_it_says_so_in_few_calls(ask: Run) -> None:
    code, out, _ = ask("status", answers=list(QUIET))
    lines = dict(line.split("\t") for line in out.splitlines())
    assert (code, len(ask.sent)) == (0, 6)  # type: ignore[attr-defined]  # see the fixture
    assert lines["runs"] == "0 generating"
    assert lines["waits"] == "0 queued"
    assert lines["budget"] == "no limit is set"
    assert lines["needs you"] == "nothing"
    assert "project" not in lines


def test_the_calls_are_bounded_however_much_runs(ask: Run) -> None:
    full = page(*[made("queued")] * 100, more="2026-01-01T00:00:00.000Z_" + ID)
    running = [batch("running", id=f"{number:032x}") for number in range(100)]
    answers = [full] * 15 + [page(*running)] + [http(200, batch("running", counts=COUNTS))] * 3 + [page(), SLOTS]
    code, out, _ = ask("status", answers=answers)
    assert (code, len(ask.sent)) == (0, 21)  # type: ignore[attr-defined]  # see the fixture
    assert "waits\t500 or more queued\n" in out


def test_a_new_generation_is_not_fetched_because_its_sender_may_not_know_it_yet(ask: Run) -> None:
    answers = [page(made("queued", timedelta(seconds=5))), *QUIET[1:]]
    ask("status", answers=answers)
    assert not [one for one in ask.sent if b"generation_id" in one]  # type: ignore[attr-defined]  # see the fixture


def test_a_line_that_the_key_may_not_see_says_so(ask: Run) -> None:
    answers = [page(made("queued")), page(), DENIED, DENIED, DENIED, error(404, "The API has no path /v2/slots.")]
    code, out, _ = ask("status", answers=answers)
    lines = dict(line.split("\t") for line in out.splitlines())
    assert (code, lines["waits"]) == (0, "1 queued")
    for label in ("batches", "budget"):
        assert lines[label] == "not available: your API key does not have permission"
    assert lines["slots"] == "not available: the deployment is older than this command"
    assert lines["needs you"] == "Failures are not available: your API key does not have permission."


@pytest.mark.parametrize(
    ("answer", "said"), [(error(401), "not valid"), (DENIED, "has the scope `create`")], ids=["invalid", "denied"]
)
def test_a_key_that_is_not_valid_or_may_see_nothing_is_an_error(ask: Run, answer: bytes, said: str) -> None:
    code, out, err = ask("status", answers=[answer])
    assert (code, out, said in err) == (3, "", True)


def test_json_has_the_numbers_and_what_needs_a_person(ask: Run) -> None:
    code, out, _ = ask("status", "--json", answers=busy())
    told = json.loads(out)
    assert code == 0
    assert told["running"]["queued"] == {"count": 2, "is_at_least": False}
    assert told["batches"][0]["counts"] == COUNTS
    assert told["slots"] == {"limit": 10, "held": 8, "waiting": 512}
    assert told["budgets"][0]["left_usd"] == 40.25
    assert [need["command"] and need["command"].split()[1] for need in told["needs_you"]] == [
        "resolve",
        None,
        None,
        "batch",
        "list",
    ]
    assert (told["project"], told["unavailable"]) == (None, {})
    assert KEY not in out


def test_older_failures_are_shown_on_request(ask: Run) -> None:
    code, out, _ = ask("status", "--since", "1w", answers=busy())
    assert (code, f"2 generations failed since {days_ago(timedelta(weeks=1))}" in out) == (0, True)
    code, _, err = ask("status", "--since", "yesterday", answers=busy())
    assert (code, "'yesterday' is not an age" in err) == (2, True)
