"""Options that several commands share, and the helpers that turn them into a client or a deployment."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.client import DEFAULT_TIMEOUT_SECONDS, Client
from promptreel.commands import completion
from promptreel.commands.output import plain, warn
from promptreel.configuration import Configuration
from promptreel.errors import ConfigurationError
from promptreel.generation import Generation
from promptreel.project import Project

if TYPE_CHECKING:
    from promptreel.operator.deployment import Deployment

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

GenerationId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The generation's id, or its first digits.",
        show_default=False,
        autocompletion=completion.ids,
    ),
]
GenerationIds = Annotated[
    list[str],
    typer.Argument(
        metavar="ID",
        help="The generations' ids, or their first digits.",
        show_default=False,
        autocompletion=completion.ids,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="A tag: KEY=VALUE or a word. May be repeated.", show_default=False),
]
OfProject = Annotated[bool, typer.Option("--project", help="Only with the tags of the project's promptreel.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it ends, and show progress.")]
Notify = Annotated[
    bool, typer.Option("--notify", help="Wait, then ring the terminal's bell and show a notification on the desktop.")
]
Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Maximum time to wait.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the video here.")]
Unchecked = Annotated[
    bool,
    typer.Option("--unchecked", help="Pass parameters that the model does not have to the provider unchecked."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]

WAIT_SECONDS = DEFAULT_TIMEOUT_SECONDS


def configured(context: typer.Context) -> Configuration:
    """Return the configuration, and print its warning on stderr."""
    found: Configuration = context.obj()
    if found.warning:
        warn(found.warning)
    return found


def project(context: typer.Context) -> Project | None:
    """Return the project of the working directory, or None."""
    found: Configuration = context.obj()
    return found.project


def tags_of(context: typer.Context, tags: list[str] | None, *, of_project: bool) -> list[str]:
    """Return these tags, and with `of_project` those of the project. Raise BadParameter if it has none."""
    if not of_project:
        return tags or []
    found = project(context)
    if found is None or not found.tags:
        raise typer.BadParameter("no promptreel.toml with `tags` applies to this folder.", param_hint="--project")
    return found.tagged(tags or [])


def in_output_folder(context: typer.Context, name: str) -> Path:
    """Return the path for a file or folder whose place the user did not choose. Create the project's output folder."""
    found = project(context)
    if found is None or found.output is None:
        return Path(name)
    found.output.mkdir(parents=True, exist_ok=True)
    return found.output / name


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

    found = configured(context)
    if found.is_stage_of_project and found.project:
        warn(plain(f"Using the stage {found.stage} of {found.project.file}."))
    with aws_errors():
        yield find(found)


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
