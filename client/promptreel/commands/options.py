"""The app, the options that stand before a command, and what commands make of them."""

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
EXIT_CODES = """Exit codes: 0 done; 1 the generation failed, or the API or AWS refused; 2 wrong usage; 3 no URL, key or
AWS credentials, or not valid ones; 4 --wait timed out, and the generation goes on; 130 interrupted."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

GenerationId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The generation's id, or at least four of its first digits.",
        show_default=False,
        autocompletion=completion.ids,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="A tag of yours, or a word. May be repeated.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended, and show its progress.")]
Notify = Annotated[
    bool,
    typer.Option(
        "--notify", help="Wait, then ring the terminal's bell, and show a notification where the terminal can (OSC 9)."
    ),
]
Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long --wait waits.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the video here.")]
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
    """Print the version of the installed package, and no more."""
    if wanted:
        typer.echo(f"promptreel {metadata.version('promptreel')}")
        raise typer.Exit


@app.callback()
def shared(
    context: typer.Context,
    local: Annotated[bool, typer.Option("--local", help="Use the local cloud that runs here (make up).")] = False,
    url: Annotated[str | None, typer.Option(help="The API's URL (or PROMPTREEL_URL).", show_default=False)] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="The deployment to operate: dev, prod, local (or PROMPTREEL_STAGE).", show_default=False),
    ] = None,
    version: Annotated[  # noqa: ARG001 - ends in its callback
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn prompts into videos that are kept, with a Promptreel of your own.

    The API key comes from PROMPTREEL_API_KEY or from `api_key` in ~/.config/promptreel/config.toml, never from an
    option, which others could read. `keys`, `secret`, `budgets`, `rescue`, `reconcile` and `doctor` also use AWS
    credentials.
    """
    if local and (url or stage not in (None, configuration.LOCAL)):
        raise typer.BadParameter("it says where everything is: leave out --url and --stage.", param_hint="--local")
    # Read when a command asks for it, so that --help works whatever the files hold.
    context.obj = lambda: configuration.load(url=url, stage=stage, local=local)


def configured(context: typer.Context) -> Configuration:
    """The configuration; its warning goes to stderr."""
    found: Configuration = context.obj()
    if found.warning:
        warn(found.warning)
    return found


def client(context: typer.Context) -> Client:
    """A client of the configured API."""
    found = configured(context)
    return Client(found.required_url(), found.required_api_key())


def span_of(text: str) -> timedelta | None:
    """A span of time such as 30m, 12h, 2d or 1w; None if it is none."""
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text, re.ASCII)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


@contextmanager
def deployment(context: typer.Context) -> Iterator["Deployment"]:
    """The deployed stack; AWS's errors inside become ours."""
    require_operator_extra()
    from promptreel.operator.deployment import aws_errors, find  # noqa: PLC0415 - an extra, and slow to import

    with aws_errors():
        yield find(configured(context))


def require_operator_extra() -> None:
    """`ConfigurationError` if this installation cannot talk to AWS."""
    try:
        import boto3  # noqa: F401, PLC0415 - an extra
        import jsonschema  # noqa: F401, PLC0415 - an extra
    except ImportError as missing:
        raise ConfigurationError(
            f"This command works on AWS and needs {missing.name}: in a checkout of Promptreel, with the Python that "
            "runs this, pip install '.[operator]' (with pipx: pipx install --force '.[operator]')."
        ) from None


def again(context: typer.Context, command: str) -> str:
    """A command line that comes back to what this one was about, with the same options before the command."""
    shared_options = context.find_root().params
    flags = ["--local"] if shared_options["local"] else []
    for name in ("url", "stage"):
        if value := shared_options[name]:
            flags += [f"--{name}", shlex.quote(value)]
    return " ".join(["promptreel", *flags, command])


def remedy_of(context: typer.Context, generation: Generation) -> str | None:
    """Return what to do about a generation that failed; its commands have the options of this command."""
    found = generation.error.remedy if generation.error else None
    return found and found.replace("`promptreel ", f"`{again(context, '')}")
