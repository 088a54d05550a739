"""batch: files of many prompts."""

import dataclasses
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from math import fsum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from promptreel._batches import DAY, MAX_SENT_BYTES, Placed
from promptreel._inputs import as_utf8
from promptreel._sidecar import compare
from promptreel.batch import Batch, BatchCheck, Existing, ReportRow, Revision
from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.batch_files import BatchId, init, rows, said_of, where
from promptreel.commands.notification import notify
from promptreel.commands.options import (
    Json,
    Notify,
    Unchecked,
    Wait,
    again,
    client,
    configured,
    in_output_folder,
    project,
)
from promptreel.commands.tables import DIGITS, Column, say_table
from promptreel.commands.waiting import telling_interrupts
from promptreel.errors import ApiError, BatchTimeout, ConfigurationError, PromptreelError
from promptreel.results import DEFAULT_TEMPLATE, Results, checked_template, prepare, video_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

MOST_EARLIER = 5  # earlier revisions that are shown
WIDE = 70  # columns of a terminal that has space for a bar
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")


class _FileOrCommand(TyperGroup):
    """`batch FILE` is `batch run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        found: list[str] = super().parse_args(ctx, args)
        return found


app = typer.Typer(
    cls=_FileOrCommand,
    help="Generate videos from files of many prompts. `batch FILE` is short for `batch run FILE`.",
    no_args_is_help=True,
)

Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Maximum time to wait.")]
SaveTo = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Wait, then save the report here.", show_default=False),
]
Videos = Annotated[
    bool, typer.Option("--videos", help="Wait, then save the videos next to the report, with a page that shows them.")
]
Template = Annotated[
    str,
    typer.Option(
        "--name-template", help="File names of the videos. {name} is the row's name or its prompt's first words."
    ),
]


_LIST = (
    Column("ID", is_id=True),
    Column("STATUS"),
    Column("ROWS", is_right=True),
    Column("REV", is_right=True),
    Column("CREATED (UTC)"),
    Column("NAME", least=20),
    Column("EARLIER", place="below"),
)
_REPORT = (
    Column("ROW", is_right=True),
    Column("STATUS"),
    Column("GENERATION", is_id=True),
    Column("NAME", least=8),
    Column("PROMPT", least=24),
    Column("ERROR", place="below", mark="! "),
)

_MEANINGS: dict[Existing, str] = {  # what each choice does, in at most 40 columns with its name
    "reuse": "add only the new rows there",
    "again": "run all rows in a new batch",
    "replace": "make it the next revision",
}


@dataclass(frozen=True)
class Following:
    """The options that say how long to wait for a batch and what to save when it ends."""

    timeout: float  # seconds
    save_to: Path | None
    videos: bool
    template: str  # of the videos' names
    as_json: bool
    notify: bool

    @property
    def waits(self) -> bool:
        """Return whether one of the options implies waiting."""
        return self.save_to is not None or self.videos or self.notify

    def folder_of(self, context: typer.Context, batch_id: str) -> Path | None:
        """Return the folder for the results, or None if nothing is to be saved."""
        return self.save_to or (in_output_folder(context, f"batch-{batch_id}") if self.videos else None)

    @property
    def options(self) -> list[str]:
        """Return the command-line options that save the same results."""
        options = ["-o", str(self.save_to)] if self.save_to else []
        options += ["--videos"] if self.videos else []
        options += ["--notify"] if self.notify else []
        return options + (["--name-template", self.template] if self.template != DEFAULT_TEMPLATE else [])


@app.command()
def run(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="A .csv, .tsv, .jsonl or .json file with one request per row or line; see docs/files.md.",
        ),
    ],
    wait: Wait = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, but generate nothing.")] = False,
    name: Annotated[
        str | None,
        typer.Option(help="The batch's name, such as week.csv; by default the file's name.", show_default=False),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="If another batch has most of the rows, add only the new rows to that batch."),
    ] = False,
    again_: Annotated[
        bool, typer.Option("--again", help="Generate every row in a new batch: week-2.csv if week.csv exists.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Make the file the next revision of its batch, even if it drops most of the batch's rows."
        ),
    ] = False,
    max_concurrency: Annotated[
        int | None, typer.Option(min=1, help="Rows to run at once; by default the stage's setting.", show_default=False)
    ] = None,
    save_to: SaveTo = None,
    videos: Videos = False,
    name_template: Template = DEFAULT_TEMPLATE,
    force: Annotated[bool, typer.Option("--force", help="Run the valid rows even if others are invalid.")] = False,
    encoding: Annotated[
        str | None,
        typer.Option(help="The file's encoding if it is not UTF-8, such as cp1252 (Excel).", show_default=False),
    ] = None,
    unchecked: Unchecked = False,
    timeout: Timeout = DAY,
    notify: Notify = False,
    as_json: Json = False,
) -> None:
    """Run a file of requests. If you edit the file and run it again, only the new rows are generated.

    Prints the batch's id. The deployment checks every row before the batch starts; the rows of a large file (over
    4 MiB or 5,000 rows) are checked after the upload, and invalid ones are rejected. If no deployment is configured,
    --dry-run checks the rows against the models that this version knows. Local images, audio and videos that rows name,
    relative to the file's folder, are uploaded.
    """
    choice = _chosen(reuse=reuse, again=again_, replace=replace)
    _reject_other_file(file)
    checked_template(name_template)
    if save_to:
        prepare(save_to)  # before anything is paid
    _warn_of_defaults(context)
    if dry_run and not _has_api(context):
        with _recoded(file, encoding) as readable:
            _check_here(file, readable, strict=not unchecked, as_json=as_json)
        return
    api_of = client(context, strict=not unchecked)
    with (
        closing(api_of) as api,
        telling_interrupts(),
        api._local_inputs(file, encoding) as (own, upload),
        api._placed(own, name, choice) as placed,
    ):
        choice = placed.existing
        check = _checked(api, placed)
        if check:
            _print_problems(file, placed, check, quiet=as_json)
            _print_unchecked(check.unchecked)
        if dry_run:
            _end_dry_run(file, check, as_json=as_json)
            return
        if check and check.problem_rows and (not force or check.problem_rows == check.rows):
            way = ", or run the valid rows with --force" if check.problem_rows < check.rows else ""
            raise PromptreelError(f"{file}: {_summary(check)}. Nothing was sent: fix the file{way}.")
        if check:
            if check.choices:
                choice = _asked(check)
                check = api.check_batch(placed.path, name=placed.name, existing=choice)
            # Rows that were fixed are no longer in the file, and are not dropped.
            _print_comparison(dataclasses.replace(check, dropped=0) if placed.merged else check, placed.name)
        following = Following(timeout, save_to, videos, name_template, as_json, notify)
        if check and (folder := following.folder_of(context, check.id)):
            Results.open(folder, check.id, name_template)
        upload()
        batch = api.create_batch(
            placed.path, name=placed.name, force=force, max_concurrency=max_concurrency, existing=choice
        )
        if wait or following.waits:
            output.warn(f"Batch {batch.id}")
            _finish(context, api, batch, following)
        elif as_json:
            output.say_json(batch.raw)
        else:
            output.say(batch.id)
            output.warn(f"Started. Follow it with: {_again(context, 'get', batch.id, '--wait', *following.options)}")


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List your batches, newest first.

    In a pipe, prints tab-separated lines: id, status, rows, revision, creation time, name, earlier revisions.
    """
    with closing(client(context)) as api:
        listed = list(islice(api.batches(), limit + 1))
    found = listed[:limit]
    if as_json:
        output.say_json([batch.raw for batch in found])
        return
    rows = [
        (
            batch.id,
            batch.status,
            "" if batch.rows is None else batch.rows,
            batch.revision,
            (batch.created_at or "")[:16].replace("T", " "),
            batch.name,
            _earlier(batch.earlier),
        )
        for batch in found
    ]
    say_table(_LIST, rows, "You have no batches. Start one with: promptreel batch FILE")
    output.say_rest(len(listed) > limit, limit)


@app.command()
def get(
    context: typer.Context,
    batch_id: BatchId,
    wait: Wait = False,
    save_to: SaveTo = None,
    videos: Videos = False,
    name_template: Template = DEFAULT_TEMPLATE,
    timeout: Timeout = DAY,
    notify: Notify = False,
    as_json: Json = False,
) -> None:
    """Show a batch and its progress; with -o or --videos, wait and save its results."""
    checked_template(name_template)
    with closing(client(context)) as api, telling_interrupts():
        batch = api.batch(batch_id)
        following = Following(timeout, save_to, videos, name_template, as_json, notify)
        if wait or following.waits:
            _finish(context, api, batch, following)
        elif as_json:
            output.say_json(batch.raw)
        else:
            _show(batch)


@app.command()
def report(
    context: typer.Context,
    batch_id: BatchId,
    revision: Annotated[
        int | None, typer.Option(min=1, help="An earlier revision; by default the latest.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the current state of every row.

    In a pipe, prints tab-separated lines: row, status, generation, name, prompt, error.
    """
    with closing(client(context)) as api:
        rows = list(api.report(batch_id, revision))
    if as_json:
        output.say_json([row.raw for row in rows])
        return
    listed = [
        (row.row, row.status, row.generation_id or "", row.name or "", row.prompt or "", row.error or "")
        for row in rows
    ]
    say_table(_REPORT, listed, "The batch has no rows yet.")


@app.command()
def cancel(
    context: typer.Context,
    batch_id: BatchId,
    as_json: Json = False,
) -> None:
    """Cancel a batch and its running rows. The provider may still finish and charge for those rows."""
    with closing(client(context)) as api:
        batch = api.cancel_batch(batch_id)
    if as_json:
        output.say_json(batch.raw)
        return
    counts = batch.counts or {}
    running = counts.get("queued", 0) + counts.get("generating", 0)
    completed = counts.get("completed", 0)
    kept = f" {output.counted(completed, 'row')} had already completed." if completed else ""
    state = "Cancelling" if batch.status == "cancelling" else "Cancelled"
    output.say(f"{state} batch {batch.id}.{kept}")
    if running:
        rows = output.counted(running, "row")
        output.warn(f"Still running: {rows}. Cancel again with: {_again(context, 'cancel', batch.id)}")


@app.command()
def retry(
    context: typer.Context,
    batch_id: BatchId,
    wait: Wait = False,
    save_to: SaveTo = None,
    videos: Videos = False,
    name_template: Template = DEFAULT_TEMPLATE,
    timeout: Timeout = DAY,
    notify: Notify = False,
    as_json: Json = False,
) -> None:
    """Run rows again that failed, were cancelled or never started.

    Videos that the provider has already made are fetched, and requests that it may have accepted are not sent again,
    so nothing is paid for twice.
    """
    checked_template(name_template)
    with closing(client(context)) as api, telling_interrupts():
        if save_to:
            Results.open(save_to, api.batch(batch_id).id, name_template)
        batch = api.retry_batch(batch_id)
        following = Following(timeout, save_to, videos, name_template, as_json, notify)
        if wait or following.waits:
            _finish(context, api, batch, following)
        elif as_json:
            output.say_json(batch.raw)
        else:
            output.say(batch.id)
            output.warn(f"Started. Follow it with: {_again(context, 'get', batch.id, '--wait', *following.options)}")


def _warn_of_defaults(context: typer.Context) -> None:
    """Say that a project's model and tags do not apply to rows: a file means the same in every folder."""
    found = project(context)
    if found and (found.tags or found.model):
        output.warn(output.plain(f"Rows have the model and the tags of their file, not those of {found.file}."))


def _has_api(context: typer.Context) -> bool:
    found = configured(context)
    return bool(found.url and found.api_key)


def _reject_other_file(file: Path) -> None:
    """Reject a workbook, and a .txt file: it would be one prompt, and its author may mean one prompt per line."""
    if file.suffix.lower() in WORKBOOKS:
        raise PromptreelError(
            f"{file} is a workbook: save its sheet as CSV UTF-8 (in Excel: File, Save As) and send that file."
        )
    if file.suffix.lower() != ".txt":
        return
    lines = sum(1 for line in file.read_text("utf-8", "replace").splitlines() if line.strip())
    raise PromptreelError(
        f"{file} is a single prompt of {output.counted(lines, 'line')}, like every .txt file: for one prompt per line, "
        "use a .csv file with the header `prompt`."
    )


@contextmanager
def _recoded(file: Path, encoding: str | None) -> Iterator[Path]:
    """Yield the file, or a temporary copy of it in UTF-8 if it has another encoding."""
    if encoding is None:
        yield file
        return
    with TemporaryDirectory(prefix="promptreel-") as folder:
        copy = Path(folder) / file.name
        copy.write_bytes(as_utf8(file, encoding))
        yield copy


def _check_here(file: Path, readable: Path, *, strict: bool, as_json: bool) -> None:
    try:
        import jsonschema  # noqa: F401, PLC0415 - slow to import
    except ImportError:
        raise ConfigurationError(
            "Checking a file without a deployment needs jsonschema: run pip install jsonschema."
        ) from None
    from promptreel.operator.check import check  # noqa: PLC0415 - slow to import

    checked = check(readable, strict=strict)
    rows, problems = checked.rows, checked.problems
    _print_causes([str(problem["message"]) for problem in problems])
    for problem in problems:
        output.warn(output.plain(f"{file}:{problem['line']}: row {problem['row']}: {problem['message']}"))
    _print_unchecked(checked.unchecked)
    output.warn(
        f"No API is configured, so the rows were checked against the {checked.models} models that this version knows; "
        "your deployment may offer others."
    )
    if as_json:
        found = {"rows": rows, "problem_rows": len(problems), "problems": problems, "unchecked": checked.unchecked}
        output.say_json(found)
    else:
        output.say(f"{file}: {_rows_with_problems(rows, len(problems))}.")
    if problems:
        raise PromptreelError(
            f"{file}: {_rows_with_problems(rows, len(problems))}. Nothing was sent: fix the file and try again."
        )


def _chosen(**options: bool) -> Existing | None:
    chosen = [choice for choice in _MEANINGS if options[choice]]
    if len(chosen) > 1:
        raise typer.BadParameter("pass only one of these.", param_hint=_as_options(chosen))
    return chosen[0] if chosen else None


def _as_options(choices: Sequence[Existing]) -> str:
    return ", ".join(f"--{choice}" for choice in choices)


def _checked(api: Client, placed: Placed) -> BatchCheck | None:
    """Return the deployment's check of the file, or None if the file is too large to check before it is uploaded."""
    if said := said_of(placed):
        output.warn(said)
    try:
        return api.check_batch(placed.path, name=placed.name, existing=placed.existing)
    except ApiError as error:
        if error.status != 413:  # noqa: PLR2004 - HTTP's own
            raise
    output.warn(
        f"{output.plain(placed.name)} is large (over {MAX_SENT_BYTES >> 20} MiB or 5,000 rows): its rows are checked "
        "after the upload."
    )
    return None


def _print_problems(file: Path, placed: Placed, check: BatchCheck, *, quiet: bool) -> None:
    _print_causes([problem.message for problem in check.problems])
    for problem in check.problems:
        output.warn(output.plain(f"{where(file, placed, problem)}: row {problem.row}: {problem.message}"))
    if check.problem_rows > len(check.problems) and not quiet:
        output.warn(f"... and {check.problem_rows - len(check.problems)} more.")


def _print_causes(reasons: Sequence[str]) -> None:
    """Print the number of rows with each cause, the most frequent first, if rows share a cause."""
    causes = Counter(re.sub(r", not .*", "", reason, flags=re.DOTALL).rstrip(".") for reason in reasons)
    if len(causes) < len(reasons):
        for cause, count in causes.most_common():
            output.warn(output.plain(f"{output.counted(count, 'row')}: {cause}."))


def _print_unchecked(fields: Sequence[str]) -> None:
    if fields:
        output.warn(output.plain(f"Passed to the provider unchecked: {', '.join(fields)}."))


def _print_comparison(check: BatchCheck, name: str) -> None:
    """Print which rows exist already, which are dropped, which run, and what these cost."""
    lines = list(_compared(check))
    if check.name != name:
        lines.insert(0, f"Sent as {_named(check.name)}.")
    for line in (*lines, *_cost(check)):
        output.warn(line)


def _compared(check: BatchCheck) -> Iterator[str]:
    """Yield what the file has in common with batches, and how many rows are new."""
    rows = output.counted(check.rows, "row")
    if check.dropped:
        yield f"The file drops {check.dropped} of {output.counted(check.rows_before, 'row')} of {_named(check.name)}."
    if other := check.made_elsewhere:
        yield f"{_named(other.name, capital=True)} ({other.id[:DIGITS]}) already has {other.rows} of {rows}."
    if check.made_before:
        yield f"Requested earlier, not paid for again: {check.made_before} of {rows}."
    if check.failed_before:
        yield f"Failed earlier, not run again without `batch retry`: {output.counted(check.failed_before, 'row')}."
    if check.choices:
        yield f"New rows: {', '.join(f'{_new(check, choice)} with --{choice}' for choice in check.choices)}."
    else:
        yield f"New: {output.counted(check.new, 'row')}."


def _new(check: BatchCheck, choice: Existing) -> int:
    """Return how many rows a choice generates. Another batch may have made some of them, as may the batch of its name.

    The same file sent `again` belongs to the batch that it made the first time, and then generates none of these.
    """
    valid = check.rows - check.problem_rows
    match choice:
        case "reuse":
            return max(0, valid - (check.made_elsewhere.rows if check.made_elsewhere else 0))
        case "again":
            return valid
        case "replace":
            return check.new


def _named(name: str, *, capital: bool = False) -> str:
    return f"{'Batch' if capital else 'batch'} {output.plain(name)}"


def _summary(check: BatchCheck) -> str:
    made = f", {check.made_before} requested earlier" if check.made_before else ""
    return f"{_rows_with_problems(check.rows, check.problem_rows)}{made}"


def _rows_with_problems(rows: int, problem_rows: int) -> str:
    problems = {0: "no problems", 1: "1 with a problem"}.get(problem_rows, f"{problem_rows} with problems")
    return f"{output.counted(rows, 'row')}, {problems}"


def _end_dry_run(file: Path, check: BatchCheck | None, *, as_json: bool) -> None:
    if check is None:
        raise PromptreelError(
            f"{file} is too large for --dry-run. Split it, or run it: only invalid rows are rejected."
        )
    if as_json:
        output.say_json(check.raw)
    else:
        output.say(f"{file}: {_rows_with_problems(check.rows, check.problem_rows)}.")
        for line in _compared(check):
            output.say(line)
        if check.choices:
            output.say(f"To run it, pass one of {_as_options(check.choices)}.")
        for line in _cost(check):
            output.say(line)
    if check.problem_rows:
        raise PromptreelError(f"{file}: {_summary(check)}. Nothing was sent: fix the file and try again.")


def _cost(check: BatchCheck) -> Iterator[str]:
    """Yield what the new rows cost, and for how many of them nothing is known."""
    if check.estimated_usd is None:
        return
    most = f", at most {check.at_most_usd:.2f}" if check.at_most_usd != check.estimated_usd else ""
    what = f" of {output.counted(check.new, 'new row')}" if check.choices else ""
    yield f"Estimated cost{what}: {check.estimated_usd:.2f} USD{most}, plus AWS charges."
    if check.unpriced:
        yield (
            f"The cost of {output.counted(check.unpriced, 'row')} is unknown, so a fixed amount is counted for each. "
            "A new deployment reads the prices in its first minutes."
        )


def _asked(check: BatchCheck) -> Existing:
    """Return what the user chooses to do with the rows that exist. Raise `BadParameter` without a terminal."""
    said = list(_compared(check))
    if not sys.stdin.isatty():
        options = "; ".join(f"--{choice}: {_MEANINGS[choice]}" for choice in check.choices)
        raise typer.BadParameter(f"{' '.join(said)} Pass {options}.", param_hint=_as_options(check.choices))
    for line in (*said, *(f"  {choice:8} {_MEANINGS[choice]}" for choice in check.choices)):
        output.warn(line)
    chosen = typer.prompt(f"{' or '.join(check.choices)}?", prompt_suffix=" ", err=True).strip().lower()
    if chosen not in check.choices:
        raise typer.BadParameter(f"answer {' or '.join(check.choices)}.", param_hint=_as_options(check.choices))
    return cast("Existing", chosen)


def _finish(context: typer.Context, api: Client, batch: Batch, following: Following) -> None:
    """Wait for the batch, save its results if requested, and report how it ended."""
    folder = following.folder_of(context, batch.id)
    results = Results.open(folder, batch.id, following.template) if folder else None
    options = ["--wait", *following.options]
    back = _again(context, "get", batch.id, *options)
    unsaved = 0
    try:
        batch = _followed(api, batch, following.timeout)
        if batch.error:
            output.warn(output.plain(f"The latest file was not read, so these are the rows before it: {batch.error}"))
        rows = list(api.report(batch.id))
        if results:
            unsaved = _save_videos(context, api, batch, rows, results) if following.videos else 0
            output.warn(f"Report: {results.write_report(rows)}")
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"The batch keeps running. Continue waiting with: {back}")
        raise
    except BatchTimeout as late:
        late.add_note(f"Continue waiting with: {back}")
        _notify(following, batch, "continues")
        raise
    except PromptreelError:
        _notify(following, batch, "failed")
        raise
    completed = sum(row.status == "completed" for row in rows)
    _notify(following, batch, f"{completed} of {output.counted(len(rows), 'row')} completed")
    if following.as_json:
        output.say_json([row.raw for row in rows])
    else:
        before = f" ({batch.made_before} requested earlier)" if batch.made_before else ""
        usd = fsum(row.raw.get("usd") or 0 for row in rows)
        cost = f", {usd:.2f} USD in total" if usd else ""
        output.say(f"{completed} of {output.counted(len(rows), 'row')} completed{before}{cost}.")
    if completed < len(rows):
        failed = [row for row in rows if row.status != "completed"]
        _print_causes([row.error or row.status for row in failed])
        for row in failed:
            output.warn(output.plain(f"row {row.row}: {row.error or row.status}"))
        refused = sum((row.error or "").startswith("InvalidRequest:") for row in rows)
        way = f"Retry with: {_again(context, 'retry', batch.id, *options)}"
        if refused == len(rows) - completed:
            failed_file = f"failed{Path(batch.name).suffix}"
            way = f"Fix the invalid rows: {_again(context, 'rows', batch.id, '--failed', '-o', failed_file)}"
        if batch.held_back:
            output.warn(batch.held_back)
        raise PromptreelError(f"{len(rows) - completed} of {output.counted(len(rows), 'row')} failed. {way}")
    if unsaved:
        raise PromptreelError(f"{output.counted(unsaved, 'video')} could not be saved. Try again with: {back}")


def _notify(following: Following, batch: Batch, ending: str) -> None:
    if following.notify:
        notify(f"{batch.name}: {ending}")


def _save_videos(context: typer.Context, api: Client, batch: Batch, rows: Sequence[ReportRow], results: Results) -> int:
    """Save the videos and a page that shows them. Return how many videos could not be saved."""
    unsaved = 0
    for path in results.put_earlier_aside(rows):
        output.warn(f"Moved {path.name} to {path.parent}: it belongs to an earlier version of the batch.")
    for row in rows:
        unsaved += row.status == "completed" and not _save_video(context, api, row, results)
    output.warn(f"Page with the videos: {results.write_page(batch.name, rows)}")
    return unsaved


def _save_video(context: typer.Context, api: Client, row: ReportRow, results: Results) -> bool:
    path, is_there = results.video_path(row)
    if is_there:
        return True
    try:
        if path.exists():  # an earlier release saved it, or the command was stopped before it wrote the sidecar
            generation = api.get(str(row.generation_id))
            compare(path, generation)
        else:
            generation = api._save(str(row.generation_id), path)
    except (PromptreelError, OSError) as error:
        way = again(context, f"download {row.generation_id} -o {shlex.quote(video_name(row))}")
        output.warn(output.plain(f"row {row.row}: {error} Download it with: {way}"))
        return False
    results.saved(path, generation)
    return True


def _followed(api: Client, batch: Batch, timeout: float) -> Batch:
    """Wait for the batch. Show a progress bar on a terminal, and elsewhere a line for each change of the counts."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    started, shown = time.monotonic(), ""
    with _progress(Console(stderr=True), is_shown=output.is_terminal(sys.stderr)) as progress:
        bar = progress.add_task("", total=batch.rows)

        def show(found: Batch) -> None:
            nonlocal shown
            counts = found.counts or {}
            ended = counts.get("completed", 0) + counts.get("error", 0)
            named = ((name.replace("_", " "), count) for name, count in counts.items())
            text = ", ".join(f"{count} {name}" for name, count in named if count)
            text = text if found.status != "reading" else "reading the file"
            progress.update(bar, completed=ended, total=found.rows, description=text)
            line = f"{ended}/{'?' if found.rows is None else found.rows}  {text}"
            if line != shown and not output.is_terminal(sys.stderr):
                output.warn(f"{time.monotonic() - started:6.1f} s  {line}")
                shown = line

        return api.wait_for_batch(batch.id, timeout, show)


def _progress(console: "Console", *, is_shown: bool) -> "Progress":
    """Return a progress bar. The counts are wrapped if the terminal is narrow, and numbers are never cut."""
    from rich.progress import (  # noqa: PLC0415 - slow to import
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column as Wrapped  # noqa: PLC0415 - also

    counts = TextColumn("{task.description}", table_column=Wrapped())
    ended = MofNCompleteColumn(table_column=Wrapped(no_wrap=True))
    elapsed = TimeElapsedColumn(table_column=Wrapped(no_wrap=True))
    left = TimeRemainingColumn(elapsed_when_finished=True, table_column=Wrapped(no_wrap=True))
    columns = (
        [counts, BarColumn(bar_width=20), ended, elapsed, left] if console.width >= WIDE else [counts, ended, elapsed]
    )
    return Progress(*columns, console=console, transient=True, disable=not is_shown)


def _show(batch: Batch) -> None:
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in (batch.counts or {}).items() if count)
    facts: dict[str, Any] = {
        "id": batch.id,
        "name": batch.name,
        "status": batch.status,
        "error": batch.error,
        "revision": batch.revision,
        "rows": batch.rows,
        "before": f"{batch.made_before} requested earlier" if batch.made_before else None,
        "counts": counts or None,
        "rejected": output.counted(batch.rejected, "row") if batch.rejected else None,
        "held": batch.held_back,
        "created": batch.created_at,
        "earlier": _earlier(batch.earlier) or None,
    }
    for name, fact in facts.items():
        if fact is not None:
            output.say(f"{name:8} {output.plain(fact)}")


def _earlier(revisions: Sequence[Revision]) -> str:
    """Return the earlier revisions of a batch, newest first, or an empty text."""
    shown = [
        f"revision {one.number}: {output.counted(one.rows, 'row')}, {one.started_at[:16].replace('T', ' ')}"
        for one in revisions[:MOST_EARLIER]
    ]
    more = [f"{len(revisions) - MOST_EARLIER} more"] if len(revisions) > MOST_EARLIER else []
    return "; ".join([*shown, *more])


def _again(context: typer.Context, *words: str) -> str:
    return again(context, shlex.join(["batch", *words]))


app.command()(init)
app.command()(rows)
