"""list: show generations, fitted to the terminal's width."""

import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, get_args

import typer

from promptreel._batches import is_whole
from promptreel.client import Filters, Status
from promptreel.commands import completion, output
from promptreel.commands.options import Json, OfProject, Tags, client, span_of, tags_of
from promptreel.commands.tables import Column, say_table
from promptreel.generation import Generation

_TIME = r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?"
_COLUMNS = (
    Column("ID", is_id=True),
    Column("STATUS"),
    Column("MODEL", least=12, place="wide"),
    Column("CREATED (UTC)"),
    Column("PROMPT", least=24),
    Column("ERROR", place="below", mark="! "),
)


def list_(
    context: typer.Context,
    status: Annotated[
        str | None,
        typer.Option(
            help=f"Only this status: {', '.join(get_args(Status))}.",
            show_default=False,
            autocompletion=completion.statuses,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Only this model.", show_default=False, autocompletion=completion.models)
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="BATCH", help="Only this batch, by its name, its id or its first digits.", show_default=False
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Only with these words in the prompt, the name or the tags.", show_default=False),
    ] = None,
    tag: Tags = None,
    of_project: OfProject = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only newer: an age such as 30m, 12h, 2d or 1w, or a UTC time such as 2026-01-31 or 2026-01-31T12:00.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only older; a date includes the whole day.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List your generations, newest first, with the error of those that failed.

    In a pipe, prints tab-separated lines: full id, status, model, creation time (UTC), prompt, error.
    """
    if status is not None and status not in get_args(Status):
        raise typer.BadParameter(f"it must be one of {', '.join(get_args(Status))}.", param_hint="--status")
    after = _time(since, "--since") if since else None
    before = _time(until, "--until", end=True) if until else None
    tags = tags_of(context, tag, of_project=of_project)
    with closing(client(context)) as api:
        batch_id = api.batch(batch).id if batch and not is_whole(batch) else batch
        filters = Filters(model=model, batch=batch_id, text=text, tags=tags, created_after=after, created_before=before)
        # One more, to know whether there are more.
        listed = list(api.list(status, limit=limit + 1, **filters))  # type: ignore[arg-type]  # checked above
    found = listed[:limit]
    if as_json:
        output.say_json([generation.raw for generation in found])
    else:
        say_table(_COLUMNS, [_row(generation) for generation in found], "No generations were found.")
        output.say_rest(len(listed) > limit, limit)


def _time(text: str, option: str, *, end: bool = False) -> datetime:
    """Parse an age, a date (its start, or its end if `end`), or a time that is in UTC unless it names a zone."""
    if ago := span_of(text):
        return datetime.now(UTC) - ago
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=int(end))
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if not re.fullmatch(_TIME, text, re.ASCII):
            raise ValueError
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time: use 30m, 12h, 2d, 1w, 2026-01-31 or 2026-01-31T12:00.", param_hint=option
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _row(generation: Generation) -> list[object]:
    prompt = generation.request.get("prompt", "")
    return [
        generation.id,
        generation.stage,
        _model(generation),
        _created(generation),
        prompt,
        _why(generation),
    ]


def _model(generation: Generation) -> str:
    return str(generation.request.get("model", ""))


def _created(generation: Generation) -> str:
    return f"{generation.created_at.astimezone(UTC):%Y-%m-%d %H:%M}" if generation.created_at else ""


def _why(generation: Generation) -> str:
    return str(generation.error) if generation.error else ""
