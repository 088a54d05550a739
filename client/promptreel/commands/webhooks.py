"""webhooks: what became of telling others, and the secret by which they know that it was us."""

from contextlib import closing
from datetime import UTC
from typing import Annotated, Any

import typer

from promptreel._webhooks import Delivery
from promptreel.commands import output
from promptreel.commands.options import Json, client

WIDE = 140  # characters, in which there is room for the address, too

app = typer.Typer(help="Show and repeat what webhooks were told, and their secret.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List what your webhooks were told, newest first; of what was not taken, why.

    Into a pipe go tab-separated lines: id, status, attempts, time of the end in UTC, event, generation, URL, what was
    wrong.
    """
    with closing(client(context)) as api:
        found = list(api.webhook_deliveries(limit))
    if as_json:
        output.say_json([one.raw for one in found])
        return
    whole: dict[str, Any] = {"no_wrap": True}
    wide: dict[str, Any] | None = {"overflow": "fold"} if (output.width() or 0) >= WIDE else None
    columns: output.Columns = {
        "ID": {**whole, "min_width": 36},  # by which one is sent again
        "STATUS": {**whole, "min_width": 9},
        "TRIES": whole,
        "AT (UTC)": wide and whole,
        "EVENT": wide and whole,
        "GENERATION": None,
        "URL": wide,
        "PROBLEM": {"overflow": "fold"},
    }
    output.say_table(columns, [_row(one) for one in found])


@app.command()
def redeliver(
    context: typer.Context,
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="See webhooks list.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Send one again, now, whatever became of it."""
    with closing(client(context)) as api:
        delivery = api.redeliver(delivery_id)
    if as_json:
        output.say_json(delivery.raw)
    else:
        output.say(f"{output.plain(delivery.id)} is sent again; webhooks list tells what becomes of it.")


@app.command()
def secret(
    context: typer.Context,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make another; for a day both are signed with.")] = False,
    as_json: Json = False,
) -> None:
    """Print the secret that your webhooks are signed with: a receiver verifies them by it."""
    with closing(client(context)) as api:
        found = api.webhook_secret(rotate=rotate)
    if as_json:
        output.say_json({"secret": found})
        return
    output.say(found)
    if rotate:
        output.warn(
            "Until tomorrow webhooks are signed with the one before, too: give your receivers this one by then."
        )


def _row(delivery: Delivery) -> list[object]:
    at = f"{delivery.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    told = [delivery.id, delivery.status, delivery.attempts, at, delivery.type]
    return [*told, delivery.generation_id, delivery.url, delivery.problem or ""]
