"""mcp: serve the tools for agents."""

import sys
from contextlib import closing
from importlib import metadata
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import configured
from promptreel.errors import ConfigurationError


def mcp(
    context: typer.Context,
    without_budget: Annotated[
        bool, typer.Option("--without-budget", help="Let agents spend with an API key that has no budget.")
    ] = False,
) -> None:
    """Serve models, estimates, videos, checks of files and links to agents, as a Model Context Protocol server (stdio).

    Your agent's host starts this command. An agent can spend at most the budget of the API key, must estimate a request
    before it creates it, and never pays twice for the same request. docs/agents.md shows how to configure hosts.
    """
    try:
        from promptreel import agents  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as missing:
        raise ConfigurationError(
            f"This command needs {missing.name}: in a checkout of Promptreel, run pip install '.[agents]' "
            "(with pipx: pipx install --force '.[agents]')."
        ) from None
    found = configured(context)
    api = agents.client(found.required_url(), found.required_api_key())
    if sys.stdin.isatty():
        output.warn("Waiting for an agent's host on stdin: add this command to its configuration. Ctrl-C ends it.")
    with closing(api):
        agents.server(agents.Tools(api, without_budget), metadata.version("promptreel")).run("stdio")
