"""Test `batch init`: its table can be filled in and sent, and no file is overwritten."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.batches import prompt_file
from core.models import known, offered
from tests.support.wire import http

Run = Callable[..., tuple[int, str, str]]


def filled(text: str) -> str:
    """Return the table with a prompt in its only row."""
    lines = text.splitlines(keepends=True)
    header = next(line for line in lines if not line.startswith(("#", '"#')))
    assert header.startswith(("prompt,", "model,"))
    return "".join([*lines[:-1], ("a boat" if header.startswith("prompt") else "") + lines[-1]])


@pytest.mark.parametrize("width", [40, 80])
def test_the_file_passes_the_check_once_a_prompt_is_filled_in(
    run: Run, home: Path, terminal: Callable[[int], None], width: int
) -> None:
    terminal(width)
    code, out, err = run("batch", "init", "google/veo3")
    assert (code, out) == (0, "google-veo3.csv\n")
    assert "promptreel batch google-veo3.csv --dry-run" in err
    path = home / "google-veo3.csv"
    text = path.read_text("utf-8-sig")
    assert run("batch", "google-veo3.csv", "--dry-run")[0] == 1, "the prompt is missing"
    path.write_text(filled(text), "utf-8-sig")
    code, out, err = run("batch", "google-veo3.csv", "--dry-run")
    assert (code, out) == (0, "google-veo3.csv: 1 row, no problems.\n"), err


def test_comments_name_choices_and_defaults(run: Run) -> None:
    code, out, _ = run("batch", "init", "google/veo3", "-o", "-")
    assert code == 0
    assert '"# duration: 4, 6, 8; default 8.' in out
    assert "# prompt: string" in out
    assert "required" in out
    assert "\ufeff" not in out


@pytest.mark.parametrize("model", [pytest.param(name, id=name) for name in list(known())[::12]])
def test_every_model_gets_a_table_whose_columns_exist(run: Run, model: str) -> None:
    code, out, err = run("batch", "init", model, "-o", "-")
    assert code == 0, err
    (row,) = prompt_file.read("a.csv", io.BytesIO(filled(out).encode()), offered(), "veo2")
    assert (row.found or {})["model"] == model
    missing = set(row.wrong)
    assert missing <= set(known()[model].schema["required"] if known()[model].schema else ()), row.problem  # type: ignore[index]


def test_nothing_is_overwritten_and_other_formats_are_rejected(run: Run, home: Path) -> None:
    (home / "google-veo3.csv").write_text("mine")
    code, _, err = run("batch", "init", "google/veo3")
    assert (code, "already exists" in err, (home / "google-veo3.csv").read_text()) == (1, True, "mine")
    assert run("batch", "init", "google/veo3", "-o", "a.jsonl")[0] == 2
    assert run("batch", "init", "google/veo3", "-o", "a.tsv")[0] == 0
    assert "prompt\tmodel\t" in (home / "a.tsv").read_text("utf-8-sig")


def test_an_unknown_model_writes_nothing(run: Run, home: Path) -> None:
    code, _, err = run("batch", "init", "../google/veo9")
    assert (code, "is not known" in err) == (1, True)
    assert list(home.iterdir()) == []


def test_a_deployment_says_what_its_models_have(ask: Run) -> None:
    schema: dict[str, Any] = {"required": ["prompt"], "properties": {"prompt": {"type": "string"}, "n": {"enum": [1]}}}
    answer = http(200, {"id": "x/y", "title": "X", "schema": schema})
    code, out, _ = ask("batch", "init", "x/y", "-o", "-", answers=[answer])
    assert (code, out.splitlines()[-2:]) == (0, ["prompt,model,n,name,tags", ",x/y,,,"])
    answer = http(200, json.loads('{"id": "z", "title": "Z", "schema": null}'))
    assert ask("batch", "init", "z", "-o", "-", answers=[answer])[1].endswith("prompt,model,name,tags\n,z,,\n")
