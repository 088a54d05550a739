"""budgets: set and list spending limits."""

from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.commands.tables import Column, say_table

if TYPE_CHECKING:
    from core.money.budgets import Budget

app = typer.Typer(help="Set and list spending limits for the deployment, an owner or an API key.", no_args_is_help=True)

NONE = "none"
_COLUMNS = (
    Column("SCOPE", least=16),
    Column("PERIOD"),
    Column("LIMIT", is_right=True),
    Column("USED", is_right=True),
    Column("LEFT", is_right=True),
    Column("RENEWS (UTC)"),
)
Limit = Annotated[
    str | None, typer.Option(metavar="USD", help="Limit in US dollars, or `none` to remove it.", show_default=False)
]


@app.command("set")
def set_(
    context: typer.Context,
    day: Limit = None,
    month: Limit = None,
    jobs_an_hour: Annotated[
        str | None,
        typer.Option(
            metavar="JOBS", help="Jobs that may start in an hour, or `none` to remove the limit.", show_default=False
        ),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Limit this owner instead of the deployment.", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Limit this API key, together with its replacements. See `promptreel keys list`.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Limit the spending in a day and a month (UTC), and the jobs that may start in an hour.

    Requests that may cost more than is left are rejected. Jobs already at the provider continue. Queued jobs that no
    longer fit fail; with a limit of 0, all of them do. Limits that you do not name stay unchanged.
    """
    if owner and key:
        raise typer.BadParameter("pass only one option.", param_hint="--owner, --key")
    usd = {name: _usd(text, f"--{name}") for name, text in (("day", day), ("month", month)) if text is not None}
    jobs = {"hour": _jobs(jobs_an_hour)} if jobs_an_hour is not None else {}
    if not usd and not jobs:
        raise typer.BadParameter(
            "pass at least one limit: an amount, or none to remove it.", param_hint="--day, --month, --jobs-an-hour"
        )
    with deployment(context) as deployed:
        from promptreel.operator.budgets import set_limits  # noqa: PLC0415 - an extra, and slow to import

        budget = set_limits(deployed, owner, key, usd, jobs)
    _say([budget], as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List all budgets and how much of each is used: spent, or reserved for running jobs.

    In a pipe, prints tab-separated lines: scope, period, limit, used, left, renewal time.
    """
    with deployment(context) as deployed:
        from promptreel.operator.budgets import every  # noqa: PLC0415 - an extra, and slow to import

        found = every(deployed)
    _say(found, as_json=as_json)


def _say(budgets: "list[Budget]", *, as_json: bool) -> None:
    from core.api.money import as_lines  # noqa: PLC0415 - an extra, and slow to import

    if as_json:
        output.say_json([line for budget in budgets for line in as_lines(budget)])
        return
    rows = []
    for budget in budgets:
        for line in as_lines(budget):
            unit, form = ("jobs", "{:d}") if line["period"] == "hour" else ("usd", "{:.2f} USD")
            limit, used, left = (form.format(line[f"{name}_{unit}"]) for name in ("limit", "used", "left"))
            rows.append((budget.name, line["period"], limit, used, left, _at(line["renews_at"])))
        if not as_lines(budget):
            rows.append((budget.name, "any", NONE, "", "", ""))
    say_table(_COLUMNS, rows, "No budgets are set.")


def _at(time: str) -> str:
    """Return a time as a person reads it, or in a pipe as the API writes it."""
    return time[:16].replace("T", " ") if output.width() else time


def _usd(text: str, option: str) -> float | None:
    if text == NONE:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1
    if not 0 <= amount <= 1e6:  # noqa: PLR2004 - for more, use none
        raise typer.BadParameter(f"{text!r} is not an amount: use 25, 2.50 or none.", param_hint=option)
    return amount


def _jobs(text: str) -> int | None:
    if text == NONE:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 8):  # noqa: PLR2004 - millions
        raise typer.BadParameter(f"{text!r} is not a number of jobs: use 100 or none.", param_hint="--jobs-an-hour")
    return int(text)
