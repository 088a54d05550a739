"""Test changes of tags and name by the client and the command line."""

import json
from collections.abc import Callable

import pytest

from promptreel import Client
from tests.support.api_answers import ID, KEY, error, generation
from tests.support.wire import http, serving

Run = Callable[..., tuple[int, str, str]]


def tagged(*tags: str) -> bytes:
    one = generation()
    return http(200, {**one, "meta": {**one["meta"], "tags": list(tags)}})


def body_of(request: bytes) -> object:
    return json.loads(request.partition(b"\r\n\r\n")[2])


def test_a_change_names_only_what_changes_and_is_repeated_after_a_fault() -> None:
    with serving(error(503), tagged("best", "project=sea"), tagged()) as wire, Client(wire.url, KEY) as client:
        after = client.tag(ID, ["best", "project=sea"], remove="draft", name="")
        assert after.tags == ("best", "project=sea")
        assert client.tag(after, remove=["best"]).tags == ()
    first, again, second = wire.requests
    assert first == again, "the same change twice is one change"
    assert first.startswith(f"PATCH /v2/video/generations?generation_id={ID} ".encode())
    assert body_of(first) == {"add": "best,project=sea", "remove": "draft", "name": ""}
    assert body_of(second) == {"add": "", "remove": "best"}


def test_the_command_changes_several_generations(ask: Run) -> None:
    arguments = ("tag", ID, "0123", "--add", "best", "--add", "project=sea", "--remove", "draft", "--name", "Boat")
    code, out, _ = ask(*arguments, answers=[tagged("best", "project=sea"), tagged()])
    assert (code, out) == (0, f"{ID}: best, project=sea\n{ID}: no tags\n")


def test_the_command_prints_the_generations_as_json(ask: Run) -> None:
    code, out, _ = ask("tag", ID, "--name", "", "--json", answers=[tagged("best")])
    assert (code, json.loads(out)["meta"]["tags"]) == (0, ["best"])


@pytest.mark.parametrize("arguments", [(ID,), (ID, "--json")])
def test_the_command_needs_something_to_change(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run("tag", *arguments)
    assert (code, "--add, --remove or --name" in err.replace("\n", " ")) == (2, True)
