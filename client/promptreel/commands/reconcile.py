"""reconcile: what the provider charged on a day, held against what is recorded."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.generation import CREDITS_PER_USD

SAID = {  # of each kind of line, in this order, and what does not add up first
    "not_ours": "charged, and no generation of ours: somebody else uses the key or the account",
    "not_charged": "made, and not charged within the time that a charge may take",
    "charged_twice": "more than one charge for one generation",
    "other_amount": "charged another amount than the provider had said",
    "unknown_amount": "charged, and no amount is recorded: cancelled, given up, or deleted meanwhile",
    "waiting": "made, and the charge may still come",
    "of_other_keys": "charged for other keys of the account",
}


def reconcile(
    context: typer.Context,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day, in UTC; yesterday unless told."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold what the provider charged on a day against what is recorded, as is done every night.

    Writes the report and says where it is. Exits with 1 if something does not add up.
    """
    today = datetime.now(UTC).date()
    asked = day.date() if day else today - timedelta(days=1)
    if asked > today:
        raise typer.BadParameter("that day has not begun, in UTC", param_hint="--day")
    with deployment(context) as deployed:
        from promptreel.operator import reconcile as operator  # noqa: PLC0415 - an extra, and slow to import

        sums = operator.reconcile(deployed, asked, lambda: output.warn("Still reading the provider's books ..."))
    if as_json:
        output.say_json(sums)
    else:
        _say(sums, asked, is_over=asked < today)
    if not sums["adds_up"]:
        raise typer.Exit(1)


def _say(sums: dict[str, Any], day: date, *, is_over: bool) -> None:
    counts = sums["counts"]
    fine = counts["adds_up"]
    verdict = "all adds up" if sums["adds_up"] else "not all adds up"
    so_far = "" if is_over else ", so far"
    output.say(f"{day} (UTC){so_far}: {verdict}. {fine['count']} charged as recorded, {_usd(fine['credits'])}.")
    for kind, meaning in SAID.items():
        if counts[kind]["count"]:
            name = kind.replace("_", " ")
            output.say(f"{name:14} {counts[kind]['count']:>6}  {_usd(counts[kind]['credits']):>14}  {meaning}")
    output.say(f"report         {output.plain(sums['report'])}")


def _usd(amount: int) -> str:
    return f"{amount / CREDITS_PER_USD:,.2f} USD"
