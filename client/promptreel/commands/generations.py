"""get, open, download, cancel, delete and tag: commands for single generations."""

import os
import sys
import webbrowser
from contextlib import closing
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import (
    WAIT_SECONDS,
    Force,
    GenerationId,
    GenerationIds,
    Json,
    Notify,
    Output,
    Timeout,
    Wait,
    again,
    client,
    in_output_folder,
    remedy_of,
)
from promptreel.commands.waiting import Waiting, refuse_unwritable, save, telling_interrupts, wait_for
from promptreel.errors import GenerationFailed, NotFinished
from promptreel.generation import ID_DIGITS
from promptreel.results import row_of, video_name


def get(
    context: typer.Context,
    generation_id: GenerationId,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    notify: Notify = False,
    as_json: Json = False,
) -> None:
    """Show a generation, with a fresh link to its video."""
    with closing(client(context)) as api, telling_interrupts():
        generation = api.get(generation_id)
        if wait or notify:
            generation = wait_for(context, api, generation, Waiting(timeout, notify=notify, as_json=as_json))
    if as_json:
        output.say_json(generation.raw)
    else:
        opening = again(context, f"open {generation.id[:8]}")
        output.say_generation(generation, remedy_of(context, generation), opening)


def open_(context: typer.Context, generation_id: GenerationId) -> None:
    """Open a generation's video in your browser. Without a display, print its link."""
    with closing(client(context)) as api:
        generation = api.get(generation_id)
    if generation.status == "error":
        raise GenerationFailed(generation)
    if generation.video is None:
        raise NotFinished(generation.no_video, generation)
    if _has_display() and webbrowser.open(generation.video.url):
        output.warn(f"Opening the video of {generation.id} in your browser.")
    else:
        output.say(generation.video.url)


def _has_display() -> bool:
    """Return whether there is a display. Without one, webbrowser would start a text browser in the terminal."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


def download(
    context: typer.Context,
    generation_id: GenerationId,
    save_as: Output = None,
    force: Force = False,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    notify: Notify = False,
    as_json: Json = False,
) -> None:
    """Save a generation's video, by default under its row, its name or first words, and the start of its id.

    Without -o, the video is saved in the project's output folder, or in the working directory.
    """
    if save_as:
        refuse_unwritable(save_as, force)
    with closing(client(context)) as api, telling_interrupts():
        generation = api.get(generation_id)
        path = save_as or in_output_folder(context, video_name(row_of(generation)))
        refuse_unwritable(path, force)
        if wait or notify:
            waiting = Waiting(timeout, path, notify=notify, as_json=as_json)
            generation = wait_for(context, api, generation, waiting)
            path = save_as or path.with_name(video_name(row_of(generation)))
        save(api, generation, path, force, as_json)


def cancel(context: typer.Context, generation_id: GenerationId, as_json: Json = False) -> None:
    """Cancel a running generation. The provider may still finish and charge for the video."""
    with closing(client(context)) as api:
        generation = api.cancel(generation_id)
    if as_json:
        output.say_json(generation.raw)
    elif generation.error:
        output.say(f"{generation.id}: {output.plain(generation.error.message)}")


def delete(
    context: typer.Context,
    generation_id: GenerationId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a finished generation: its video and its record."""
    if not (yes or sys.stdin.isatty()):
        raise typer.BadParameter("add --yes, because confirmation needs a terminal.", param_hint="--yes")
    with closing(client(context)) as api:
        if len(generation_id) < ID_DIGITS:
            generation_id = api.get(generation_id).id
        if not yes:
            typer.confirm(f"Delete generation {output.plain(generation_id)} and its video?", abort=True, err=True)
        api.delete(generation_id)
    if as_json:
        output.say_json({"id": generation_id, "deleted": True})
    else:
        output.say(f"Deleted generation {output.plain(generation_id)}.")


def tag(
    context: typer.Context,
    generation_ids: GenerationIds,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="KEY=VALUE", help="Add a tag. May be repeated.", show_default=False),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="KEY=VALUE", help="Remove a tag. May be repeated.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Set the name; an empty one removes it.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Change the tags and the name of generations, running or finished.

    An added tag replaces the tag with the same key. `--remove KEY` removes the tag whatever its value. The cost stays
    counted under the earlier tags, and a stored video is kept as long as before.
    """
    if not add and not remove and name is None:
        raise typer.BadParameter("say what to change with --add, --remove or --name.", param_hint="--add")
    with closing(client(context)) as api:
        for generation_id in generation_ids:
            generation = api.tag(generation_id, add or (), remove=remove or (), name=name)
            if as_json:
                output.say_json_line(generation.raw)
            else:
                output.say(f"{generation.id}: {output.plain(', '.join(generation.tags)) or 'no tags'}")
