"""watch: follow everything that runs."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.notification import notify as send_notification
from promptreel.commands.options import client
from promptreel.commands.running import DELETED, Follower
from promptreel.commands.tables import Column, lines_of
from promptreel.errors import ApiError, ConnectionFailed
from promptreel.generation import Generation

POLL_SECONDS = 5.0
BATCHES = 20  # the newest, to know whether one is still starting rows
IDLE_POLLS = 2  # in a row, because lists have a new generation only after a moment
INTERRUPTED = 130
_COLUMNS = (
    Column("ID", is_id=True),
    Column("STATUS"),
    Column("SINCE", is_right=True),
    Column("MODEL", least=12, place="wide"),
    Column("PROMPT", least=8),
)

Say = Callable[[Generation], None]
Draw = Callable[[Follower, bool], None]


def watch(
    context: typer.Context,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing runs. The exit code is 1 if a generation failed.")
    ] = False,
    notify: Annotated[
        bool, typer.Option("--notify", help="Ring the terminal's bell and show a notification when generations end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each change as a line of JSON.")] = False,
) -> None:
    """Follow all your running generations until Ctrl-C. Those that end stay on the screen, above those that run.

    In a pipe, prints a tab-separated line for each change: time (UTC), id, status, model, prompt, error. Generations
    that already run are printed first. Polls every five seconds, and continues through faults of the network.
    """
    show = _in_pipe if as_json or output.width() is None else _on_terminal
    failed = idle = 0
    try:
        with closing(client(context)) as api, show(as_json) as (say, draw):
            for follower, changed in _changes(api, draw):
                for one in changed:
                    say(one)
                ended = [one for one in changed if one.ended]
                failed += sum(one.status == "error" and one.stage != DELETED for one in ended)
                if notify and ended:
                    send_notification(_summary(ended))
                draw(follower, False)
                idle = idle + 1 if until_idle and not (follower.running or _starts_rows(api)) else 0
                if idle == IDLE_POLLS:
                    break
    except KeyboardInterrupt:
        output.warn("Stopped watching. Your generations continue.")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if until_idle and failed:
        raise typer.Exit(1)


def _changes(api: Client, draw: Draw) -> Iterator[tuple[Follower, list[Generation]]]:
    """Yield the changes after each poll. After the first poll, continue through temporary faults."""
    follower = Follower(api)
    yield follower, follower.poll()
    while True:
        time.sleep(POLL_SECONDS)
        try:
            changed = follower.poll()
        except (ConnectionFailed, ApiError) as error:
            if isinstance(error, ApiError) and not error.may_pass:
                raise
            draw(follower, True)
            continue
        yield follower, changed


def _starts_rows(api: Client) -> bool:
    """Return whether a batch may still start rows. If that is unknown because of a fault, it may."""
    try:
        return any(not batch.ended for batch in islice(api.batches(), BATCHES))
    except (ConnectionFailed, ApiError) as error:
        if isinstance(error, ApiError) and not error.may_pass:
            raise
        return True


@contextmanager
def _in_pipe(as_json: bool) -> Iterator[tuple[Say, Draw]]:
    """Yield functions that print a line for each change, and a warning when the API stops answering."""
    was_down = False

    def say(one: Generation) -> None:
        if as_json:
            output.say_json_line(one.raw if one.stage != DELETED else {**one.raw, "status": "error", "deleted": True})
        else:
            output.say_rows([(_now(), one.id, one.stage, *_about(one), str(one.error or ""))])
        sys.stdout.flush()

    def draw(_: Follower, is_down: bool) -> None:
        nonlocal was_down
        if is_down != was_down:
            output.warn("The API cannot be reached. Trying again." if is_down else "The API answers again.")
        was_down = is_down

    yield say, draw


@contextmanager
def _on_terminal(_: bool) -> Iterator[tuple[Say, Draw]]:
    """Yield functions that print generations that ended, and below them a table of those that run."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.live import Live  # noqa: PLC0415 - also
    from rich.text import Text  # noqa: PLC0415 - also

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def say(one: Generation) -> None:
            if one.ended:
                why = one.error or _about(one)[1]
                line = output.plain(f"{datetime.now():%H:%M:%S}  {one.id[:8]}  {one.stage}  {why}")  # noqa: DTZ005 - the person's own time
                live.console.print(Text(output.cut(line, _width()), no_wrap=True))

        def draw(follower: Follower, is_down: bool) -> None:
            size = shutil.get_terminal_size()
            live.update(
                Text("\n".join(_lines(follower, is_down, size.columns, size.lines)), no_wrap=True), refresh=True
            )

        yield say, draw


def _lines(follower: Follower, is_down: bool, width: int, height: int) -> list[str]:
    """Return a line that counts what runs, and as much of the table as fits on the screen."""
    running = follower.running
    generating = sum(one.status == "generating" for one in running)
    more = " or more" if follower.is_cut else ""
    counts = f"{generating} generating, {len(running) - generating} queued{more}" if running else "Nothing runs"
    lines = [output.cut("The API cannot be reached. Trying again." if is_down else f"{counts}. Ctrl-C ends.", width)]
    room = max(1, height - 4)  # without the counts, the titles, the line below, and the cursor's
    if running:
        lines += lines_of(_COLUMNS, [_row(one) for one in running[:room]], width)[: room + 1]
    if len(running) > room:
        lines.append(f"and {len(running) - room} more")
    return lines


def _row(one: Generation) -> Sequence[object]:
    return one.id, one.stage, _age(one), *_about(one)


def _about(one: Generation) -> tuple[Any, Any]:
    return one.request.get("model", ""), one.request.get("prompt", "")


def _age(one: Generation) -> str:
    """Return the time since it was requested, or since the provider accepted it."""
    since = one.submitted_at or one.created_at
    seconds = max(0, round((datetime.now(UTC) - since).total_seconds())) if since else 0
    for unit, length in (("d", 24 * 3600), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:  # 90 minutes, rather than 1 hour
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _summary(ended: list[Generation]) -> str:
    if len(ended) == 1:
        return f"{ended[0].id[:8]} {'completed' if ended[0].status == 'completed' else 'failed'}"
    completed = sum(one.status == "completed" for one in ended)
    failed = f", {len(ended) - completed} failed" if completed < len(ended) else ""
    return f"{output.counted(completed, 'video')} completed{failed}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _width() -> int:
    return shutil.get_terminal_size().columns
