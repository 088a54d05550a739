"""reconcile: compare the provider's charges of a day with the recorded generations."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.generation import CREDITS_PER_USD

SAID = {  # the meaning of each kind of line, in the order of output: first what needs attention
    "not_ours": "charged without a generation: someone else uses the key or the account",
    "not_charged": "generated, but not charged in time",
    "charged_twice": "more than one charge for the same generation",
    "other_amount": "charged a different amount than the provider had reported",
    "unreadable": "rows of the provider's list that could not be read; the report contains them",
    "unknown_amount": "charged without a recorded amount: cancelled, given up or deleted generations",
    "waiting": "generated; the charge may still arrive",
    "of_other_keys": "charged for the account's other keys",
}


def reconcile(
    context: typer.Context,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day in UTC; by default yesterday."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the provider's charges of a day with the recorded generations, as happens every night.

    Writes a report and prints its location. Exits with 1 if the charges do not match.
    """
    today = datetime.now(UTC).date()
    asked = day.date() if day else today - timedelta(days=1)
    if asked > today:
        raise typer.BadParameter("that day has not started yet in UTC.", param_hint="--day")
    with deployment(context) as deployed:
        from promptreel.operator import reconcile as operator  # noqa: PLC0415 - an extra, and slow to import

        sums = operator.reconcile(deployed, asked, lambda: output.warn("Still reading the provider's charges ..."))
    if as_json:
        output.say_json(sums)
    else:
        _say(sums, asked, is_over=asked < today)
    if not sums["adds_up"]:
        raise typer.Exit(1)


def _say(sums: dict[str, Any], day: date, *, is_over: bool) -> None:
    counts = sums["counts"]
    fine = counts["adds_up"]
    verdict = "all charges match" if sums["adds_up"] else "some charges do not match"
    so_far = "" if is_over else ", so far"
    output.say(
        f"{day} (UTC){so_far}: {verdict}. {fine['count']} charged as recorded, {_usd(fine['credits'])} in total."
    )
    for kind, meaning in SAID.items():
        if counts[kind]["count"]:
            name = kind.replace("_", " ")
            output.say(f"{name:14} {counts[kind]['count']:>6}  {_usd(counts[kind]['credits']):>14}  {meaning}")
    output.say(f"report         {output.plain(sums['report'])}")


def _usd(amount: int) -> str:
    return f"{amount / CREDITS_PER_USD:,.2f} USD"
