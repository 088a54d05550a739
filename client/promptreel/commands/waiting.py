"""Wait for a generation, and show a line for each stage and a live line on a terminal, all on stderr."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.notification import notify
from promptreel.commands.options import again, remedy_of
from promptreel.errors import GenerationFailed, PromptreelError, WaitTimeout
from promptreel.generation import MP4, Generation

MOST_AHEAD = 100  # the API counts no further


@dataclass(frozen=True)
class Waiting:
    """The options that say how long to wait for a generation and what to do when it ends."""

    timeout: float  # seconds
    path: Path | None = None  # where to save the video
    force: bool = False  # overwrite an existing file
    notify: bool = False
    as_json: bool = False


def finish(context: typer.Context, api: Client, generation: Generation, waiting: Waiting) -> Generation:
    """Wait, then save the video. Without a path, print its link."""
    generation = wait_for(context, api, generation, waiting)
    if waiting.path:
        save(api, generation, waiting.path, waiting.force, waiting.as_json)
    elif waiting.as_json:
        output.say_json(generation.raw)
    elif generation.video:
        output.say(output.link(generation.video.url, again(context, f"open {generation.id[:8]}")))
    return generation


def wait_for(context: typer.Context, api: Client, generation: Generation, waiting: Waiting) -> Generation:
    """Wait like `Client.wait`, and show progress. Add the remedy to the error of a failed generation.

    After Ctrl-C or a timeout the generation continues, and the error names the command to continue waiting.
    """
    back = f"get {generation.id} --wait"
    if waiting.path:
        back = f"download {generation.id} --wait -o {shlex.quote(str(waiting.path))}"
    ended = "interrupted"
    try:
        seen = _watched(api, generation, waiting.timeout)
        ended = "completed"
    except KeyboardInterrupt as interrupt:
        way_back = again(context, back)
        interrupt.add_note(f"Stopped waiting; generation {generation.id} continues. Continue waiting with: {way_back}")
        raise
    except WaitTimeout as late:
        ended = "continues"
        late.add_note(f"Continue waiting with: {again(context, back)}")
        raise
    except GenerationFailed as failed:
        ended = "failed"
        if waiting.as_json:
            output.say_json(failed.generation.raw)
        if remedy := remedy_of(context, failed.generation):
            failed.add_note(remedy)
        raise
    finally:
        if waiting.notify and ended != "interrupted":
            notify(f"{generation.id[:8]} {ended}")
    return seen


def save(api: Client, generation: Generation, path: Path, force: bool, as_json: bool) -> None:
    """Save the video and print its path."""
    api.download(generation, path, overwrite=force)
    warn_of_suffix(generation, path)
    if as_json:
        output.say_json({**generation.raw, "path": str(path)})
    else:
        output.say(str(path))


def warn_of_suffix(generation: Generation, path: Path) -> None:
    """Warn if the video is not an MP4 and the file name does not say so. Scripts rely on the name, so keep it."""
    if generation.video and generation.video.suffix not in (MP4, path.suffix.lower()):
        output.warn(
            f"{path} contains {generation.video.content_type}: some players need the suffix {generation.video.suffix}."
        )


def refuse_unwritable(path: Path, force: bool) -> None:
    """Raise OSError if the video could not be saved here, before anything is paid for or waited for."""
    if not path.parent.is_dir():
        raise NotADirectoryError(f"The folder {path.parent} does not exist: create it or choose another.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: add a file name.")
    if not force and path.exists():
        raise FileExistsError(f"{path} already exists: choose another name, or pass --force to overwrite it.")


@contextmanager
def telling_interrupts() -> Iterator[None]:
    """Print the notes of a Ctrl-C on stderr. The program then exits with 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", []):
            output.warn(f"\n{note}")
        raise


def _watched(api: Client, generation: Generation, timeout: float) -> Generation:
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - also

    started, console, stage = time.monotonic(), Console(stderr=True), ""
    usual = _usual(api, generation) if output.is_terminal(sys.stderr) and not generation.ended else ""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not output.is_terminal(sys.stderr),
    ) as progress:
        live = progress.add_task("", total=None)
        if usual:
            progress.console.print(usual, markup=False, highlight=False, soft_wrap=True)

        def show(seen: Generation) -> None:
            nonlocal stage
            position = _position(seen)
            progress.update(live, description=output.plain(seen.stage) + position)
            if seen.stage != stage:
                stage = seen.stage
                line = f"{time.monotonic() - started:6.1f} s  {output.plain(stage)}{position}"
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        return api.wait(generation, timeout, show)


def _usual(api: Client, generation: Generation) -> str:
    """Return how long the model usually takes, or an empty string if that is unknown. Never raise an error."""
    try:
        takes = api.model(str(generation.request.get("model"))).takes
    except PromptreelError:
        return ""
    if takes is None:
        return ""
    return f"{output.plain(generation.request.get('model'))} usually takes {takes}."


def _position(generation: Generation) -> str:
    """Return what a generation waits for, or its position in the queue. It counts only the owner's jobs, so it says
    little about the time left."""
    if generation.waits_for:
        return f", for the video of {output.plain(', '.join(generation.waits_for))}"
    if generation.waits_for_credits:
        return ", for credits in the provider account"
    if generation.ahead is None:
        return ""
    if generation.ahead == 0:
        return ", next"
    number = f"{MOST_AHEAD} or more" if generation.ahead >= MOST_AHEAD else str(generation.ahead)
    return f", {number} before it"
