"""usage: show the cost of videos."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import fsum
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, client, deployment
from promptreel.commands.tables import Column, say_table
from promptreel.money import Budget, Sum, Usage

BY = ("day", "model", "tag", "key", "batch", "owner")
DAYS = 30
BAR = 30  # characters of the longest bar
_COLUMNS = (Column("VIDEOS", is_right=True), Column("FAILED", is_right=True), Column("USD", is_right=True))


def usage(
    context: typer.Context,
    by: Annotated[
        str,
        typer.Option(metavar="WHAT", help=f"Group by {', '.join(BY)}; owner is for operators, with AWS credentials."),
    ] = "day",
    first: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DAY", formats=["%Y-%m-%d"], help="The first day.", show_default="30 days"),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", metavar="DAY", formats=["%Y-%m-%d"], help="The last day.", show_default="today"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the cost of videos that ended in a date range (UTC), and how much of your budgets is left.

    These are the provider's prices; AWS charges are on the AWS bill under the tag project=promptreel. In a pipe,
    prints tab-separated lines: day or name, videos, failed, USD.
    """
    if by not in BY:
        raise typer.BadParameter(f"it must be one of {', '.join(BY)}.", param_hint="--by")
    if by == "owner":
        _of_owners(context, first, last, as_json=as_json)
        return
    with closing(client(context)) as api:
        found = api.usage(by, first.date() if first else None, last.date() if last else None)
        budgets = () if as_json else api.budgets()
        is_named = by == "batch" and not as_json and output.width()
        names = {batch.id: batch.name for batch in api.batches()} if is_named else {}
    if as_json:
        output.say_json(found.raw)
        return
    _say(by, _together(found, by), found.total, names)
    for budget in budgets:
        output.warn(left(budget))


def left(budget: Budget) -> str:
    """Return a line that says how much of a budget is left."""
    whose = {"all": "this deployment"}.get(budget.scope, budget.scope.replace("/", " ", 1))
    if budget.period == "hour":
        return f"{whose}: {budget.left} of {budget.limit} jobs left this hour, until {budget.renews_at}"
    when = "today" if budget.period == "day" else f"this {budget.period}"
    return f"{whose}: {budget.left:.2f} of {budget.limit:.2f} USD left {when}, until {budget.renews_at}"


def _of_owners(context: typer.Context, first: datetime | None, last: datetime | None, *, as_json: bool) -> None:
    until = last.date() if last else datetime.now(UTC).date()
    since: date = first.date() if first else until - timedelta(days=DAYS - 1)
    with deployment(context) as deployed:
        from promptreel.operator.budgets import usage_by_owner  # noqa: PLC0415 - an extra, and slow to import

        found = usage_by_owner(deployed, since, until)
    if as_json:
        output.say_json([one.as_dict("owner") for one in found])
        return
    sums = [Sum(one.completed, one.failed, one.as_dict("owner")["usd"], one.day, one.which) for one in found]
    _say("owner", _added(sums), _all(sums), {})


def _together(found: Usage, by: str) -> list[Sum]:
    return list(found.sums) if by == "day" else _added(found.sums)


def _added(sums: Iterable[Sum]) -> list[Sum]:
    """Add up the days of each model, tag, batch or owner, the most expensive first."""
    named: dict[str, list[Sum]] = defaultdict(list)
    for one in sums:
        named[one.which or ""].append(one)
    return sorted((replace(_all(some), which=name) for name, some in named.items()), key=lambda one: -one.usd)


def _all(sums: Iterable[Sum]) -> Sum:
    listed = list(sums)
    return Sum(sum(one.completed for one in listed), sum(one.failed for one in listed), fsum(one.usd for one in listed))


def _say(by: str, sums: list[Sum], total: Sum | None, names: Mapping[str, str]) -> None:
    if not sums:
        output.warn("No generations ended in this period.")
        return
    rows = [(one.day if by == "day" else one.which, one.completed, one.failed, f"{one.usd:.2f}") for one in sums]
    if not output.width():
        output.say_rows(rows)
        return
    most = max(one.usd for one in sums)
    columns = [*_COLUMNS, Column("", least=6, place="wide", draw=_bar)]
    titles = [Column("BATCH", least=8), Column("ID", is_id=True)] if by == "batch" else [Column(by.upper(), least=12)]
    say_table(
        [*titles, *columns],
        [
            (*([names.get(str(row[0]), "")] if by == "batch" else []), *row, one.usd / most if most else 0)
            for row, one in zip(rows, sums, strict=True)
        ],
        "",
    )
    if total:
        output.say(f"{output.counted(total.completed, 'video')}, {total.failed} failed: {total.usd:.2f} USD")


def _bar(share: object, width: int) -> str:
    """Return a bar whose length is this share of the width, to an eighth of a character."""
    eighths = round(8 * min(width, BAR) * float(str(share)))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
