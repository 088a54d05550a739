"""console: sign in to the web console."""

import typer

from promptreel._http import address
from promptreel.commands import output
from promptreel.commands.options import configured


def console(context: typer.Context) -> None:
    """Print a link that opens the console in your browser, signed in. It contains your API key: keep it secret."""
    found = configured(context)
    output.say(f"{address(found.required_url())}/#key={found.required_api_key()}")
