"""Test the command line: its output, its exit codes, and that it never takes a key as an argument."""

import json
import shlex
import signal
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.api_answers import ID, completed, error, failed, generation, shown
from tests.support.wire import Answer, http, reset, serving

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[3]
LINK = "http://127.0.0.1:1/video.mp4"


def sent(ask: Callable[..., object], number: int = 0) -> bytes:
    """Return a request that the API received."""
    requests: list[bytes] = ask.sent  # type: ignore[attr-defined]  # see ask
    return requests[number]


def test_the_version_is_the_one_of_the_project_file(run: Run) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert run("--version") == (0, f"promptreel {project['version']}\n", "")


def test_create_prints_only_the_id_on_stdout(ask: Run) -> None:
    code, out, err = ask("create", "a boat", answers=[shown()])
    assert (code, out) == (0, f"{ID}\n")
    assert f"promptreel get {ID} --wait" in err


def test_the_parameters_of_create_have_the_models_types(ask: Run) -> None:
    named = ["--model", "google/veo3", "--duration", "8", "--aspect-ratio", "9:16", "--negative-prompt", "rain"]
    given = ["--seed", "7", "--param", "generate_audio=false", "--param", "resolution=720P", "--param", 'note="5"']
    ask("create", "a boat", *named, *given, "--idempotency-key", "k1", answers=[shown()])
    head, _, body = sent(ask).partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "model": "google/veo3",
        "prompt": "a boat",
        "duration": 8,
        "aspect_ratio": "9:16",
        "negative_prompt": "rain",
        "seed": 7,
        "generate_audio": False,
        "resolution": "720P",
        "note": "5",
    }
    assert b"Idempotency-Key: k1\r\n" in head


def test_waiting_prints_the_link_on_stdout_and_the_progress_on_stderr(ask: Run) -> None:
    code, out, err = ask("create", "a boat", "--wait", answers=[shown(), shown("generating"), completed(LINK, 4)])
    assert (code, out) == (0, f"{LINK}\n")
    assert [line.split()[-1] for line in err.splitlines()[1:]] == ["generating", "completed"]
    assert "\x1b" not in out + err


def test_an_output_file_implies_waiting(ask: Run, home: Path) -> None:
    with serving(http(200, b"film")) as cdn:
        answer = completed(cdn.url, 4)
        code, out, _ = ask("create", "a boat", "-o", "boat.mp4", answers=[shown(), answer])
    assert (code, out, (home / "boat.mp4").read_bytes()) == (0, "boat.mp4\n", b"film")


@pytest.mark.parametrize("path", ["mine.mp4", "nowhere/boat.mp4"])
def test_an_unwritable_file_is_reported_before_anything_is_paid(ask: Run, home: Path, path: str) -> None:
    (home / "mine.mp4").write_text("mine")
    code, _, err = ask("create", "a boat", "-o", path, answers=[shown()])
    assert code == 1
    assert path.split("/", maxsplit=1)[0] in err
    assert ask.sent == []  # type: ignore[attr-defined]  # see ask


def test_a_failed_generation_is_exit_code_1_with_its_reason(ask: Run) -> None:
    code, out, err = ask("get", ID, "--wait", answers=[failed()])
    assert (code, out) == (1, "")
    assert "failed: GenerationFailed: no luck. Nothing was charged. Try again" in err


def test_a_failed_generation_is_also_reported_as_json(ask: Run) -> None:
    code, out, _ = ask("get", ID, "--wait", "--json", answers=[failed()])
    assert code == 1
    assert json.loads(out)["error"]["name"] == "GenerationFailed"


def test_an_error_of_the_api_is_exit_code_1(ask: Run) -> None:
    code, _, err = ask("create", "a boat", answers=[error(400, "`duration` must be one of 5, 6.")])
    assert (code, err) == (1, "`duration` must be one of 5, 6 (HTTP 400).\n")


def test_a_key_that_is_not_valid_is_exit_code_3(ask: Run) -> None:
    assert ask("list", answers=[error(401)])[0] == 3


def test_no_configuration_is_exit_code_3(run: Run) -> None:
    code, out, err = run("list")
    assert (code, out) == (3, "")
    assert "PROMPTREEL_URL" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["nonsense"],
        ["list", "--status", "done"],
        ["create", "x", "--param", "seed"],
        ["--local", "--url", "https://x", "list"],
        ["--local", "--stage", "prod", "list"],
        ["delete", ID],
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_a_timeout_is_exit_code_4_and_says_how_to_continue(ask: Run) -> None:
    code, _, err = ask("get", ID, "--wait", "--timeout", "0", answers=[shown("generating")])
    assert code == 4
    assert f"Continue waiting with: promptreel get {ID} --wait" in err


def test_an_interrupt_leaves_the_job_running_and_says_how_to_continue(ask: Run) -> None:
    def interrupt(_: object) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        code, _, err = ask("create", "x", "-o", "a b.mp4", answers=[shown(), shown("generating"), interrupt])
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert code == 130
    assert f"continues. Continue waiting with: promptreel download {ID} --wait -o 'a b.mp4'" in err
    assert "Traceback" not in err


def test_a_create_that_may_have_arrived_says_how_to_repeat_it(ask: Run) -> None:
    code, _, err = ask("create", "a boat", "--idempotency-key", "k1", answers=[reset])
    assert code == 1
    assert "repeat it with the idempotency key k1" in err


def test_a_piped_list_is_tab_separated_and_complete(ask: Run) -> None:
    prompt = "a very long prompt\twith\na tab and \x1b[31mcolours " + "x" * 200
    page = http(200, {"data": [generation(prompt=prompt)], "next_cursor": None})
    code, out, _ = ask("list", answers=[page])
    expected = prompt.replace("\t", " ").replace("\n", " ").replace("\x1b", " ")
    assert (code, out) == (0, f"{ID}\tqueued\tveo2\t2026-01-01 12:00\t{expected}\t\n")


def test_a_list_stops_at_its_limit(ask: Run) -> None:
    page = http(200, {"data": [generation(), generation()], "next_cursor": "more"})
    assert len(ask("list", "--limit", "3", answers=[page])[1].splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "answers"),
    [
        (["create", "x"], [shown()]),
        (["create", "x", "--wait"], [shown(), completed(LINK, 1)]),
        (["get", ID], [shown()]),
        (["list"], [http(200, {"data": [generation()], "next_cursor": None})]),
        (["models"], [http(200, {"data": [{"id": "m", "title": "M"}]})]),
        (["models", "m"], [http(200, {"data": [{"id": "m", "title": "M"}]}), http(200, {"id": "m", "title": "M"})]),
        (["cancel", ID], [shown(), failed("Cancelled")]),
        (["delete", ID, "--yes"], [failed(), http(200, {"id": ID, "deleted": True})]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else "",
)
def test_stdout_contains_only_json_for_programs(ask: Run, arguments: list[str], answers: list[Answer]) -> None:
    code, out, _ = ask(*arguments, "--json", answers=answers)
    assert code == 0
    assert json.loads(out)


def test_cancel_repeats_the_apis_message_about_charges(ask: Run) -> None:
    _, out, _ = ask("cancel", ID, answers=[shown(), failed("Cancelled", "The provider may still charge.")])
    assert out == f"{ID}: The provider may still charge.\n"


def listed(*models: tuple[str, str, str, str], next_cursor: str | None = None) -> Answer:
    """Return a page of models: id, title, vendor, kind."""
    data = [dict(zip(("id", "title", "vendor", "kind"), model, strict=True)) for model in models]
    return http(200, {"data": data, "next_cursor": next_cursor})


ONE, TWO, THREE = (
    ("b/one", "B 1, text to video", "bee", "text-to-video"),
    ("a/two", "A 2, image to video", "ant", "image-to-video"),
    ("a/three", "A 3, text to video", "ant", "text-to-video"),
)


def test_a_models_parameters_are_shown_from_its_schema_with_an_example(ask: Run) -> None:
    properties = {
        "model": {"const": "m"},
        "prompt": {"type": "string", "description": "What it shows."},
        "duration": {"enum": [5, 6, "5", "6"], "default": 5},
        "sound": {"type": "boolean", "default": True},
        "note": {"type": ["string", "null"]},
        "image_url": {"type": "string", "pattern": "^(https?://[!-~]+|data:[!-~]+)$"},
        "strength": {"type": "number", "minimum": 0, "maximum": 1},
        "frames": {"type": "integer", "minimum": 2},
        "elements": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string", "maxLength": 9}},
            },
        },
        "camera": {"type": "object", "properties": {"zoom": {"type": "number", "default": 1}}},
    }
    example = {"model": "m", "prompt": "It's a\n\n boat", "duration": 5, "note": "a b", "urls": ["it's"]}
    schema = {"required": ["model", "prompt"], "properties": properties, "examples": [example]}
    answers = [listed(("m", "M", "v", "text-to-video")), http(200, {"id": "m", "title": "M", "schema": schema})]
    _, out, err = ask("models", "m", answers=answers)
    assert out.splitlines() == [
        "prompt\tstring\trequired\tWhat it shows.",
        "duration\t5, 6\t5\t",
        "sound\tboolean\ttrue\t",
        "note\tstring or null\t\t",
        "image_url\tURL or file\t\t",
        "strength\tnumber from 0 to 1\t\t",
        "frames\tinteger from 2\t\t",
        "elements\tlist of object to 3\t\t",
        "elements[].text\tstring of at most 9\trequired\t",
        "camera\tobject\t\t",
        "camera.zoom\tnumber\t1\t",
    ]
    command = err.splitlines()[-1]
    assert shlex.split(command) == [
        *("promptreel", "create", "It's a boat", "--model", "m", "--param", "duration=5", "--param", "note=a b"),
        *("--param", r'urls=["it\u0027s"]'),
    ]
    assert "'\"'\"'" not in command


def test_a_models_usual_time_is_shown_if_known(ask: Run) -> None:
    takes = {"median_seconds": 44.6, "slowest_tenth_seconds": 70.2, "jobs": 100}
    one: dict[str, object] = {"id": "m", "title": "M", "takes": takes}
    answer = http(200, {"data": [one, {"id": "n", "title": "N", "takes": None}]})
    assert ask("models", answers=[answer])[1].splitlines() == ["m\tM\t\t\t45 s, one in ten 70 s or more", "n\tN\t\t\t"]
    answers = [http(200, {"data": [one]}), http(200, one)]
    assert json.loads(ask("models", "m", "--json", answers=answers)[1])["takes"] == takes


def test_a_model_without_a_prompt_is_shown_and_used_without_one(ask: Run) -> None:
    schema = {"required": ["model"], "properties": {"model": {"const": "m"}}, "examples": [{"model": "m"}]}
    answers = [listed(("m", "M", "v", "image-to-video")), http(200, {"id": "m", "title": "M", "schema": schema})]
    err = ask("models", "m", answers=answers)[2]
    assert "The prompt is optional." in err
    assert err.splitlines()[-1] == "promptreel create --model m"
    code, _, _ = ask("create", "--model", "m", answers=[shown()])
    assert code == 0
    assert json.loads(sent(ask).partition(b"\r\n\r\n")[2]) == {"model": "m"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], [TWO, THREE, ONE]),
        (["text"], [THREE, ONE]),
        (["ANT"], [TWO, THREE]),
        (["ant", "text-to-video"], [THREE]),
        (["one"], [ONE]),
    ],
)
def test_models_are_searched_and_listed_by_vendor(
    ask: Run, words: list[str], found: list[tuple[str, str, str, str]]
) -> None:
    pages = [listed(ONE, TWO, next_cursor="a/two"), listed(THREE)]
    _, out, _ = ask("models", *words, answers=pages)
    assert [tuple(line.split("\t")) for line in out.splitlines()] == [(*one, "") for one in found]


def test_a_search_without_results_is_reported(ask: Run) -> None:
    code, _, err = ask("models", "nope", answers=[listed(ONE)])
    assert (code, "Model 'nope' does not exist" in err) == (1, True)


def test_doctor_without_aws_checks_the_api_and_the_key(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    models = http(200, {"data": [{"id": "m", "title": "M"}]})
    code, out, _ = ask("doctor", answers=[http(200, {"status": "ok"}), models])
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["ok", "ok", "warning"]


def test_doctor_exits_with_1_if_something_is_broken(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    code, out, _ = ask("doctor", "--json", answers=[http(503), error(401)])
    assert code == 1
    assert [finding["verdict"] for finding in json.loads(out)] == ["problem", "problem", "warning"]


@pytest.mark.parametrize("command", [("get", ID), ("get", ID, "--wait")])
def test_a_long_link_is_a_short_command_on_a_terminal(
    ask: Run, terminal: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    url = f"{LINK}?Signature={'s' * 200}"
    answers = [completed(url, 4)]
    assert url in ask(*command, answers=answers)[1], "a pipe gets the link"
    terminal(80)
    out = ask(*command, answers=answers)[1]
    assert f"\x1b]8;;{url}\x1b\\promptreel open {ID[:8]}\x1b]8;;\x1b\\\n" in out
    monkeypatch.setenv("TERM", "dumb")
    assert f"{url}\n" in ask(*command, answers=answers)[1]
