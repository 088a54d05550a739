"""Test that the help and docs/cli.md cover every command."""

from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import generate_cli
from promptreel.commands import app

ROOT = Path(__file__).parents[3]
CLI = (ROOT / "docs" / "cli.md").read_text("utf-8")


def commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, including groups."""
    yield name, group
    for command in getattr(group, "commands", {}).values():
        yield from commands(command, f"{name} {command.name}")


ALL = dict(commands(typer.main.get_command(app), "promptreel"))


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_each_of_its_parameters_has_help_and_is_documented(name: str) -> None:
    command = ALL[name]
    assert command.help
    assert all(parameter.help for parameter in command.params)
    section = CLI.partition(f"# `{name}`\n")[2].partition("\n##")[0]
    for parameter in command.params:
        shown = parameter.metavar if parameter.param_type_name == "argument" else max(parameter.opts, key=len)
        assert shown in section or shown.endswith("-completion")


def test_the_document_matches_the_current_help() -> None:
    assert generate_cli.document() == CLI, "run make docs"


@pytest.mark.parametrize(
    ("urls", "place"),
    [("", "docs/ in the repository"), ("Project-URL: Documentation, https://docs.example\n", "https://docs.example.")],
    ids=["none", "published"],
)
def test_the_help_says_where_the_documentation_is(monkeypatch: pytest.MonkeyPatch, urls: str, place: str) -> None:
    monkeypatch.setattr("importlib.metadata.metadata", lambda _: Parser().parsestr(f"Name: promptreel\n{urls}"))
    assert f"Documentation: {place}" in CliRunner().invoke(app, ["--help"]).output
