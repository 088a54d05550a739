"""Waiting for a generation: a line for each stage it reaches, and on a terminal a live one, all on stderr."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from promptreel.client import Client
from promptreel.commands import output
from promptreel.commands.options import again, remedy_of
from promptreel.errors import GenerationFailed, PromptreelError, WaitTimeout
from promptreel.generation import MP4, Generation

MOST_AHEAD = 100  # that the API counts


@dataclass(frozen=True)
class Waiting:
    """How long a command waits for a generation, and what it does then: its options."""

    timeout: float  # seconds
    path: Path | None = None  # where the video is saved
    force: bool = False  # over a file that is there
    notify: bool = False
    as_json: bool = False


def finish(context: typer.Context, api: Client, generation: Generation, waiting: Waiting) -> Generation:
    """Wait, then save the video, or print its link if no path was given."""
    generation = wait_for(context, api, generation, waiting)
    if waiting.path:
        save(api, generation, waiting.path, waiting.force, waiting.as_json)
    elif waiting.as_json:
        output.say_json(generation.raw)
    elif generation.video:
        output.say(generation.video.url)
    return generation


def wait_for(context: typer.Context, api: Client, generation: Generation, waiting: Waiting) -> Generation:
    """Wait as `Client.wait` does, and show it; add to a failure what fixes it.

    Ctrl-C and a time-out leave the generation running, and print the command that continues to wait.
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
        interrupt.add_note(f"Stopped watching; generation {generation.id} goes on. Come back with: {way_back}")
        raise
    except WaitTimeout as late:
        ended = "goes on"
        late.add_note(f"Come back with: {again(context, back)}")
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
            output.notify(f"Promptreel: {generation.id[:8]} {ended}")
    return seen


def save(api: Client, generation: Generation, path: Path, force: bool, as_json: bool) -> None:
    """Save the video and print where it is."""
    api.download(generation, path, overwrite=force)
    tell_misnamed(generation, path)
    if as_json:
        output.say_json({**generation.raw, "path": str(path)})
    else:
        output.say(str(path))


def tell_misnamed(generation: Generation, path: Path) -> None:
    """Some models make other videos than MP4s; programs expect what was asked for where it was asked for."""
    if generation.video and generation.video.suffix not in (MP4, path.suffix.lower()):
        output.warn(
            f"{path} holds {generation.video.content_type}: players may want it named {generation.video.suffix}."
        )


def refuse_unwritable(path: Path, force: bool) -> None:
    """Before anything is paid or waited for."""
    if not path.parent.is_dir():
        raise NotADirectoryError(f"There is no folder {path.parent}: make it first, or choose another one.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    if not force and path.exists():
        raise FileExistsError(f"{path} exists already: choose another name, or overwrite it with --force.")


@contextmanager
def telling_interrupts() -> Iterator[None]:
    """The notes of a Ctrl-C on stderr; it then ends the program with 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", []):
            Console(stderr=True).print(f"\n{note}", markup=False, highlight=False, soft_wrap=True)
        raise


def _watched(api: Client, generation: Generation, timeout: float) -> Generation:
    started, console, stage = time.monotonic(), Console(stderr=True), ""
    usual = _usual(api, generation) if output.is_terminal(console) and not generation.ended else ""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not output.is_terminal(console),
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
    """How long such a one takes, if that is known; no reason for the waiting to fail."""
    try:
        takes = api.model(str(generation.request.get("model"))).takes
    except PromptreelError:
        return ""
    if takes is None:
        return ""
    return f"{output.plain(generation.request.get('model'))} usually takes {takes}."


def _position(generation: Generation) -> str:
    """What it waits for, or where it is in the queue; others' jobs are let in between, so this is no time."""
    if generation.waits_for:
        return f", for the video of {output.plain(', '.join(generation.waits_for))}"
    if generation.ahead is None:
        return ""
    if generation.ahead == 0:
        return ", the next of yours"
    number = f"{MOST_AHEAD} or more" if generation.ahead >= MOST_AHEAD else str(generation.ahead)
    return f", {number} of yours before it"
