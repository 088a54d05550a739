"""The command line: one module for each group of commands. A module is imported only when its command is used."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

# Shown by --help and in docs/cli.md.
EXIT_CODES = """Exit codes: 0 success; 1 the generation failed, or the API or AWS returned an error; 2 wrong usage;
3 missing or invalid URL, key or AWS credentials; 4 --wait timed out, the generation continues; 130 interrupted."""
OPERATORS = "Commands for operators, with AWS credentials"
MARKUP: Literal["markdown"] = "markdown"

# The function of each command, or the app of a group, by its module.
FOR_ALL = {
    "create": "create.create",
    "get": "generations.get",
    "list": "listing.list_",
    "status": "status.status",
    "watch": "watch.watch",
    "open": "generations.open_",
    "download": "generations.download",
    "link": "links.link",
    "console": "console.console",
    "cancel": "generations.cancel",
    "delete": "generations.delete",
    "tag": "generations.tag",
    "models": "models.models",
    "batch": "batch.app",
    "sync": "sync.sync",
    "usage": "usage.usage",
    "webhooks": "webhooks.app",
    "mcp": "mcp.mcp",
}
FOR_OPERATORS = {
    "doctor": "doctor.doctor",
    "logs": "logs.logs",
    "redrive": "logs.redrive",
    "budgets": "budgets.app",
    "keys": "keys.app",
    "secret": "secret.app",
    "rescue": "rescue.rescue",
    "resolve": "rescue.resolve",
    "reconcile": "reconcile.reconcile",
    "import": "importing.import_",
    "export": "export.export",
    "erase": "erase.erase",
    "restore": "restore.restore",
}
COMMANDS = FOR_ALL | FOR_OPERATORS


@cache
def _command(name: str) -> Any:
    """Import a command and return it as its group needs it."""
    module, _, attribute = COMMANDS[name].partition(".")
    found = getattr(import_module(f"promptreel.commands.{module}"), attribute)
    panel: dict[str, Any] = {"rich_help_panel": OPERATORS} if name in FOR_OPERATORS else {}
    around = typer.Typer(rich_markup_mode=MARKUP)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name, **panel)
    else:
        around.command(name, **panel)(found)
    return typer.main.get_group(around).commands[name]


class _Commands(Mapping[str, Any]):
    """The commands by name. Each is imported when it is read."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]  # no command is added later

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, which ends with where the documentation is."""
        self.epilog = f"{EXIT_CODES}\n\n{_documentation()}"
        super().format_help(ctx, formatter)


def _documentation() -> str:
    """Return the address that the package names, or else the place in the repository."""
    from importlib import metadata  # noqa: PLC0415 - slow to import

    urls = metadata.metadata("promptreel").get_all("Project-URL") or []
    named = dict(url.split(", ", 1) for url in urls)
    return f"Documentation: {named.get('Documentation') or 'docs/ in the repository, beginning with docs/tutorial.md'}."


app = typer.Typer(
    name="promptreel",
    cls=_Group,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def show_version(wanted: bool) -> None:
    """Print the version of the installed package and exit."""
    if wanted:
        from importlib import metadata  # noqa: PLC0415 - slow to import

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

    Set your API key in PROMPTREEL_API_KEY, or as `api_key` in ~/.config/promptreel/config.toml. No option accepts the
    key, because other users of this computer could read it. Commands for operators also need AWS credentials.
    """
    from promptreel import configuration, project  # noqa: PLC0415 - not needed for the version

    if local and (url or stage not in (None, project.LOCAL)):
        raise typer.BadParameter("it sets the URL and the stage: leave out --url and --stage.", param_hint="--local")
    # Loaded only when a command needs it, so that --help works even if a file is broken.
    context.obj = lambda: configuration.load(url=url, stage=stage, local=local, project=project.find())
