"""Test shell completion with the installed command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.api_answers import ID, KEY, error, generation
from tests.support.wire import Answer, http, serving

PAGE = http(200, {"data": [generation(prompt="a boat"), {**generation(), "id": "f" * 32}], "next_cursor": None})
MODELS = http(200, {"data": [{"id": "google/veo3", "title": "Veo 3"}, {"id": "veo2", "title": "Veo 2"}]})


def completed(home: Path, words: str, *answers: Answer, url: str | None = None) -> tuple[list[str], str]:
    """Return the completions after these words, and the stderr output."""
    with serving(*(answers or [error(500)])) as wire:
        ran = subprocess.run(
            [Path(sys.executable).parent / "promptreel"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "_PROMPTREEL_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(words.count(" ")),
                **({} if url == "" else {"PROMPTREEL_URL": url or wire.url, "PROMPTREEL_API_KEY": KEY}),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert len(wire.requests) <= 1, "it is asked once"
    return ran.stdout.split(), ran.stderr


@pytest.mark.exhaustive
def test_statuses_models_and_ids_are_offered(home: Path) -> None:
    assert completed(home, "promptreel list --status comp") == (["completed"], "")
    assert completed(home, "promptreel create x --model ", MODELS) == (["google/veo3", "veo2"], "")
    assert completed(home, "promptreel models veo", MODELS) == (["veo2"], "")
    assert completed(home, "promptreel get 01", PAGE) == ([ID], "")
    assert completed(home, "promptreel open ", PAGE) == ([ID, "f" * 32], "")


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:1", "not a url"])
@pytest.mark.exhaustive
def test_unknown_completions_print_nothing(home: Path, url: str) -> None:
    assert completed(home, "promptreel get ", url=url) == ([], "")


@pytest.mark.exhaustive
def test_an_error_of_the_api_prints_nothing_and_is_not_retried(home: Path) -> None:
    for answer in (error(500), error(401), http(200, b"<html>"), http(200, {"data": None})):
        assert completed(home, "promptreel get ", answer) == ([], "")
