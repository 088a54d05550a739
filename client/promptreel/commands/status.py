"""status: one screen with running and queued work, the budgets, and everything that needs a person."""

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from promptreel._http import address
from promptreel.batch import Batch
from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.options import Json, again, client, configured, span_of
from promptreel.commands.running import LONGEST, Found, find
from promptreel.commands.usage import left
from promptreel.configuration import Configuration
from promptreel.errors import ApiError, NotFound, PromptreelError, Unauthorized
from promptreel.generation import Generation
from promptreel.money import Budget
from promptreel.project import Project

BATCHES = 100  # the newest; one call
COUNTED_BATCHES = 3  # calls
NEARLY = 0.1  # of a budget: then it is near its end
LONG = timedelta(minutes=10)  # after this, a queued generation is fetched to see why it waits
LABEL = 11  # columns of the terminal for the labels
NARROW = 60  # columns: then labels have lines of their own
CANCELLED, UNSURE = "Cancelled", "SubmissionUnknown"  # names of errors


@dataclass(frozen=True)
class Need:
    """Something that needs a person, and the command that shows more or helps."""

    what: str
    command: str | None = None


@dataclass(frozen=True)
class Slots:
    """The slots at the provider, and the jobs of all owners that wait for one."""

    limit: int
    held: int
    waiting: int


@dataclass
class Overview:
    """The answers of the API. An attribute is None if its call failed; then `unavailable` gives the reason."""

    queued: Found | None = None
    generating: Found | None = None
    failed: Found | None = None
    batches: list[Batch] | None = None
    budgets: Sequence[Budget] | None = None
    slots: Slots | None = None
    oldest: Generation | None = None  # of those that wait
    unavailable: dict[str, str] = field(default_factory=dict)


def status(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(metavar="AGE", help="How far back to look for failures, such as 12h, 2d or 1w.")
    ] = "1d",
    as_json: Json = False,
) -> None:
    """Show your deployment, running and queued work, your budgets, and everything that needs you, on one screen.

    This takes about ten calls, however many generations run. If your key may not make one, its line says so.
    In a pipe, prints tab-separated lines: label, text.
    """
    span = span_of(since)
    if span is None:
        raise typer.BadParameter(f"{since!r} is not an age: use 30m, 12h, 2d or 1w.", param_hint="--since")
    found, start = configured(context), datetime.now(UTC) - span
    with closing(client(context)) as api:
        seen = _overview(api, start)
    needs = list(_needs(context, seen, start))
    if as_json:
        output.say_json(_as_json(found, seen, needs))
        return
    for label, texts in _lines(found, seen, needs).items():
        _say(label, texts)


def _overview(api: Client, start: datetime) -> Overview:
    """Ask the API each question. Raise the first error if all questions fail."""
    seen, first = Overview(), None
    oldest = datetime.now(UTC) - LONGEST
    questions: dict[str, Callable[[], Any]] = {
        "queued": lambda: find(api, "queued", oldest),
        "generating": lambda: find(api, "generating", oldest),
        "failed": lambda: find(api, "error", start - LONGEST),
        "batches": lambda: _batches(api),
        "budgets": api.budgets,
        "slots": lambda: _slots(api),
    }
    for name, question in questions.items():
        try:
            setattr(seen, name, question())
        except ApiError as error:
            first = first or error
            seen.unavailable[name] = _reason(error)
    if first and len(seen.unavailable) == len(questions):
        raise first
    waiting = seen.queued.generations[-1] if seen.queued and seen.queued.generations else None
    # Fetching a new one would show the API that its sender got the answer (docs/decisions/0031-repeats.md).
    if waiting and waiting.created_at and datetime.now(UTC) - waiting.created_at > LONG:
        seen.oldest = _fetched(api, waiting)
    return seen


def _reason(error: ApiError) -> str:
    if isinstance(error, Unauthorized):
        return "not available: your API key does not have permission"
    if isinstance(error, NotFound):
        return "not available: the deployment is older than this command"
    return f"not available: {output.plain(error.message)}"


def _fetched(api: Client, waiting: Generation) -> Generation:
    try:
        return api.get(waiting.id)
    except PromptreelError:
        return waiting


def _batches(api: Client) -> list[Batch]:
    """Return the newest batches. The first of those that run have their rows counted."""
    found, left_to_count = list(islice(api.batches(), BATCHES)), COUNTED_BATCHES
    for index, batch in enumerate(found):
        if not batch.ended and left_to_count:
            found[index] = api.batch(batch.id)
            left_to_count -= 1
    return found


def _slots(api: Client) -> Slots:
    raw = api._http.call("GET", "/v2/slots")
    return Slots(raw["limit"], raw["held"], raw["waiting"])


def _needs(context: typer.Context, seen: Overview, start: datetime) -> Iterator[Need]:
    """Yield what needs a person, the most expensive first."""
    failed = [one for one in seen.failed.generations if (one.ended_at or start) >= start] if seen.failed else []
    names = Counter(one.error.name for one in failed if one.error and one.error.name != CANCELLED)
    if unsure := [one for one in failed if one.error and one.error.name == UNSURE]:
        videos = output.counted(len(unsure), "request")
        what = f"{videos} may have been charged without a video: an operator can find out"
        yield Need(what, again(context, f"resolve {unsure[0].id}"))
        del names[UNSURE]
    if seen.oldest and seen.oldest.waits_for_credits:
        yield Need("Generations wait because the provider account has no credits: an operator can add some")
    for budget in seen.budgets or ():
        if budget.left <= NEARLY * budget.limit:
            yield Need(f"{'Nearly used' if budget.left > 0 else 'Used'} up: {left(budget)}")
    for batch in seen.batches or ():
        if batch.status in ("stopped", "error") and _touched(batch) >= start:
            why = batch.held_back or batch.error
            again_ = f"batch retry {batch.id[:8]}" if batch.status == "stopped" else f"batch get {batch.id[:8]}"
            state = "stopped" if batch.status == "stopped" else "cannot be read"
            what = f"Batch {batch.name} {state}{f': {why}' if why else ''}".rstrip(".")
            yield Need(what, again(context, again_))
        elif batch.rejected and _touched(batch) >= start:
            what = f"Batch {batch.name}: {output.counted(batch.rejected, 'row')} rejected as invalid"
            yield Need(what, again(context, f"batch rows {batch.id[:8]} --failed"))
    if total := names.total():
        least = " or more" if seen.failed and seen.failed.is_cut else ""
        causes = ", ".join(f"{count} {name}" for name, count in names.most_common())
        since = f"{start:%Y-%m-%d %H:%M} UTC"
        what = f"{output.counted(total, 'generation')}{least} failed since {since}: {causes}"
        yield Need(what, again(context, "list --status error"))


def _touched(batch: Batch) -> datetime:
    """Return when a batch ended, or was last changed."""
    times = [batch.raw.get(name) for name in ("ended_at", "updated_at", "created_at")]
    return max((datetime.fromisoformat(time) for time in times if time), default=datetime.now(UTC))


def _lines(found: Configuration, seen: Overview, needs: list[Need]) -> dict[str, list[str]]:
    """Return the texts of each label."""
    missing = seen.unavailable
    running = [_progress(batch) for batch in seen.batches or () if not batch.ended]
    told = [text for need in needs for text in (f"{need.what}.", need.command and f"  {need.command}") if text]
    unseen = [f"Failures are {missing['failed']}."] if "failed" in missing else []
    return {
        "deployment": [_deployment(found)],
        "project": [_project(found.project)] if found.project else [],
        "runs": [missing.get("generating") or f"{_counted(seen.generating)} generating"],
        "waits": [missing.get("queued") or _waiting(seen)],
        "batches": [missing["batches"]] if "batches" in missing else running,
        "slots": [missing.get("slots") or _in_slots(seen.slots)],
        "budget": [missing["budgets"]] if "budgets" in missing else _budgets(seen.budgets or ()),
        "needs you": [*told, *unseen] or ["nothing"],
    }


def _deployment(found: Configuration) -> str:
    key = re.match(r"pr_([0-9a-f]{8})_", found.required_api_key())
    stage = " (local cloud)" if found.local_aws else ""
    return f"{address(found.required_url())}{stage}{f', key {key[1]}' if key else ''}"


def _project(project: Project) -> str:
    facts = [*project.tags, *filter(None, (project.model, project.stage and f"stage {project.stage}"))]
    folder = project.file.parent
    facts += [f"output folder {project.output.relative_to(folder.resolve())}"] if project.output else []
    return f"{_short(project.file)}{': ' if facts else ''}{', '.join(facts)}"


def _short(path: Path) -> str:
    """Return a path, with `~` for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _counted(found: Found | None) -> str:
    return f"{len(found.generations)}{' or more' if found.is_cut else ''}" if found else "0"


def _waiting(seen: Overview) -> str:
    text = f"{_counted(seen.queued)} queued"
    oldest = seen.oldest
    if oldest and oldest.created_at:
        minutes = round((datetime.now(UTC) - oldest.created_at).total_seconds() / 60)
        which = "one of them" if seen.queued and seen.queued.is_cut else "the oldest"
        text += f", {which} for {output.counted(minutes, 'minute')}"
        if oldest.waits_for:
            text += ", for the video of another generation"
    return text


def _progress(batch: Batch) -> str:
    counts = batch.counts or {}
    ended = counts.get("completed", 0) + counts.get("error", 0)
    rows = "reading the file" if batch.rows is None else output.counted(batch.rows, "row")
    failed = f", {counts['error']} failed" if counts.get("error") else ""
    return f"{batch.name}: {f'{ended} of {rows} ended{failed}' if counts else rows}"


def _in_slots(slots: Slots | None) -> str:
    return f"{slots.held} of {slots.limit} in use, {slots.waiting} queued, of all owners" if slots else ""


def _budgets(budgets: Sequence[Budget]) -> list[str]:
    return list(map(left, budgets)) or ["no limit is set"]


def _say(label: str, texts: list[str]) -> None:
    """Print the lines of a label. A line that begins with two spaces is a command, which is not broken."""
    width = output.width()
    if width is None:
        output.say_rows([(label, text.strip()) for text in texts])
        return
    is_narrow = width < NARROW
    indent = "  " if is_narrow else " " * (LABEL + 1)
    lines = []
    for text in map(output.plain, texts):
        lines += (
            [text]
            if text.startswith("  ")
            else textwrap.wrap(text, max(20, width - len(indent)), break_long_words=False, break_on_hyphens=False)
        )
    if is_narrow and lines:
        output.say_line(label, bold=True)
    for number, line in enumerate(lines):
        output.say_line(f"{label:{LABEL}} {line}" if number == 0 and not is_narrow else indent + line)


def _as_json(found: Configuration, seen: Overview, needs: list[Need]) -> dict[str, Any]:
    project = found.project
    return {
        "deployment": {"url": address(found.required_url()), "stage": found.stage},
        "project": project
        and {
            **asdict(project),
            "file": str(project.file),
            "output": str(project.output) if project.output else None,
        },
        "running": {
            name: {"count": len(one.generations), "is_at_least": one.is_cut} if one else None
            for name, one in (("generating", seen.generating), ("queued", seen.queued))
        },
        "batches": seen.batches and [batch.raw for batch in seen.batches if not batch.ended],
        "slots": seen.slots and asdict(seen.slots),
        "budgets": seen.budgets and [budget.raw for budget in seen.budgets],
        "needs_you": [asdict(need) for need in needs],
        "unavailable": seen.unavailable,
    }
