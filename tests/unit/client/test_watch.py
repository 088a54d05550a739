"""Test watch: every change is shown once, in few calls, through faults, and it ends cleanly."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from promptreel import ApiError, ConnectionFailed
from tests.support.api_answers import KEY, generation

Run = Callable[..., tuple[int, str, str]]
START = datetime.now(UTC) - timedelta(hours=1)
EVIL = "\x1b[31mA boat\r\n\x9b2J\u202e"


@dataclass
class Api:
    """An API with generations, and a script of what happens between the polls."""

    generations: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    script: list[Callable[[], object]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    polls: list[int] = field(default_factory=list)  # the number of calls at the end of each
    fault: Exception | None = None

    def add(self, status: str = "queued", after: float = 0, **fields: Any) -> str:
        which = f"{len(self.generations):08x}" + "0" * 24
        one = generation(status, id=which, **fields)
        at = START + timedelta(seconds=len(self.generations) + after)
        one["meta"]["created_at"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.generations[which] = one
        return which

    def change(self, which: list[str], status: str, **fields: Any) -> Any:
        for name in which:
            one = self.generations[name]
            self.generations[name] = {**one, "status": status, "meta": {**one["meta"], "stage": status}, **fields}

    def call(self, method: str, path: str, *, params: dict[str, Any] | None = None, **__: Any) -> Any:
        self.calls.append({"method": method, "path": path, **(params or {})})
        if self.fault:
            raise self.fault
        if path == "/v2/batches":
            return {"data": self.batches, "next_cursor": None}
        asked = params or {}
        assert (method, "generation_id" in asked) == ("GET", False), "a fetch would tell that its caller knows it"
        found = sorted(self.generations.values(), key=lambda one: one["meta"]["created_at"], reverse=True)
        found = [one for one in found if self._is_wanted(one, asked)]
        first = int(asked.get("cursor") or 0)
        end = first + int(asked["limit"])
        return {"data": found[first:end], "next_cursor": str(end) if end < len(found) else None}

    def _is_wanted(self, one: dict[str, Any], asked: dict[str, Any]) -> bool:
        created = datetime.fromisoformat(one["meta"]["created_at"])
        return (
            asked.get("status") in (None, one["status"])
            and created >= datetime.fromisoformat(asked["created_after"])
            and ("created_before" not in asked or created < datetime.fromisoformat(asked["created_before"]))
        )

    def sleep(self, _: float) -> None:
        self.polls.append(len(self.calls))
        if not self.script:
            raise KeyboardInterrupt
        self.script.pop(0)()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setenv("PROMPTREEL_URL", "https://api.example")
    monkeypatch.setenv("PROMPTREEL_API_KEY", KEY)
    monkeypatch.setattr("promptreel._http.Http.call", api.call)
    monkeypatch.setattr("promptreel.commands.watch.time", SimpleNamespace(sleep=api.sleep))
    return api


def nothing() -> None:
    """Let a poll pass."""


def changes(out: str) -> list[tuple[int, str]]:
    """Return the number of the generation and the status in each line."""
    lines = [line.split("\t") for line in out.splitlines()]
    return [(int(which[:8], 16), status) for _, which, status, *_ in lines]


def test_a_pipe_gets_one_line_for_each_change_and_none_for_the_past(api: Api, run: Run) -> None:
    api.add("completed")
    a, b = api.add(prompt=EVIL), api.add("generating")
    why = {"name": "GenerationFailed", "message": "no luck.", "remedy": None}
    api.script = [
        nothing,
        lambda: api.change([a], "generating"),
        lambda: api.change([b], "completed"),
        lambda: (api.add(), api.change([a], "error", error=why)),
        nothing,
    ]
    code, out, err = run("watch")
    assert changes(out) == [
        (1, "queued"),
        (2, "generating"),
        (1, "generating"),
        (2, "completed"),
        (1, "error"),
        (3, "queued"),
    ]
    assert (code, err) == (130, "Stopped watching. Your generations continue.\n")
    first, *_, failed, _ = out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.split("\t")[0])
    assert first.split("\t")[3:] == ["veo2", " [31mA boat   2J ", ""]
    assert failed.endswith("\tGenerationFailed: no luck.")


def test_a_generation_that_starts_and_ends_between_two_polls_is_shown(api: Api, run: Run) -> None:
    api.add("completed")
    api.script = [lambda: api.add("error", error={"name": "InputUnavailable", "message": "gone."}), nothing]
    assert changes(run("watch")[1]) == [(1, "error")]


def test_a_deleted_generation_is_shown_as_deleted(api: Api, run: Run) -> None:
    one = api.add()
    api.script = [lambda: api.generations.pop(one), nothing]
    assert changes(run("watch")[1]) == [(0, "queued"), (0, "deleted")]


def test_many_running_generations_take_few_calls_and_none_of_their_ends_is_lost(api: Api, run: Run) -> None:
    many = [api.add("generating") for _ in range(450)]
    api.script = [
        nothing,
        lambda: api.change(many[::2], "completed"),
        *[nothing] * 5,
        lambda: api.change(many, "completed"),
        *[nothing] * 5,
    ]
    _, out, _ = run("watch", "--until-idle")
    assert sorted(changes(out)) == sorted([(n, s) for n in range(450) for s in ("generating", "completed")])
    calls = [end - start for start, end in zip(api.polls, api.polls[1:], strict=False)]
    assert max(calls) <= 7


def test_the_oldest_generations_of_a_long_queue_are_followed_when_newer_ones_arrive(api: Api, run: Run) -> None:
    old = [api.add() for _ in range(90)]
    api.script = [
        lambda: [api.add() for _ in range(90)],  # the page of queued generations has no room for the old ones now
        lambda: api.change(old[:4], "generating"),
        lambda: api.change(old[:4], "completed"),
        nothing,
    ]
    _, out, _ = run("watch")
    assert [status for number, status in changes(out) if number < 4] == ["queued"] * 4 + ["generating"] * 4 + [
        "completed"
    ] * 4


@pytest.mark.parametrize("fault", [ConnectionFailed("down."), ApiError(503, "busy"), ApiError(429, "slow")], ids=str)
def test_a_fault_loses_no_change_and_is_told_once(api: Api, run: Run, fault: Exception) -> None:
    one = api.add()

    def begin() -> None:
        api.fault = fault
        api.change([one], "generating")

    def end() -> None:
        api.fault = None

    api.script = [begin, nothing, end, nothing]
    _, out, err = run("watch")
    assert changes(out) == [(0, "queued"), (0, "generating")]
    assert err.splitlines()[:2] == ["The API cannot be reached. Trying again.", "The API answers again."]
    assert len(err.splitlines()) == 3


def test_an_error_that_will_not_pass_ends_it(api: Api, run: Run) -> None:
    api.add()

    def revoke() -> None:
        api.fault = ApiError(401, "no key")

    api.script = [revoke, nothing]
    code, _, err = run("watch")
    assert (code, err) == (1, "no key (HTTP 401).\n")


def test_a_first_poll_that_fails_is_an_error_and_not_waited_for(api: Api, run: Run) -> None:
    api.fault = ConnectionFailed("https://api.example cannot be reached.")
    assert run("watch") == (1, "", "https://api.example cannot be reached.\n")


def test_until_idle_waits_for_batches_that_still_start_rows(api: Api, run: Run) -> None:
    running = {"id": "b4" * 16, "name": "week.csv", "status": "running"}
    api.batches = [running]

    def ended() -> None:
        api.batches = [{**running, "status": "completed"}]

    api.script = [nothing, nothing, api.add, lambda: api.change([f"{0:032x}"], "completed"), ended, nothing]
    code, out, _ = run("watch", "--until-idle")
    assert (code, changes(out), api.script) == (0, [(0, "queued"), (0, "completed")], [])


def test_until_idle_fails_if_a_generation_failed(api: Api, run: Run) -> None:
    one = api.add()
    api.script = [lambda: api.change([one], "error", error={"name": "GenerationFailed", "message": "no."}), nothing]
    assert run("watch", "--until-idle")[0] == 1


def test_json_is_a_line_for_each_change(api: Api, run: Run) -> None:
    one = api.add()
    api.script = [lambda: api.change([one], "completed"), nothing]
    _, out, _ = run("watch", "--json")
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["queued", "completed"]


def test_several_ends_are_one_notification(api: Api, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ids = [api.add(prompt=EVIL) for _ in range(4)]
    api.script = [
        lambda: (api.change(ids[:2], "completed"), api.change(ids[2:3], "error")),
        lambda: api.change(ids[3:], "completed"),
        nothing,
    ]
    _, _, err = run("watch", "--notify")
    assert re.findall(r"\x1b\]9;([^\a]*)\a\a", err) == [
        "Promptreel: 2 videos completed, 1 failed",
        "Promptreel: 00000003 completed",
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_a_terminal_shows_what_runs_and_keeps_what_ended(
    api: Api, run: Run, terminal: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    terminal(width)
    monkeypatch.setenv("LINES", "12")
    ids = [api.add("generating", prompt=EVIL * 40) for _ in range(30)]
    why = {"name": "ProviderKeyRejected", "message": EVIL * 20}
    api.script = [
        lambda: (api.change(ids[:1], "completed"), api.change(ids[1:2], "error", error=why)),
        lambda: api.change(ids[2:], "completed"),
        nothing,
    ]
    code, out, _ = run("watch")
    assert code == 130
    assert "\x1b[31m" not in out
    assert "\x9b" not in out
    # The table is drawn again by moving the cursor up, so that also ends a line here.
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]|\x1b\[\d*A", out)]
    assert [line for line in lines if len(line) > width] == []
    assert any("30 generating, 0 queued" in line for line in lines)
    assert any(re.match(r"0000000[0-9a-f]  generating +\d+ min", line) for line in lines)
    assert any("and 22 more" in line for line in lines)
    assert any("Nothing runs" in line for line in lines)
    kept = [line for line in lines if re.match(r"\d\d:\d\d:\d\d  000000", line)]
    assert len(kept) == 30
    assert "error  ProviderKey" in kept[1]


def test_a_reader_that_has_enough_ends_it_quietly(api: Api, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    api.add()
    closed: list[tuple[int, int]] = []
    monkeypatch.setattr("promptreel.commands.output.say_rows", lambda _: (_ for _ in ()).throw(BrokenPipeError))
    monkeypatch.setattr("promptreel.commands.watch.os.dup2", lambda *files: closed.append(files))
    monkeypatch.setattr("promptreel.commands.watch.sys.stdout.fileno", lambda: 1)
    code, out, err = run("watch")
    assert (code, out, err, [target for _, target in closed]) == (0, "", "", [1])
