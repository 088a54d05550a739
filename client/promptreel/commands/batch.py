"""batch: a file of hundreds of prompts."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.options import Json, Wait, again, client, configured, deployment, require_operator_extra
from promptreel.commands.waiting import telling_interrupts
from promptreel.errors import BatchTimeout, PromptreelError

if TYPE_CHECKING:
    from promptreel.operator.batch import RunningBatch

POLL_SECONDS = 2.0
DAY = 24 * 60 * 60.0


def batch(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Requests as .csv, .jsonl or .json, a row or a line each; see docs/files.md.",
        ),
    ],
    wait: Wait = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check every row, here; nothing is sent.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Its name in the prompts bucket; by default the file's.", show_default=False)
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(min=1, help="Rows at once; by default the stage's setting.", show_default=False)
    ] = None,
    save_to: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Save the report here, and wait for it.", show_default=False
        ),
    ] = None,
    videos: Annotated[bool, typer.Option("--videos", help="Save the videos beside the report.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run the allowed rows although others are not.")] = False,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long --wait waits.")] = DAY,
    as_json: Json = False,
) -> None:
    """Run a file of requests; the same file again is the same batch, and pays for nothing twice.

    Prints the batch's id. The rows are checked against the models that the deployment offers; with --dry-run and no
    deployment, against those that this version knows.
    """
    require_operator_extra()
    from promptreel.operator import batch as operator  # noqa: PLC0415 - an extra, and slow to import

    with _api(context) as api:
        checked = operator.check(file, operator.models_of(api) if api else None)
    for problem in checked.problems:
        output.warn(output.plain(problem))
    summary = f"{checked.rows} rows, {len(checked.problems)} with a problem"
    if dry_run:
        if as_json:
            output.say_json({"rows": checked.rows, "problems": checked.problems})
        else:
            output.say(f"{file}: {summary}.")
    if checked.problems and not force:
        raise PromptreelError(f"{file}: {summary}. Nothing was sent: mend the file, or run the others with --force.")
    if dry_run:
        return
    with deployment(context) as deployed, telling_interrupts():
        running = operator.drop(deployed, file, key or file.name, checked.rows, max_concurrency)
        if not (wait or save_to or videos):
            output.say(running.batch_id)
            output.warn(f"It runs. Follow it with: {again(context, f'batch {file} --wait')}")
            return
        try:
            _follow(running, timeout)
        except (KeyboardInterrupt, BatchTimeout) as stopped:
            stopped.add_note(f"The batch goes on. Come back with: {again(context, f'batch {file} --wait')}")
            raise
        _finish(running, save_to or Path(f"batch-{running.batch_id}"), videos, as_json)


@contextmanager
def _api(context: typer.Context) -> Iterator[Client | None]:
    """The deployment's API, which says what it offers; None, and a word about it, where none is configured."""
    found = configured(context)
    if found.url and found.api_key:
        with closing(client(context)) as api:
            yield api
    else:
        output.warn("No API is configured: the rows are checked against the models that this version knows.")
        yield None


def _follow(running: "RunningBatch", timeout: float) -> None:
    """A bar with counts and the time left, on a terminal; a line for each change of the counts elsewhere."""
    console, deadline, shown = Console(stderr=True), time.monotonic() + timeout, ""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = TimeRemainingColumn(elapsed_when_finished=True)
    with Progress(*columns, left, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=running.rows)
        while not running.has_report():
            counts = running.counts()
            ended = counts["completed"] + counts["error"]
            text = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "not started yet"
            progress.update(bar, completed=ended, description=text)
            if text != shown and not console.is_terminal:
                output.warn(f"{ended}/{running.rows}  {text}")
                shown = text
            if time.monotonic() > deadline:
                raise BatchTimeout(f"Batch {running.batch_id} has not ended after {timeout:.0f} s.")
            time.sleep(POLL_SECONDS)


def _finish(running: "RunningBatch", folder: Path, videos: bool, as_json: bool) -> None:
    table, lines = running.fetch_report(folder)
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    completed = [row for row in rows if row["status"] == "completed"]
    if videos:
        for row in completed:
            running.fetch_video(row["s3_uri"], folder / f"{row['row']:05d}-{row['generation_id']}.mp4")
    if as_json:
        output.say_json(rows)
    else:
        output.say(f"{len(completed)} of {len(rows)} rows completed; the report is {table}.")
    if len(completed) < len(rows):
        raise PromptreelError(f"{len(rows) - len(completed)} rows failed: {table} says why.")
