"""sync: keep a folder of videos up to date."""

import errno
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, OfProject, client, tags_of
from promptreel.commands.waiting import telling_interrupts
from promptreel.errors import PromptreelError

if TYPE_CHECKING:
    from promptreel._sync import Synced

MOST_NAMED = 10  # files or generations in a message


def sync(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder for the videos; it is created.", show_default=False)
    ],
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="KEY=VALUE", help="Videos with this tag. Repeat it for several.", show_default=False
        ),
    ] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="BATCH", help="Videos of this batch, by its name or id.", show_default=False)
    ] = None,
    of_project: OfProject = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare the checksums of videos that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Save the videos of a tag, a project or a batch that a folder does not have yet.

    Run it again at any time: only missing videos are downloaded, interrupted downloads continue, and each video is
    verified before it appears. VIDEO.json has its prompt, model, seed, id, cost and checksum. Nothing is
    deleted. Prints the path of each new video.
    """
    if bool(tags or of_project) == bool(batch):
        raise typer.BadParameter(
            "select the videos with --tag, with --project or with --batch.", param_hint="--tag, --project, --batch"
        )
    selected = tags_of(context, tags, of_project=of_project)

    def said(path: Path) -> None:
        if not as_json:
            output.say(output.plain(path))

    with closing(client(context)) as api, telling_interrupts():
        try:
            done = api.sync(folder, tags=selected, batch=batch, verify=verify, on_saved=said)
        except KeyboardInterrupt as stopped:
            stopped.add_note("Run the same command again to continue.")
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                error.add_note(output.plain(f"Free some space in {folder}, then run the same command again."))
            raise
    if as_json:
        output.say_json({**asdict(done), **_texts(done)})
    _report(done)


def _texts(done: "Synced") -> dict[str, object]:
    paths = {name: list(map(str, getattr(done, name))) for name in ("saved", "replaced", "unselected")}
    problems = [{"id": generation_id, "message": why} for generation_id, why in done.problems]
    return {"folder": str(done.folder), **paths, "problems": problems}


def _report(done: "Synced") -> None:
    """Print what was done on stderr. Raise `PromptreelError` if a video could not be saved."""
    if done.replaced:
        output.warn(f"Changed files were moved to {output.plain(done.replaced[0].parent)}: {_named(done.replaced)}.")
    if done.unselected:
        output.warn(f"No longer selected, and kept: {_named([path.name for path in done.unselected])}.")
    if done.expired:
        output.warn(f"Expired before they were saved: {_named(done.expired)}.")
    for generation_id, why in done.problems:
        output.warn(output.plain(f"{generation_id}: {why}"))
    counts = {"still running": done.running, "failed": done.failed}
    rest = "".join(f", {count} {name}" for name, count in counts.items() if count)
    output.warn(f"{output.counted(len(done.saved), 'video')} saved, {done.already} already there{rest}.")
    if not (done.saved or done.already or done.expired or done.problems or rest):
        output.warn("Nothing has these tags, or the batch has no rows yet: check the spelling.")
    if done.problems:
        videos = output.counted(len(done.problems), "video")
        raise PromptreelError(f"{videos} could not be saved. Run the same command again.")


def _named(names: Sequence[object]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    shown = (name.name if isinstance(name, Path) else str(name) for name in names[:MOST_NAMED])
    return output.plain(", ".join(shown)) + more
