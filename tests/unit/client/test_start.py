"""Test that a command imports only what it needs, because imports are nearly all of its time."""

import json
import subprocess
import sys

import pytest

import promptreel
from promptreel.commands import COMMANDS
from tests.support.api_answers import KEY, generation
from tests.support.wire import http, serving

PROBE = """
import json, sys
from promptreel.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
# Slow to import. Typer needs pydantic for the options of a command: docs/decisions/0012-client.md.
FOR_SOME = {"asyncio", "rich", "mcp", "jsonschema", "boto3", "botocore", "concurrent.futures", "tomllib", "core"}
FOR_CALLS = {"requests", "urllib3", "pydantic", "promptreel.client"}
FOR_COMMANDS = {"promptreel.configuration", "promptreel.project", "promptreel.generation"}


def imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports in a fresh process."""
    with serving(http(200, {"data": [{**generation(), "title": "M"}], "next_cursor": None})) as wire:
        environ = {"HOME": "/", "PROMPTREEL_URL": wire.url, "PROMPTREEL_API_KEY": KEY}
        environ["PYTHONPATH"] = ":".join(path for path in sys.path if path)
        done = subprocess.run(
            [sys.executable, "-c", PROBE, *arguments], env=environ, capture_output=True, text=True, check=True
        )
    assert done.stdout
    return set(json.loads(done.stderr))


def commands_in(modules: set[str]) -> set[str]:
    names = {place.partition(".")[0] for place in COMMANDS.values()}
    return {name for name in names if f"promptreel.commands.{name}" in modules}


def test_the_version_is_shown_without_any_command_or_the_client() -> None:
    modules = imported("--version")
    assert modules & (FOR_SOME | FOR_CALLS | FOR_COMMANDS) == set()
    assert commands_in(modules) == set()


@pytest.mark.parametrize(("arguments", "module"), [(["list"], "listing"), (["models"], "models")])
def test_a_command_imports_neither_other_commands_nor_what_only_they_need(arguments: list[str], module: str) -> None:
    modules = imported(*arguments)
    assert modules & (FOR_SOME | {"promptreel.asynchronous"}) == set()
    assert commands_in(modules) == {module}


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(promptreel, name) for name in promptreel.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = promptreel.nonsense
