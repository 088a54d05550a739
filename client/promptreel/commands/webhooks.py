"""webhooks: list and repeat deliveries, and show the signing secret."""

from contextlib import closing
from datetime import UTC
from typing import Annotated

import typer

from promptreel._webhooks import Delivery
from promptreel.commands import output
from promptreel.commands.options import Json, client
from promptreel.commands.tables import Column, say_table

_COLUMNS = (
    Column("ID"),  # whole: redeliver needs it
    Column("STATUS"),
    Column("TRIES", is_right=True),
    Column("AT (UTC)"),
    Column("EVENT", place="wide"),
    Column("GENERATION", place="wide", is_id=True),
    Column("URL", least=24, place="wide"),
    Column("PROBLEM", place="below", mark="! "),
)

app = typer.Typer(help="List and repeat webhook deliveries, and show the signing secret.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List your webhook deliveries, newest first, with the problem of each failed attempt.

    In a pipe, prints tab-separated lines: id, status, attempts, creation time (UTC), event, generation, URL, problem.
    """
    with closing(client(context)) as api:
        listed = list(api.webhook_deliveries(limit + 1))
    found = listed[:limit]
    if as_json:
        output.say_json([one.raw for one in found])
        return
    say_table(_COLUMNS, [_row(one) for one in found], "No webhooks were sent.")
    output.say_rest(len(listed) > limit, limit)


@app.command()
def redeliver(
    context: typer.Context,
    delivery_id: Annotated[
        str, typer.Argument(metavar="ID", help="The delivery's id; see `promptreel webhooks list`.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Send a delivery again now, whatever its status."""
    with closing(client(context)) as api:
        delivery = api.redeliver(delivery_id)
    if as_json:
        output.say_json(delivery.raw)
    else:
        output.say(f"Sending {output.plain(delivery.id)} again. Check the result with: promptreel webhooks list")


@app.command()
def secret(
    context: typer.Context,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Create a new secret; the old one also signs for a day.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the secret that signs your webhooks. Receivers use it to verify them."""
    with closing(client(context)) as api:
        found = api.webhook_secret(rotate=rotate)
    if as_json:
        output.say_json({"secret": found})
        return
    output.say(found)
    if rotate:
        output.warn("For a day, webhooks are signed with both secrets: update your receivers within that time.")


def _row(delivery: Delivery) -> list[object]:
    at = f"{delivery.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    told = [delivery.id, delivery.status, delivery.attempts, at, delivery.type]
    return [*told, delivery.generation_id, delivery.url, delivery.problem or ""]
