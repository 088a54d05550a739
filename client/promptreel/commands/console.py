"""console: the deployment's own page."""

import typer

from promptreel._http import address
from promptreel.commands import output
from promptreel.commands.options import configured


def console(context: typer.Context) -> None:
    """Print a link that opens the console in your browser, signed in. It holds your API key: keep it to yourself."""
    found = configured(context)
    output.say(f"{address(found.required_url())}/#key={found.required_api_key()}")
