"""Waiting for a generation: a line for each stage it reaches, and on a terminal a live one, all on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from promptreel.client import Client
from promptreel.commands.output import plain
from promptreel.errors import WaitTimeout
from promptreel.generation import Generation


def wait(client: Client, generation_id: str, timeout: float, way_back: str) -> Generation:
    """`Client.wait`, shown; Ctrl-C and a time-out leave the generation running and tell the way back."""
    started, console = time.monotonic(), Console(stderr=True)
    try:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress:
            live = progress.add_task("", total=None)

            def show(generation: Generation) -> None:
                progress.update(live, description=plain(generation.stage))
                line = f"{time.monotonic() - started:6.1f} s  {plain(generation.stage)}"
                progress.console.print(line, markup=False, highlight=False)

            return client.wait(generation_id, timeout, show)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"Stopped watching; generation {generation_id} goes on. Come back with: {way_back}")
        raise
    except WaitTimeout as late:
        late.add_note(f"Come back with: {way_back}")
        raise


@contextmanager
def telling_interrupts() -> Iterator[None]:
    """The notes of a Ctrl-C on stderr; it then ends the program with 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", []):
            Console(stderr=True).print(f"\n{note}", markup=False, highlight=False, soft_wrap=True)
        raise
