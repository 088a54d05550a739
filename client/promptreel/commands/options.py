"""The app, its global options, and the helpers that turn them into a client or a deployment."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel import configuration
from promptreel.client import DEFAULT_TIMEOUT_SECONDS, Client
from promptreel.commands import completion
from promptreel.commands.output import warn
from promptreel.configuration import Configuration
from promptreel.errors import ConfigurationError
from promptreel.generation import Generation

if TYPE_CHECKING:
    from promptreel.operator.deployment import Deployment

# Shown by --help and in docs/cli.md.
EXIT_CODES = """Exit codes: 0 success; 1 the generation failed, or the API or AWS returned an error; 2 wrong usage;
3 missing or invalid URL, key or AWS credentials; 4 --wait timed out, the generation continues; 130 interrupted."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

GenerationId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The generation's id, or at least its first four digits.",
        show_default=False,
        autocompletion=completion.ids,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="A tag: KEY=VALUE or a word. May be repeated.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it ends, and show progress.")]
Notify = Annotated[
    bool,
    typer.Option("--notify", help="Wait, then ring the terminal's bell and show a notification if it can (OSC 9)."),
]
Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Maximum time to wait.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the video here.")]
Unchecked = Annotated[
    bool,
    typer.Option("--unchecked", help="Pass parameters that the model does not have to the provider unchecked."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]

WAIT_SECONDS = DEFAULT_TIMEOUT_SECONDS

app = typer.Typer(
    name="promptreel",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def show_version(wanted: bool) -> None:
    """Print the version of the installed package and exit."""
    if wanted:
        typer.echo(f"promptreel {metadata.version('promptreel')}")
        raise typer.Exit


@app.callback()
def shared(
    context: typer.Context,
    local: Annotated[bool, typer.Option("--local", help="Use the local cloud that `make up` started.")] = False,
    url: Annotated[
        str | None, typer.Option(help="The API's URL (default: PROMPTREEL_URL).", show_default=False)
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="The stage for operator commands: dev, prod or local (default: PROMPTREEL_STAGE or dev).",
            show_default=False,
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - ends in its callback
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Generate videos from prompts and keep them in your own AWS account.

    Set your API key in PROMPTREEL_API_KEY, or as `api_key` in ~/.config/promptreel/config.toml. There is no option for
    it, because other users of this computer could read it. Commands for operators also need AWS credentials.
    """
    if local and (url or stage not in (None, configuration.LOCAL)):
        raise typer.BadParameter("it sets the URL and the stage: leave out --url and --stage.", param_hint="--local")
    # Loaded only when a command needs it, so that --help works even if a file is broken.
    context.obj = lambda: configuration.load(url=url, stage=stage, local=local)


def configured(context: typer.Context) -> Configuration:
    """Return the configuration, and print its warning on stderr."""
    found: Configuration = context.obj()
    if found.warning:
        warn(found.warning)
    return found


def client(context: typer.Context, *, strict: bool = True) -> Client:
    """Return a client of the configured API."""
    found = configured(context)
    return Client(found.required_url(), found.required_api_key(), strict=strict)


def span_of(text: str) -> timedelta | None:
    """Parse a duration such as 30m, 12h, 2d or 1w. Return None if the text is not a duration."""
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text, re.ASCII)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


@contextmanager
def deployment(context: typer.Context) -> Iterator["Deployment"]:
    """Yield the deployed stack, and convert AWS errors inside the block to `PromptreelError`."""
    require_operator_extra()
    from promptreel.operator.deployment import aws_errors, find  # noqa: PLC0415 - an extra, and slow to import

    with aws_errors():
        yield find(configured(context))


def require_operator_extra() -> None:
    """Raise `ConfigurationError` if the packages for operators are not installed."""
    try:
        import boto3  # noqa: F401, PLC0415 - an extra
        import jsonschema  # noqa: F401, PLC0415 - an extra
    except ImportError as missing:
        raise ConfigurationError(
            f"This command needs {missing.name}: in a checkout of Promptreel, run pip install '.[operator]' "
            "(with pipx: pipx install --force '.[operator]')."
        ) from None


def again(context: typer.Context, command: str) -> str:
    """Return a follow-up command line with the same global options as this one."""
    shared_options = context.find_root().params
    flags = ["--local"] if shared_options["local"] else []
    for name in ("url", "stage"):
        if value := shared_options[name]:
            flags += [f"--{name}", shlex.quote(value)]
    return " ".join(["promptreel", *flags, command])


def remedy_of(context: typer.Context, generation: Generation) -> str | None:
    """Return the remedy for a failed generation, with this command's global options in the commands it names."""
    found = generation.error.remedy if generation.error else None
    return found and found.replace("`promptreel ", f"`{again(context, '')}")
