"""Test create: sources of its prompt, several videos of one prompt, and the progress display."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import errors
from promptreel.errors import PromptreelError
from tests.support.api_answers import ID, completed, error, failed, generation, shown
from tests.support.wire import Answer, http, reset, serving

Run = Callable[..., tuple[int, str, str]]
OTHER = "f" * 32


def asked(ask: Callable[..., object]) -> list[dict[str, Any]]:
    """Return the bodies of the requests for videos, each with its key."""
    requests: list[bytes] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    found = []
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"POST "):
            key = next(line for line in head.decode().split("\r\n") if line.startswith("Idempotency-Key: "))
            found.append({**json.loads(body), "key": key.split(": ")[1]})
    return found


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))


def test_a_dash_reads_the_prompt_from_stdin(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "\ufeffa böat\nat dusk\n".encode())
    assert ask("create", "-", answers=[shown()])[0] == 0
    assert asked(ask)[0]["prompt"] == "a böat\nat dusk"


def test_an_at_sign_reads_the_prompt_from_a_file(ask: Run, home: Path) -> None:
    (home / "prompt.txt").write_text("a boat\n")
    ask("create", "@prompt.txt", answers=[shown()])
    assert asked(ask)[0]["prompt"] == "a boat"


@pytest.mark.parametrize("given", ["@nowhere.txt", "@", "@.", "@empty.txt", "@binary.txt", "@huge.txt", "-"])
def test_a_prompt_that_cannot_be_read_is_wrong_usage_and_sends_nothing(
    ask: Run, home: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    stdin(monkeypatch, b" \n")
    (home / "empty.txt").write_text("\n")
    (home / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (home / "huge.txt").write_text("x" * 300_000)
    code, _, err = ask("create", given, answers=[shown()])
    assert (code, asked(ask), "PROMPT" in err) == (2, [], True)


@pytest.mark.parametrize(("given", "query"), [((), b"?strict=true"), (("--unchecked",), b"")], ids=["", "told"])
def test_unknown_parameters_are_rejected_unless_told_otherwise(ask: Run, given: tuple[str, ...], query: bytes) -> None:
    command = ("create", "x", "--param", "colour=red", *given)
    assert ask(*command, answers=[shown()])[0] == 0
    [request] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    assert request.split()[1] == b"/v2/video/generations" + query
    cost = {"usd": 0.5, "at_most_usd": 5.0, "basis": "price", "unchecked": ["colour"], "refused": None}
    code, out, _ = ask(*command, "--dry-run", answers=[http(200, cost)])
    said = "0.50 USD, based on the provider's price; 5.00 USD reserved, because colour is unchecked\n"
    assert (code, out) == (0, said)
    [request] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    assert request.split()[1] == b"/v2/estimates" + query


def test_tags_are_sent_separately_and_shown(ask: Run) -> None:
    tagged = generation()
    tagged["meta"]["tags"] = ["project=boats", "draft"]
    ask("create", "x", "--tag", "project=boats", "--tag", "draft", answers=[http(200, tagged)])
    [request] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    assert request.split()[1].endswith(b"?strict=true&tag=project%3Dboats%2Cdraft")
    assert "tags" not in asked(ask)[0]
    assert "tags     project=boats, draft\n" in ask("get", ID, answers=[http(200, tagged)])[1]


def test_several_videos_get_separate_keys_that_a_repeated_command_reuses(ask: Run) -> None:
    code, out, err = ask("create", "x", "--count", "3", "--idempotency-key", "k", answers=[shown()])
    assert (code, out) == (0, f"{ID}\n" * 3)
    assert [one["key"] for one in asked(ask)] == ["k-1", "k-2", "k-3"]
    again = "To continue without paying twice, repeat the command with --idempotency-key k.\n"
    assert err == f"3 of 3 videos requested. {again}"


def test_several_videos_without_a_key_get_generated_keys_that_are_shown(ask: Run) -> None:
    _, _, err = ask("create", "x", "--count", "2", answers=[shown()])
    first, second = [one["key"] for one in asked(ask)]
    assert first != second
    assert f"--idempotency-key {first.removesuffix('-1')}." in err


def test_one_video_is_created_per_seed(ask: Run) -> None:
    ask("create", "x", "--seeds", "3-5, 9,4", "--idempotency-key", "k", answers=[shown()])
    assert [(one["seed"], one["key"]) for one in asked(ask)] == [(3, "k-3"), (4, "k-4"), (5, "k-5"), (9, "k-9")]


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--seeds", text] for text in ("", "a", "4-1", "1-", "-3", "1-101", "0-60,100-160", "1..3")),
        *(["--count", text] for text in ("0", "101", "-1", "x")),
        ["--count", "2", "--seeds", "1-2"],
        ["--count", "2", "--seed", "1"],
        ["--seeds", "1", "--seed", "1"],
    ],
    ids=" ".join,
)
def test_a_wrong_number_is_wrong_usage_and_sends_nothing(ask: Run, arguments: list[str]) -> None:
    assert ask("create", "x", *arguments, answers=[shown()])[0] == 2
    assert asked(ask) == []


def test_several_videos_are_saved_in_separate_files(ask: Run, home: Path) -> None:
    with serving(http(200, b"film")) as cdn:
        done = completed(cdn.url, 4)
        code, out, err = ask(
            "create", "x", "--seeds", "1,7", "-o", "boat.mp4", answers=[shown(), shown(), done, done, done, done]
        )
    assert (code, out) == (0, "boat-1.mp4\nboat-7.mp4\n")
    assert sorted(file.name for file in home.glob("*.mp4")) == ["boat-1.mp4", "boat-7.mp4"]
    assert err.endswith("2 of 2 videos completed.\n")


def test_a_video_in_another_container_gets_its_suffix(ask: Run, home: Path) -> None:
    with serving(*[http(200, b"film")] * 3) as cdn:
        done = completed(cdn.url, 4, "webm")
        assert ask("download", ID, answers=[done])[:2] == (0, f"a-boat-{ID[:8]}.webm\n")
        assert ask("download", ID, "--wait", answers=[shown(), done])[:2] == (1, "")
        (home / f"a-boat-{ID[:8]}.webm").unlink()
        assert ask("download", ID, "--wait", answers=[shown(), done])[:2] == (0, f"a-boat-{ID[:8]}.webm\n")
    assert [file.name for file in home.glob("a-boat*")] == [f"a-boat-{ID[:8]}.webm"]


@pytest.mark.parametrize("several", [[], ["--count", "1"]], ids=["one", "several"])
def test_a_given_file_name_is_used_with_a_warning_about_its_suffix(ask: Run, home: Path, several: list[str]) -> None:
    path = "boat-1.mp4" if several else "boat.mp4"
    with serving(*[http(200, b"film")] * 2) as cdn:
        done = completed(cdn.url, 4, "webm")
        code, out, err = ask("create", "x", *several, "-o", "boat.mp4", answers=[shown(), done, done])
    assert (code, out, (home / path).read_bytes()) == (0, f"{path}\n", b"film")
    assert f"{path} contains video/webm" in err


def test_an_unwritable_file_of_several_is_reported_before_anything_is_paid(ask: Run, home: Path) -> None:
    (home / "boat-2.mp4").touch()
    code, _, err = ask("create", "x", "--count", "2", "-o", "boat.mp4", answers=[shown()])
    assert (code, asked(ask), "boat-2.mp4 already exists" in err) == (1, [], True)


def test_a_folder_as_output_is_reported_before_anything_is_paid(ask: Run, home: Path) -> None:
    (home / "videos").mkdir()
    code, _, err = ask("create", "x", "-o", "videos", "--force", answers=[shown()])
    assert (code, asked(ask), "is a folder" in err) == (1, [], True)


def test_one_failure_of_several_does_not_hide_the_others(ask: Run) -> None:
    """The second gets no response, the third fails."""
    lost: list[Answer] = [reset] * 4
    answers = [shown(), *lost, shown(id=OTHER), completed("http://127.0.0.1:1/v", 1), failed()]
    code, out, err = ask("create", "x", "--count", "3", "--wait", "--idempotency-key", "k", answers=answers)
    assert (code, out) == (1, "http://127.0.0.1:1/v\n")
    assert "2: " in err
    assert "idempotency key k-2" in err
    assert "failed: GenerationFailed" in err
    assert "1 of 3 videos completed. To continue without paying twice, repeat the command with --idempotency" in err


def test_an_error_common_to_all_is_requested_once(ask: Run) -> None:
    code, _, err = ask("create", "x", "--count", "3", answers=[error(400, "`duration` must be one of 5.")])
    assert (code, len(asked(ask)), err) == (1, 1, "`duration` must be one of 5 (HTTP 400).\n")
    assert ask("create", "x", "--count", "3", answers=[error(401)])[0] == 3


def test_one_rejected_request_does_not_hide_the_others(ask: Run) -> None:
    refused = error(400, "`seed` must be smaller.")
    code, out, err = ask("create", "x", "--seeds", "1-3", answers=[shown(), refused, shown()])
    assert (code, out, "2: `seed` must be smaller" in err, "2 of 3 videos requested." in err) == (
        1,
        f"{ID}\n" * 2,
        True,
        True,
    )


def test_several_videos_are_a_json_array_and_their_cost_is_shown(ask: Run) -> None:
    meta = {"usage": {"credits_used": 1_000_000}}
    done = shown("completed", video={"url": "http://127.0.0.1:1/v"}, meta=meta)
    answers = [shown(), error(500), error(500), error(500), error(500), done]
    code, out, err = ask("create", "x", "--count", "2", "--wait", "--json", answers=answers)
    assert code == 1
    assert [one["status"] for one in json.loads(out)] == ["completed", "error"]
    assert "1 of 2 videos completed, 0.50 USD in total." in err


def test_a_timeout_of_several_videos_is_exit_code_4(ask: Run) -> None:
    code, _, err = ask("create", "x", "--count", "2", "--wait", "--timeout", "0", answers=[shown()])
    assert (code, err.count(f"Continue waiting with: promptreel get {ID} --wait")) == (4, 2)


def test_waiting_shows_the_position_in_the_queue(ask: Run) -> None:
    queue = [shown(meta={"ahead": ahead, "stage": "queued"}) for ahead in (100, 3)]
    _, _, err = ask("get", ID, "--wait", answers=[queue[0], *queue, shown("generating"), completed("u", 1)])
    assert "queued, 100 or more before it" in err


def test_waiting_shows_which_video_it_waits_for(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # the line is not wrapped
    waits = shown(meta={"ahead": None, "waits_for": ["a" * 32], "stage": "queued"})
    _, _, err = ask("get", ID, "--wait", answers=[waits, waits, shown("generating"), completed("u", 1)])
    assert f"queued, for the video of {'a' * 32}" in err
    assert f"waits    for the video of {'a' * 32}" in ask("get", ID, answers=[waits])[1]


def test_waiting_shows_that_it_waits_for_credits(ask: Run) -> None:
    waits = shown(meta={"ahead": None, "waits_for_credits": True, "stage": "queued"})
    _, _, err = ask("get", ID, "--wait", answers=[waits, waits, shown("generating"), completed("u", 1)])
    assert "queued, for credits in the provider account" in err
    assert "waits    for credits in the provider account" in ask("get", ID, answers=[waits])[1]


def test_waiting_on_a_terminal_shows_the_usual_time(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    takes = {"median_seconds": 44.6, "slowest_tenth_seconds": 61, "jobs": 50}
    model = http(200, {"id": "veo2", "title": "Veo 2", "takes": takes})
    _, _, err = ask("get", ID, "--wait", answers=[shown(), model, completed("u", 1)])
    assert "veo2 usually takes 45 s, one in ten 61 s or more." in err
    steady = http(200, {"id": "veo2", "title": "Veo 2", "takes": takes | {"slowest_tenth_seconds": 45.4}})
    _, _, err = ask("get", ID, "--wait", answers=[shown(), steady, completed("u", 1)])
    assert "veo2 usually takes 45 s." in err
    for unknown in (http(200, {"id": "veo2", "title": "Veo 2", "takes": None}), error(404)):
        code, _, err = ask("get", ID, "--wait", answers=[shown(), unknown, completed("u", 1)])
        assert (code, "usually" in err) == (0, False)


def test_a_notification_needs_a_terminal_and_implies_waiting(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [shown(), shown("generating"), completed("http://127.0.0.1:1/v", 1)]
    _, out, err = ask("create", "x", "--notify", answers=answers)
    assert (out, "\a" in err) == ("http://127.0.0.1:1/v\n", False)
    monkeypatch.setattr("promptreel.commands.output.sys.stderr.isatty", lambda: True)
    model = http(200, {"id": "veo2", "title": "Veo 2"})  # a terminal also shows how long it takes
    _, _, err = ask("create", "x", "--notify", answers=[answers[0], model, *answers[1:]])
    assert err.endswith(f"\x1b]9;Promptreel: {ID[:8]} completed\a\a")
    _, _, err = ask("get", ID, "--notify", answers=[failed()])
    assert f"\x1b]9;Promptreel: {ID[:8]} failed\a\a" in err


def test_a_failure_says_what_to_do_about_it(ask: Run) -> None:
    remedy = str(errors.remedy("VideoInvalid", ID))
    _, _, err = ask("get", ID, "--wait", answers=[failed("VideoInvalid")])
    assert err.endswith(f"no luck. {remedy}\n")
    _, out, _ = ask("get", ID, answers=[failed("VideoInvalid")])
    assert f"remedy   {remedy}\n" in out


def test_suggested_commands_keep_the_current_options(ask: Run) -> None:
    _, out, _ = ask("--stage", "my prod", "get", ID, answers=[failed("ProviderKeyRejected")])
    assert "`promptreel --stage 'my prod' secret set`" in out
    assert f"`promptreel --stage 'my prod' rescue {ID}`" in out


def test_a_response_without_a_remedy_is_accepted(ask: Run) -> None:
    answer = shown("error", error={"name": "GenerationFailed", "message": "no luck."})
    assert "remedy" not in ask("get", ID, answers=[answer])[1]


def test_an_id_prefix_becomes_the_whole_id(ask: Run, home: Path) -> None:
    with serving(http(200, b"film")) as cdn:
        ask("download", ID[:5], answers=[completed(cdn.url, 4)])
    assert (home / f"a-boat-{ID[:8]}.mp4").exists()
    code, out, _ = ask("delete", ID[:5], "--yes", answers=[failed(), failed(), http(200, {"id": ID, "deleted": True})])
    assert (code, out) == (0, f"Deleted generation {ID}.\n")


def test_errors_of_the_package_are_all_exported() -> None:
    import promptreel  # noqa: PLC0415 - as a user does
    from promptreel import errors  # noqa: PLC0415

    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    public = {name for name, kind in kinds.items() if issubclass(kind, PromptreelError)}
    assert {name for name in public if not name.startswith("_")} <= set(promptreel.__all__)
