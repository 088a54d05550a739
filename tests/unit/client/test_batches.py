"""Test `promptreel batch` and the client's batch calls: requests, output, and no unexpected payments."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from promptreel import AsyncClient, Client
from promptreel._batches import Batches
from promptreel.commands.batch import _progress
from promptreel.errors import ApiError, BatchFailed, BatchTimeout
from tests.support.api_answers import KEY, completed, error
from tests.support.wire import Answer, Wire, http, serving

Run = Callable[..., tuple[int, str, str]]
BATCH, OTHER, ID = "b" * 32, "c" * 32, "0123456789abcdef0123456789abcdef"


def check(**fields: Any) -> bytes:
    found = {"id": BATCH, "name": "week.csv", "rows": 2, "problem_rows": 0, "problems": [], "made_before": 0}
    return http(200, {**found, "failed_before": 0, "made_elsewhere": None, **fields})


def batch(status: str = "running", **fields: Any) -> bytes:
    done = 2 if status == "completed" else 0
    counts = {"not_started": 0, "queued": 2 - done, "generating": 0, "completed": done, "error": 0}
    found = {"id": BATCH, "name": "week.csv", "status": status, "revision": 1, "rows": 2, "made_before": 0}
    return http(200, {**found, "counts": counts, "error": None, "sha256": "x", **fields})


def report(*rows: dict[str, Any]) -> bytes:
    return http(200, {"data": list(rows), "next_cursor": None})


ROW = {"row": 1, "generation_id": ID, "status": "completed", "prompt": "a boat", "tags": []}


@pytest.fixture
def file(home: Path) -> Path:
    path = home / "week.csv"
    path.write_text("prompt\na boat\na kite\n")
    return path


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str, Wire]]:
    monkeypatch.setattr("promptreel._batches.POLL_SECONDS", 0)

    def call(*arguments: str, answers: list[Answer]) -> tuple[int, str, str, Wire]:
        with serving(*answers) as wire:
            monkeypatch.setenv("PROMPTREEL_URL", wire.url)
            monkeypatch.setenv("PROMPTREEL_API_KEY", KEY)
            return (*run(*arguments), wire)

    return call


def lines(wire: Wire) -> list[str]:
    return [request.split(b"\r\n", 1)[0].decode() for request in wire.requests]


def test_a_file_is_checked_and_sent_and_only_its_id_is_on_stdout(ask: Any, file: Path) -> None:
    code, out, err, wire = ask("batch", "week.csv", answers=[check(), batch("reading")])
    assert (code, out) == (0, f"{BATCH}\n")
    assert f"promptreel batch get {BATCH} --wait" in err
    assert lines(wire) == [
        "POST /v2/batches?name=week.csv&dry_run=true HTTP/1.1",
        "POST /v2/batches?name=week.csv HTTP/1.1",
    ]
    assert wire.requests[1].endswith(file.read_bytes())
    assert wire.header("content-type") == ["application/octet-stream"] * 2


def test_the_printed_command_quotes_every_option(ask: Any, file: Path) -> None:
    given = ["-o", "my out", "--videos", "--name-template", "{id} {row}", "--timeout", "0"]
    code, _, err, _ = ask("batch", str(file), *given, answers=[check(), batch(), batch()])
    assert code == 4
    assert f"promptreel batch get {BATCH} --wait -o 'my out' --videos --name-template '{{id}} {{row}}'" in err


@pytest.mark.usefixtures("file")
def test_it_says_how_many_rows_exist_already(ask: Any) -> None:
    _, _, err, _ = ask("batch", "week.csv", answers=[check(rows=50, made_before=48, failed_before=1), batch()])
    assert "Requested earlier, not paid for again: 48 of 50 rows." in err
    assert "Failed earlier, not run again without `batch retry`: 1 row." in err


@pytest.mark.usefixtures("file")
def test_a_bad_row_is_reported_with_row_and_line_and_nothing_is_sent(ask: Any) -> None:
    bad = check(problem_rows=1, problems=[{"row": 2, "line": 3, "message": "`seed` must be"}])
    code, _, err, wire = ask("batch", "week.csv", answers=[bad])
    assert (code, len(wire.requests)) == (1, 1)
    assert "week.csv:3: row 2: `seed` must be" in err
    assert "Nothing was sent" in err
    code, _, _, wire = ask("batch", "week.csv", "--force", answers=[bad, batch()])
    assert (code, lines(wire)[1]) == (0, "POST /v2/batches?name=week.csv&force=true HTTP/1.1")


@pytest.mark.usefixtures("file")
def test_wrong_rows_are_counted_by_cause_before_they_are_listed(ask: Any) -> None:
    wrong = [{"row": n, "line": n + 1, "message": f"`duration` must be 4, 6 or 8, not {n}."} for n in (1, 2, 3)]
    bad = check(problem_rows=4, problems=[{"row": 9, "line": 10, "message": "`prompt` is missing."}, *wrong])
    _, _, err, _ = ask("batch", "week.csv", answers=[bad])
    assert err.splitlines()[:3] == [
        "3 rows: `duration` must be 4, 6 or 8.",
        "1 row: `prompt` is missing.",
        "week.csv:10: row 9: `prompt` is missing.",
    ]
    _, _, err, _ = ask("batch", "week.csv", answers=[check(problem_rows=1, problems=wrong[:1])])
    assert err.startswith("week.csv:2: row 1: `duration` must be 4, 6 or 8, not 1.")


def test_failed_rows_are_counted_by_cause(ask: Any) -> None:
    rows = [{**ROW, "row": n, "status": "error", "error": "GenerationFailed: no luck."} for n in (1, 2)]
    answers = [batch(), batch("completed"), report(*rows)]
    assert "2 rows: GenerationFailed: no luck.\nrow 1: " in ask("batch", "get", BATCH, "--wait", answers=answers)[2]


@pytest.mark.usefixtures("file")
def test_unchecked_fields_are_passed_on_only_if_told_and_named_before_anything_is_sent(ask: Any) -> None:
    checked = check(unchecked=["n", "response_format"])
    code, _, err, wire = ask("batch", "week.csv", "--unchecked", answers=[checked, batch()])
    assert (code, "Passed to the provider unchecked: n, response_format." in err) == (0, True)
    assert lines(wire) == [
        "POST /v2/batches?name=week.csv&dry_run=true&strict=false HTTP/1.1",
        "POST /v2/batches?name=week.csv&strict=false HTTP/1.1",
    ]
    code, _, err, wire = ask("batch", "week.csv", "--unchecked", "--dry-run", answers=[checked])
    assert (code, "Passed to the provider unchecked: n, response_format." in err) == (0, True)


ELSEWHERE = {"id": OTHER, "name": "last week.csv", "rows": 2}


REPEATS = {"made_elsewhere": ELSEWHERE, "choices": ["reuse", "again"]}
DROPS = {"rows_before": 200, "dropped": 199, "new": 2, "choices": ["again", "replace"]}
CHECK = "POST /v2/batches?name=week.csv&dry_run=true HTTP/1.1"


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("found", "said", "options"),
    [
        (
            REPEATS,
            "Batch last week.csv (cccccccc) already has 2 of 2 rows. New rows: 0 with --reuse, 2 with --again.",
            "--reuse, --again",
        ),
        (
            DROPS,
            "The file drops 199 of 200 rows of batch week.csv. New rows: 2 with --again, 2 with --replace.",
            "--again, --replace",
        ),
        (
            {**DROPS, "made_before": 1, "new": 1},
            "Requested earlier, not paid for again: 1 of 2 rows. New rows: 2 with --again, 1 with --replace.",
            "--again, --replace",
        ),
    ],
    ids=["repeats", "drops", "returns"],
)
def test_a_file_that_repeats_or_drops_most_rows_is_not_sent_without_an_option(
    ask: Any, found: dict[str, Any], said: str, options: str
) -> None:
    code, _, err, wire = ask("batch", "week.csv", answers=[check(**found)])
    assert (code, lines(wire)) == (2, [CHECK])
    shown = " ".join(err.replace("│", " ").split())
    assert said in shown
    assert all(f"{option}: " in shown for option in options.split(", "))
    code, out, _, wire = ask("batch", "week.csv", "--dry-run", answers=[check(**found)])
    assert (code, lines(wire)) == (0, [CHECK])
    assert said in " ".join(out.split())
    assert f"To run it, pass one of {options}." in out


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("unpriced", [0, 2])
def test_a_dry_run_says_that_a_cost_is_unknown(ask: Any, unpriced: int) -> None:
    cost = {"new": 2, "estimated_usd": 10, "at_most_usd": 10, "unpriced": unpriced}
    _, out, _, _ = ask("batch", "week.csv", "--dry-run", answers=[check(**cost)])
    assert ("The cost of 2 rows is unknown" in " ".join(out.split())) == bool(unpriced)


@pytest.mark.usefixtures("file")
def test_a_file_that_is_sent_says_what_its_rows_cost(ask: Any) -> None:
    found = check(new=2, estimated_usd=10, at_most_usd=10)
    _, _, err, _ = ask("batch", "week.csv", answers=[found, batch()])
    assert "New: 2 rows.\nEstimated cost: 10.00 USD, plus AWS charges.\n" in err


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("choice", ["reuse", "again", "replace"])
def test_an_option_is_passed_to_the_deployment_which_names_the_batch(ask: Any, choice: str) -> None:
    there = check(id=OTHER, name="week-2.csv", made_before=2)
    code, _, err, wire = ask("batch", "week.csv", f"--{choice}", answers=[there, batch()])
    assert (code, lines(wire)) == (
        0,
        [
            f"POST /v2/batches?name=week.csv&dry_run=true&existing={choice} HTTP/1.1",
            f"POST /v2/batches?name=week.csv&existing={choice} HTTP/1.1",
        ],
    )
    assert "Sent as batch week-2.csv." in err
    assert "Requested earlier, not paid for again: 2 of 2 rows." in err
    assert ask("batch", "week.csv", "--again", "--replace", answers=[check()])[0] == 2


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("typed", ["reuse", "again", "replace", "?", ""])
def test_on_a_terminal_it_asks(ask: Any, monkeypatch: pytest.MonkeyPatch, typed: str, columns: int) -> None:
    asked: list[str] = []

    def answer(text: str, **_: Any) -> str:
        asked.append(text)
        return f" {typed.upper()} "

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("promptreel.commands.batch.typer.prompt", answer)
    monkeypatch.setenv("COLUMNS", str(columns))
    choices = ["reuse", "again", "replace"]
    first = check(**DROPS | {"made_elsewhere": ELSEWHERE, "choices": choices})
    code, _, err, wire = ask("batch", "week.csv", answers=[first, check(), batch()])
    assert asked == ["reuse or again or replace?"]
    assert "The file drops 199 of 200 rows of batch week.csv.\nBatch last week.csv (cccccccc) already has" in err
    assert all(len(line) <= 40 for line in err.splitlines() if line.startswith("  "))
    if typed in choices:
        assert (code, lines(wire)[-1]) == (0, f"POST /v2/batches?name=week.csv&existing={typed} HTTP/1.1")
    else:
        assert (code, lines(wire)) == (2, [CHECK]), "nothing is sent"


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("columns", [40, 80])
def test_earlier_revisions_are_listed_and_shown(ask: Any, terminal: Callable[[int], None], columns: int) -> None:
    terminal(columns)
    times = {"started_at": "2026-11-23T09:12:00.000Z", "ended_at": None}
    revisions = [{"revision": number, "rows": 200, **times} for number in range(8, 0, -1)]
    listed = json.dumps(
        {"data": [{**json.loads(batch().split(b"\r\n\r\n")[1]), "revision": 8, "revisions": revisions}]}
    )
    _, out, _, _ = ask("batch", "list", answers=[http(200, json.loads(listed))])
    shown = " ".join(out.split())
    assert "revision 7: 200 rows, 2026-11-23 09:12; revision 6: 200 rows" in shown
    assert "revision 8" not in shown
    assert "2 more" in shown
    assert all(len(line) <= columns for line in out.splitlines())
    _, out, _, _ = ask("batch", "get", BATCH, answers=[batch(revision=8, revisions=revisions)])
    assert "earlier  revision 7: 200 rows, 2026-11-23 09:12; " in out


def test_the_report_of_an_earlier_revision_is_asked_for(ask: Any) -> None:
    code, out, _, wire = ask("batch", "report", BATCH, "--revision", "1", answers=[report(ROW)])
    assert (code, lines(wire)) == (0, [f"GET /v2/batches/{BATCH}/report?revision=1 HTTP/1.1"])
    assert "a boat" in out


def test_a_file_in_another_encoding_is_sent_as_utf8_with_its_local_inputs(ask: Any, home: Path) -> None:
    text = "prompt;image_url\nein Café … 5 €;über.png\n"
    (home / "sub").mkdir()
    (home / "sub" / "week.csv").write_bytes(text.encode("cp1252"))
    (home / "sub" / "über.png").write_bytes(b"png")
    code, _, err, wire = ask("batch", "sub/week.csv", "--dry-run", "--encoding", "cp1252", answers=[check()])
    assert code == 0, err
    assert "ein Café … 5 €;upload:".encode() in wire.requests[0]
    assert ask("batch", "sub/week.csv", "--encoding", "cp932", answers=[check()])[0] == 1
    assert ask("batch", "sub/week.csv", "--encoding", "nonsense", answers=[check()])[0] == 1


def test_another_encoding_is_read_without_a_deployment(run: Run, home: Path) -> None:
    (home / "week.csv").write_bytes("prompt\nein Café … 5 €\n".encode("cp1252"))
    assert run("batch", "week.csv", "--dry-run")[0] == 1
    code, out, _ = run("batch", "week.csv", "--dry-run", "--encoding", "cp1252")
    assert (code, out) == (0, "week.csv: 1 row, no problems.\n")


@pytest.mark.parametrize("name", ["week.xlsx", "WEEK.XLS"])
def test_a_workbook_is_answered_with_how_to_save_it(run: Run, home: Path, name: str) -> None:
    (home / name).write_bytes(b"PK")
    code, _, err = run("batch", name)
    assert (code, "save its sheet as CSV UTF-8" in err) == (1, True)


@pytest.mark.parametrize("lines_", [1, 12])
def test_a_text_file_shows_its_number_of_prompts_before_it_is_sent(run: Run, home: Path, lines_: int) -> None:
    (home / "a.txt").write_text("a boat\n" * lines_)
    code, _, err = run("batch", "a.txt")
    assert (code, f"a.txt is a single prompt of {lines_} line" in err) == (1, True)


@pytest.mark.usefixtures("file")
def test_a_dry_run_sends_nothing_and_names_the_batch_of_existing_rows(ask: Any) -> None:
    code, out, _, wire = ask("batch", "week.csv", "--dry-run", answers=[check(made_elsewhere=ELSEWHERE)])
    assert (code, len(wire.requests)) == (0, 1)
    assert out.splitlines() == [
        "week.csv: 2 rows, no problems.",
        "Batch last week.csv (cccccccc) already has 2 of 2 rows.",
        "New: 0 rows.",
    ]


@pytest.mark.usefixtures("file")
def test_a_file_without_a_valid_row_is_not_sent_with_force(ask: Any) -> None:
    wrong = [{"row": row, "line": row + 1, "message": "`duration` must be 4."} for row in (1, 2)]
    for options in ([], ["--force"]):
        code, _, err, wire = ask("batch", "week.csv", *options, answers=[check(problem_rows=2, problems=wrong)])
        assert (code, lines(wire)) == (1, [CHECK])
        assert err.endswith("week.csv: 2 rows, 2 with problems. Nothing was sent: fix the file.\n")


def test_a_dry_run_without_a_deployment_needs_no_aws_and_names_its_models(file: Path) -> None:
    file.write_text("prompt,duration\na boat,99\n")
    block = "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None; "
    program = block + "from promptreel.__main__ import main; sys.exit(main(['batch', 'week.csv', '--dry-run']))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=file.parent, capture_output=True, text=True, check=False, env={"HOME": "/"}
    )
    assert (done.returncode, done.stdout) == (1, "week.csv: 1 row, 1 with a problem.\n"), done.stderr
    assert "week.csv:2: row 1: `duration` must be one of" in done.stderr
    assert "models that this version knows" in done.stderr


@pytest.mark.usefixtures("file")
def test_an_unusable_folder_is_reported_before_anything_is_sent(ask: Any, home: Path) -> None:
    (home / "out").write_text("")
    code, _, err, wire = ask("batch", "week.csv", "-o", "out", answers=[check()])
    assert (code, len(wire.requests), "is a file" in err) == (1, 0, True)
    (home / "out").unlink()
    (home / "out").mkdir()
    (home / "out" / ".promptreel.json").write_text(json.dumps({"batch": OTHER}))
    code, _, err, wire = ask("batch", "week.csv", "-o", "out", answers=[check()])
    assert (code, len(wire.requests), f"contains the results of batch {OTHER}" in err) == (1, 1, True)


@pytest.mark.usefixtures("file")
def test_videos_are_saved_and_a_failed_download_says_how_to_get_it(ask: Any, home: Path) -> None:
    other = {**ROW, "row": 2, "generation_id": OTHER, "prompt": "a kite"}
    with serving(http(200, b"video")) as videos:
        answers: list[Answer] = [check(), batch(), batch("completed"), report(ROW, other), completed(videos.url, 5)]
        answers.append(error(404))
        code, out, err, _ = ask("batch", "week.csv", "--videos", "-o", "out", answers=answers)
    assert (code, out) == (1, "2 of 2 rows completed.\n")
    saved = home / "out" / "00001-a-boat-01234567.mp4"
    assert saved.read_bytes() == b"video"
    assert f"Download it with: promptreel download {OTHER} -o 00002-a-kite-cccccccc.mp4" in err
    assert json.loads(saved.with_name(f"{saved.name}.json").read_text())["id"] == ID
    assert saved.name in (home / "out" / "index.html").read_text()
    assert saved.name in (home / "out" / "report.csv").read_text()


@pytest.mark.parametrize(("content", "code"), [(b"video", 0), (b"other", 1)], ids=["the video", "another file"])
def test_a_video_without_a_sidecar_is_compared_and_not_downloaded_again(
    ask: Any, home: Path, content: bytes, code: int
) -> None:
    """An earlier release saved it, or the command was stopped just after the download."""
    saved = home / "out" / "00001-a-boat-01234567.mp4"
    saved.parent.mkdir()
    saved.write_bytes(content)
    (saved.parent / ".promptreel.json").write_text(json.dumps({"batch": BATCH, "videos": {ID: saved.name}}))
    shown = json.loads(completed("http://127.0.0.1:1/unused", 5).partition(b"\r\n\r\n")[2])
    shown["meta"]["video_sha256"] = hashlib.sha256(b"video").hexdigest()
    answers = [batch("completed"), batch("completed"), report(ROW), http(200, shown)]
    got = ask("batch", "get", BATCH, "--videos", "-o", "out", answers=answers)
    assert (got[0], saved.read_bytes()) == (code, content)
    assert saved.with_name(f"{saved.name}.json").exists() == (code == 0)
    assert ("is another file" in got[2]) == (code == 1)


def test_failed_rows_are_shown_with_the_command_to_retry_them(ask: Any) -> None:
    failed = {**ROW, "status": "error", "error": "GenerationFailed: no"}
    code, out, err, _ = ask(
        "batch", "get", BATCH, "--wait", answers=[batch("completed"), batch("completed"), report(failed)]
    )
    assert (code, out) == (1, "0 of 1 row completed.\n")
    assert "row 1: GenerationFailed: no" in err
    assert f"promptreel batch retry {BATCH} --wait" in err


def test_list_get_report_cancel_and_retry_print_their_results(ask: Any) -> None:
    listed = http(200, {"data": [json.loads(batch().partition(b"\r\n\r\n")[2])], "next_cursor": None})
    assert ask("batch", "list", answers=[listed])[1].split("\t")[:2] == [BATCH, "running"]
    assert "2 queued" in ask("batch", "get", BATCH, answers=[batch()])[1]
    assert json.loads(ask("batch", "get", BATCH, "--json", answers=[batch()])[1])["id"] == BATCH
    assert ask("batch", "report", BATCH, answers=[report(ROW)])[1].split("\t")[:3] == ["1", "completed", ID]
    assert json.loads(ask("batch", "report", BATCH, "--json", answers=[report(ROW)])[1]) == [ROW]
    _, out, _, _ = ask("batch", "cancel", BATCH, answers=[batch("cancelling")])
    assert out.startswith(f"Cancelling batch {BATCH}.")
    code, out, err, wire = ask("batch", "cancel", BATCH, answers=[batch("cancelled")])
    assert (code, lines(wire)) == (0, [f"POST /v2/batches/{BATCH}/cancel HTTP/1.1"])
    assert out == f"Cancelled batch {BATCH}.\n", "no row had completed"
    assert "Still running: 2 rows." in err
    code, out, _, wire = ask("batch", "retry", BATCH, answers=[batch()])
    assert (code, out, lines(wire)) == (0, f"{BATCH}\n", [f"POST /v2/batches/{BATCH}/retry HTTP/1.1"])


def client_of(wire: Wire) -> Client:
    return Client(wire.url, KEY)


def test_an_id_cannot_change_the_path() -> None:
    with serving(batch(), batch()) as wire, client_of(wire) as api:
        api.cancel_batch("../models?" + 22 * "x")
    assert lines(wire) == [
        f"GET /v2/batches?batch_id=..%2Fmodels%3F{22 * 'x'} HTTP/1.1",
        f"POST /v2/batches/{BATCH}/cancel HTTP/1.1",
    ]


def test_an_id_prefix_is_completed_before_a_change() -> None:
    with serving(batch(), batch(), batch(), batch()) as wire, client_of(wire) as api:
        api.cancel_batch(BATCH[:4])
        api.retry_batch(BATCH[:4])
    whole = [f"GET /v2/batches?batch_id={BATCH[:4]} HTTP/1.1", f"POST /v2/batches/{BATCH}/cancel HTTP/1.1"]
    assert lines(wire) == [*whole, whole[0], whole[1].replace("cancel", "retry")]


@pytest.mark.parametrize("name", ["week.csv", "a batch/with ?odd& name and more than 32 characters.csv", BATCH[:1]])
def test_a_name_or_one_digit_is_completed_before_its_rows_are_read(name: str) -> None:
    with serving(batch(), report(ROW)) as wire, client_of(wire) as api:
        assert [row.row for row in api.report(name)] == [1]
    assert lines(wire)[1] == f"GET /v2/batches/{BATCH}/report HTTP/1.1"


def test_waiting_ends_with_the_batch_its_failure_or_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptreel._batches.POLL_SECONDS", 0)
    seen: list[str] = []
    with serving(batch("reading"), error(503), batch(), batch("completed")) as wire, client_of(wire) as api:
        assert api.wait_for_batch(BATCH, 60, lambda found: seen.append(found.status)).status == "completed"
    assert seen == ["reading", "running", "completed"]
    bad = batch("error", error={"name": "InvalidFile", "message": "empty."})
    with serving(bad) as wire, client_of(wire) as api, pytest.raises(BatchFailed, match="InvalidFile: empty"):
        api.wait_for_batch(BATCH)
    with serving(batch()) as wire, client_of(wire) as api, pytest.raises(BatchTimeout):
        api.wait_for_batch(BATCH, 0)


def test_a_large_file_is_uploaded_without_the_key_and_waited_for(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr("promptreel._batches.POLL_SECONDS", 0)
    monkeypatch.setattr("promptreel._batches.MAX_SENT_BYTES", 3)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    with serving(http(204)) as bucket:
        form: dict[str, object] = {
            "id": BATCH,
            "name": "week.csv",
            "upload": {"url": bucket.url, "fields": {"key": "owners/ann/week.csv"}},
        }
        answers = [http(200, form), error(404), error(404), batch("reading"), batch(sha256=sha256)]
        with serving(*answers) as wire, client_of(wire) as api:
            assert api.create_batch(file, max_concurrency=3).sha256 == sha256
            with pytest.raises(ApiError):
                api.check_batch(file)
    assert lines(wire)[0] == "POST /v2/batches?name=week.csv&max_concurrency=3&upload=true HTTP/1.1"
    (uploaded,) = bucket.requests
    assert file.read_bytes() in uploaded
    assert b"owners/ann/week.csv" in uploaded
    assert KEY.encode() not in uploaded


def test_pages_are_followed() -> None:
    pages = [http(200, {"data": [ROW], "next_cursor": "1"}), http(200, {"data": [{**ROW, "row": 2}]})]
    with serving(*pages) as wire, client_of(wire) as api:
        assert [row.row for row in api.report(BATCH)] == [1, 2]
    assert lines(wire)[1] == f"GET /v2/batches/{BATCH}/report?cursor=1 HTTP/1.1"


def test_the_asynchronous_client_has_the_same_calls(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr("promptreel._batches.POLL_SECONDS", 0)
    pages = [http(200, {"data": [ROW], "next_cursor": "1"}), http(200, {"data": [{**ROW, "row": 2}]})]
    listed = http(200, {"data": [json.loads(batch().partition(b"\r\n\r\n")[2])]})

    async def use(url: str) -> list[object]:
        async with AsyncClient(url, KEY) as api:
            seen: list[object] = [(await api.check_batch(file)).rows, (await api.create_batch(file)).id]
            seen.append((await api.wait_for_batch(BATCH, 60)).status)
            seen.append([row.row async for row in api.report(BATCH)])
            seen.append([one.id async for one in api.batches()])
            return [*seen, (await api.cancel_batch(BATCH)).status, (await api.retry_batch(BATCH)).status]

    answers = [check(), batch(), batch(), batch("completed"), *pages, listed, batch("cancelled"), batch()]
    with serving(*answers) as wire:
        assert asyncio.run(use(wire.url)) == [2, BATCH, "completed", [1, 2], [BATCH], "cancelled", "running"]
    calls = {name for name in vars(Batches) if not name.startswith("_")}
    assert calls <= set(vars(AsyncClient))


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_no_number_of_the_progress_is_cut(columns: int) -> None:
    out = io.StringIO()
    progress = _progress(Console(file=out, width=columns, force_terminal=True, color_system=None), is_shown=True)
    counts = "1200 not started, 10 queued, 8 generating, 1770 completed, 12 error"
    progress.add_task(counts, total=3000, completed=1782)
    progress.console.print(progress.get_renderable())
    shown = out.getvalue()
    assert set(counts.replace(",", "").split()) <= set(shown.replace(",", "").split())
    assert ("1782/3000" in shown, "0:00:00" in shown, "…" in shown) == (True, True, False)
