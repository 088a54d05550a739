"""secret: store the provider's API key."""

import getpass
import sys
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment

app = typer.Typer(help="Store the provider's API key.", no_args_is_help=True)


@app.command("set")
def set_(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Store the key without trying it.")] = False,
    as_json: Json = False,
) -> None:
    """Store the provider's API key, entered at a hidden prompt or read from stdin.

    The provider is asked whether the key is valid. If it is not, the stored key stays.
    """
    with deployment(context) as deployed:
        from promptreel.operator import provider_key  # noqa: PLC0415 - an extra, and slow to import

        # Not an argument: other users can read those, and the shell's history stores them.
        key = getpass.getpass("The provider's API key (hidden): ") if sys.stdin.isatty() else sys.stdin.readline()
        untried = provider_key.store(deployed, key, force=force)
    if untried:
        output.warn(f"The key could not be tried: {untried}")
    if as_json:
        output.say_json({"stored": True, "stack": deployed.stack_name})
    else:
        output.say(f"Stored the key for {deployed.stack_name}. Running jobs will use it automatically.")
