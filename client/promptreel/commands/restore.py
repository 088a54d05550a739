"""restore: put lost records back without sending anything twice."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment

TABLES = ("generations", "batches", "webhooks", "money")


def restore(
    context: typer.Context,
    since: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="The restore point (UTC), the time that the copy shows.",
            show_default=False,
        ),
    ],
    copy: Annotated[
        str | None,
        typer.Argument(metavar="[COPY]", help="The restored copy of a table, under another name.", show_default=False),
    ] = None,
    table: Annotated[
        str, typer.Option(metavar="TABLE", help=f"The table that was copied: {', '.join(TABLES)}.")
    ] = "generations",
    as_json: Json = False,
) -> None:
    """Put lost records back from a restored copy of a table, from the videos bucket and from the provider's log.

    Existing records do not change. A job that may have been sent since the restore point is never sent again: it
    continues once the provider's log lists it. Run the command without COPY again within a day, until no job is left.
    See docs/backup.md.
    """
    if table not in TABLES:
        raise typer.BadParameter(f"it must be one of {', '.join(TABLES)}.", param_hint="--table")
    point = since.replace(tzinfo=UTC)
    with deployment(context) as deployed:
        from promptreel.operator.restore import Restore  # noqa: PLC0415 - an extra, and slow to import

        restoring = Restore(deployed, lambda: datetime.now(UTC))
        if copy:
            restoring.from_copy(copy, table, point)
        if table == "generations":
            restoring.from_videos()
            restoring.look_up(point)
    done = restoring.done
    if as_json:
        output.say_json(vars(done))
        return
    output.say(
        f"{output.counted(done.items, 'item')} from the copy, {output.counted(done.from_videos, 'record')} from the "
        f"videos bucket, {output.counted(len(done.found), 'job')} found in the provider's log."
    )
    for generation_id in done.unsure:
        output.warn(f"{generation_id} may have been sent and is not in the provider's log yet.")
    for provider_id in done.unknown:
        output.warn(f"The provider has {output.plain(provider_id)}, which has no record: promptreel import.")
