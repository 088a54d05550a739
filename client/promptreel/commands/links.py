"""link: make, list and revoke short links to a video."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from promptreel._links import Link
from promptreel.commands import output
from promptreel.commands.options import GenerationId, Json, client, span_of
from promptreel.commands.tables import Column, say_table

_COLUMNS = (
    Column("N", is_right=True),
    Column("KIND"),
    Column("EXPIRES (UTC)"),
    Column("OPENS TODAY", is_right=True),
    Column("LINK", place="below"),
)
HOUR, LONGEST = timedelta(hours=1), timedelta(days=3650)


def link(
    context: typer.Context,
    generation_id: GenerationId,
    lifetime: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long the link works, such as 1h, 7d or 8w.")
    ] = "7d",
    forever: Annotated[bool, typer.Option("--forever", help="Make a link that works until it is revoked.")] = False,
    show_prompt: Annotated[
        bool, typer.Option("--show-prompt", help="Show the prompt on the page, to everyone with the link.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the generation's links instead.")] = False,
    revoke: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Revoke the link with this number instead.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a short link to a video and print it. Everyone with the link can watch the video.

    The link without the file name at its end is a page that plays the video. Delete the generation to end all links.
    """
    if list_ and revoke is not None:
        raise typer.BadParameter("choose one of --list and --revoke.", param_hint="--list")
    span = None if forever else _span(lifetime)
    with closing(client(context)) as api:
        if list_:
            _say_links(api.links(generation_id), as_json=as_json)
        elif revoke is not None:
            api.revoke_link(generation_id, revoke)
            if as_json:
                output.say_json({"number": revoke, "revoked": True})
            else:
                output.say(f"Revoked link {revoke}.")
        else:
            _say_new(api.create_link(generation_id, span, show_prompt=show_prompt), as_json=as_json)


def _span(text: str) -> timedelta:
    span = span_of(text)
    if span is None or not HOUR <= span <= LONGEST:
        raise typer.BadParameter(
            f"{text!r} is not a duration from an hour to ten years: use 1h, 7d or 8w, or --forever.", param_hint="--for"
        )
    return span


def _say_new(made: Link, *, as_json: bool) -> None:
    if as_json:
        output.say_json(made.raw)
        return
    output.say(made.url)
    ends = f"It expires at {_minute(made.expires_at)} UTC." if made.expires_at else "It does not expire."
    output.warn(f"Everyone with this link can watch the video. {ends} A page that plays it: {made.page_url}")


def _say_links(found: tuple[Link, ...], *, as_json: bool) -> None:
    if as_json:
        output.say_json([one.raw for one in found])
        return
    rows = [
        (
            one.number,
            "automatic" if one.automatic else "",
            _minute(one.expires_at) if one.expires_at else "never",
            one.opens_today,
            one.url,
        )
        for one in found
    ]
    say_table(_COLUMNS, rows, "The generation has no links.")


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"
