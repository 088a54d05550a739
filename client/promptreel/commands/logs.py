"""logs and redrive: read the functions' logs, and reprocess messages that they gave up on."""

from enum import StrEnum
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment, span_of


class Level(StrEnum):
    """The severity of a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def logs(
    context: typer.Context,
    functions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FUNCTION]...", help="Functions such as submit or finalize; by default all.", show_default=False
        ),
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 30m, 12h, 2d, 1w.")] = "1h",
    level: Annotated[Level, typer.Option(help="Minimum severity.")] = Level.WARNING,
    generation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only lines about this generation; needs the full id.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the functions logged, oldest first.

    In a pipe, prints tab-separated lines: time, function, level, and the message with its fields as NAME=VALUE.
    """
    span = span_of(since)
    if span is None:
        raise typer.BadParameter(f"{since!r} is not a duration: use 30m, 12h, 2d or 1w.", param_hint="--since")
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
        output.warn(f"Nothing was logged at level {level} or above in the last {since}.")


def redrive(context: typer.Context, as_json: Json = False) -> None:
    """Reprocess messages in the dead-letter queues: files and events, webhooks, and failures that were not recorded.

    Messages that were already processed have no effect. Exits with 1 if a message fails again; it stays in its queue.
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
        output.say(f"Files and events queued again: {done['files_and_events'].taken}")
        output.say(f"Webhooks queued again: {done['webhooks'].taken}")
        output.say(f"Job failures recorded: {done['ends'].taken}")
        for fault in faults:
            output.warn(f"Not recorded, still in the dead-letter queue: {output.plain(fault)}")
    if faults:
        raise typer.Exit(1)
