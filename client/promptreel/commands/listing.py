"""list: what there is, as wide as the terminal."""

import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, get_args

import typer

from promptreel.client import Filters, Status
from promptreel.commands import completion, output
from promptreel.commands.options import Json, Tags, client, span_of
from promptreel.generation import Generation

SHORT = 8  # digits of an id: enough for ten thousand of them, most often
LEAST = 38  # columns that an id, a status and a time with its year take
_TIME = r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?"
ROOM = 24  # columns that a prompt needs next to the rest; else it has a line of its own


def list_(
    context: typer.Context,
    status: Annotated[
        str | None,
        typer.Option(
            help=f"Only those: {', '.join(get_args(Status))}.", show_default=False, autocompletion=completion.statuses
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Only this model's.", show_default=False, autocompletion=completion.models)
    ] = None,
    batch: Annotated[str | None, typer.Option(metavar="ID", help="Only this batch's.", show_default=False)] = None,
    text: Annotated[str | None, typer.Option(help="Only with this in the prompt.", show_default=False)] = None,
    tag: Tags = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Not older: 30m, 12h, 2d, 1w, or a date such as 2026-01-31 or 2026-01-31T12:00, in UTC.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Not newer; a date is the whole day.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List your generations, newest first; of those that failed, why.

    Into a pipe go tab-separated lines: whole id, status, model, time of creation in UTC, prompt, why it failed.
    """
    if status is not None and status not in get_args(Status):
        raise typer.BadParameter(f"it must be one of {', '.join(get_args(Status))}.", param_hint="--status")
    after = _time(since, "--since") if since else None
    before = _time(until, "--until", end=True) if until else None
    with closing(client(context)) as api:
        filters = Filters(
            model=model, batch=batch, text=text, tags=tag or [], created_after=after, created_before=before
        )
        found = list(api.list(status, limit=limit, **filters))  # type: ignore[arg-type]  # checked above
    if as_json:
        output.say_json([generation.raw for generation in found])
    elif (width := output.width()) is None:
        output.say_rows([_row(generation) for generation in found])
    elif found:
        _say(found, width)


def _time(text: str, option: str, *, end: bool = False) -> datetime:
    """A time ago, a date (its beginning or its end), or a time in UTC."""
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
            f"{text!r} is no time: say 30m, 12h, 2d, 1w, 2026-01-31 or 2026-01-31T12:00.", param_hint=option
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _say(found: list[Generation], width: int) -> None:
    """A line each, its id, status and time first, which are never cut; below it why it failed, and what is left."""
    is_wide = width >= 120  # noqa: PLR2004 - columns
    digits = 32 if is_wide else SHORT
    model_width = max(len(_model(generation)) for generation in found) if width >= 100 else 0  # noqa: PLR2004 - columns
    titles = [("ID", digits), ("STATUS", 10), ("CREATED (UTC)", 16 if width >= LEAST else 11)]
    titles += [("MODEL", max(5, min(model_width, width // 4)))] if model_width else []
    used = sum(size + 2 for _, size in titles)
    is_beside = width - used >= ROOM
    head = "".join(output.cut(title, size) + "  " for title, size in titles) + ("PROMPT" if is_beside else "")
    output.say_line(head, "bold")
    for generation in found:
        created = _created(generation) if width >= LEAST else _created(generation)[5:]
        cells = [generation.id[:digits], generation.stage, created, _model(generation)]
        line = "".join(output.cut(cell, size) + "  " for cell, (_, size) in zip(cells, titles, strict=False))
        prompt = str(generation.request.get("prompt", ""))
        if is_beside:
            line += output.cut(prompt, width - used, pad=False)
        output.say_line(line)
        below = [] if is_beside or not prompt else [prompt]
        below += [f"! {_why(generation)}"] if generation.error else []
        for text in below:
            output.say_line("  " + output.cut(text, width - 2, pad=False), "dim")


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
    return f"{generation.error.name}: {generation.error.message}" if generation.error else ""
