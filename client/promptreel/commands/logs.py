"""logs and redrive: what the functions said, and another try for what they gave up."""

from enum import StrEnum
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment, span_of


class Level(StrEnum):
    """How serious a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def logs(
    context: typer.Context,
    functions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FUNCTION]...", help="Such as submit or finalize; all unless told.", show_default=False
        ),
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 30m, 12h, 2d, 1w.")] = "1h",
    level: Annotated[Level, typer.Option(help="Only of this level and above.")] = Level.WARNING,
    generation: Annotated[
        str | None, typer.Option(metavar="ID", help="Only about this generation; its whole id.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the functions logged, oldest first.

    Into a pipe go tab-separated lines: time, function, level, message, and what else was said as NAME=VALUE.
    """
    span = span_of(since)
    if span is None:
        raise typer.BadParameter("such as 30m, 12h, 2d or 1w", param_hint="--since")
    with deployment(context) as deployed:
        from promptreel.operator import logs as operator  # noqa: PLC0415 - an extra, and slow to import

        lines = operator.read(deployed, functions or (), span, level, generation)
    if as_json:
        output.say_json(list(operator.as_json(lines)))
        return
    output.say_rows(
        [
            (
                f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
                line.function,
                line.level,
                " ".join([line.message, *(f"{name}={value}" for name, value in line.fields.items())]),
            )
            for line in lines
        ]
    )
    if not lines:
        output.warn(f"Nothing of level {level} or above in the last {since}.")


def redrive(context: typer.Context, as_json: Json = False) -> None:
    """Try again what lies in the dead-letter queues: files and events, webhooks, ends of jobs that were not recorded.

    What was taken before is not taken twice. Exits with 1 if something could not be taken again; it stays there.
    """
    with deployment(context) as deployed:
        from promptreel.operator.redrive import redrive_failures, redrive_queue  # noqa: PLC0415 - as above

        done = {
            "files_and_events": redrive_queue(deployed, "Ingest"),
            "webhooks": redrive_queue(deployed, "Webhooks"),
            "ends": redrive_failures(deployed),
        }
    faults = [fault for one in done.values() for fault in one.faults]
    if as_json:
        output.say_json({name: one.taken for name, one in done.items()} | {"faults": faults})
    else:
        output.say(f"{done['files_and_events'].taken} files and events are taken again.")
        output.say(f"{done['webhooks'].taken} webhooks are sent again.")
        output.say(f"{done['ends'].taken} ends of jobs are recorded.")
        for fault in faults:
            output.warn(f"Not recorded, and still there: {output.plain(fault)}")
    if faults:
        raise typer.Exit(1)
