"""create, get, list, download, cancel, delete: what users do."""

import json
import shlex
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from promptreel.client import DEFAULT_MODEL, Client, Status
from promptreel.commands import output, progress
from promptreel.commands.options import WAIT_SECONDS, Force, GenerationId, Json, Output, Timeout, Wait, again, client
from promptreel.errors import GenerationFailed
from promptreel.generation import Generation


def create(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shows.", show_default=False)],
    model: Annotated[str, typer.Option(help="See promptreel models.")] = DEFAULT_MODEL,
    duration: Annotated[int | None, typer.Option(help="Length in seconds.", show_default=False)] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="Such as 16:9 or 9:16.", show_default=False)] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What it must not show.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives similar videos.", show_default=False)] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Any other parameter of the model; the value is JSON, or else text. May be repeated.",
            show_default=False,
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="The same key and request are the same job, however often.", show_default=False),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    save_as: Output = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Ask for a video; with -o, wait for it and save it.

    Prints the generation's id, with --wait its video's link, with -o the file.
    """
    named = {"duration": duration, "aspect_ratio": aspect_ratio, "negative_prompt": negative_prompt, "seed": seed}
    parameters = {name: value for name, value in named.items() if value is not None} | _parameters(param or [])
    if save_as:
        _refuse_unwritable(save_as, force)  # before anything is paid
    with closing(client(context)) as api, progress.telling_interrupts():
        generation = api.create(prompt, model, idempotency_key=idempotency_key, **parameters)
        if wait or save_as:
            output.warn(f"Generation {generation.id}")
            _ended(context, api, generation.id, timeout, save_as, force, as_json)
        elif as_json:
            output.say_json(generation.raw)
        else:
            output.say(generation.id)
            output.warn(f"It runs. Follow it with: {again(context, f'get {generation.id} --wait')}")


def get(
    context: typer.Context,
    generation_id: GenerationId,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Show a generation, with a fresh link to its video."""
    with closing(client(context)) as api, progress.telling_interrupts():
        generation = _waited(context, api, generation_id, timeout, None, as_json) if wait else api.get(generation_id)
    if as_json:
        output.say_json(generation.raw)
    else:
        output.say_generation(generation)


def list_(
    context: typer.Context,
    status: Annotated[
        str | None, typer.Option(help=f"Only those: {', '.join(get_args(Status))}.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List your generations, newest first.

    Into a pipe go tab-separated lines: id, status, model, time of creation, prompt.
    """
    if status is not None and status not in get_args(Status):
        raise typer.BadParameter(f"it must be one of {', '.join(get_args(Status))}.", param_hint="--status")
    with closing(client(context)) as api:
        found = list(islice(api.list(status), limit))  # type: ignore[arg-type]  # checked above
    if as_json:
        output.say_json([generation.raw for generation in found])
        return
    output.say_table(
        {
            "ID": {"no_wrap": True, "min_width": 32},
            "STATUS": {"no_wrap": True, "min_width": 10},
            "MODEL": None,
            "CREATED": {"no_wrap": True, "min_width": 16},
            "PROMPT": {"no_wrap": True, "ratio": 1},
        },
        [_row(generation) for generation in found],
    )


def download(
    context: typer.Context,
    generation_id: GenerationId,
    save_as: Output = None,
    force: Force = False,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    as_json: Json = False,
) -> None:
    """Save a generation's MP4, as ID.mp4 unless told otherwise."""
    path = save_as or Path(f"{output.plain(generation_id).replace('/', '_')}.mp4")
    _refuse_unwritable(path, force)
    with closing(client(context)) as api, progress.telling_interrupts():
        if wait:
            _ended(context, api, generation_id, timeout, path, force, as_json)
        else:
            _saved(api, api.get(generation_id), path, force, as_json)


def cancel(context: typer.Context, generation_id: GenerationId, as_json: Json = False) -> None:
    """Stop a running generation. The provider may still finish it, and charge for it."""
    with closing(client(context)) as api:
        generation = api.cancel(generation_id)
    if as_json:
        output.say_json(generation.raw)
    elif generation.error:
        output.say(f"{generation.id} is stopped. {output.plain(generation.error.message)}")


def delete(
    context: typer.Context,
    generation_id: GenerationId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove an ended generation: its video and its record."""
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("it is needed where nobody can be asked.", param_hint="--yes")
        typer.confirm(f"Remove generation {output.plain(generation_id)} and its video?", abort=True, err=True)
    with closing(client(context)) as api:
        api.delete(generation_id)
    if as_json:
        output.say_json({"id": generation_id, "deleted": True})
    else:
        output.say(f"{output.plain(generation_id)} is removed.")


def _ended(
    context: typer.Context,
    api: Client,
    generation_id: str,
    timeout: float,
    path: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Wait, then save the video or print its link."""
    generation = _waited(context, api, generation_id, timeout, path, as_json)
    if path:
        _saved(api, generation, path, force, as_json)
    elif as_json:
        output.say_json(generation.raw)
    elif generation.video:
        output.say(generation.video.url)


def _waited(
    context: typer.Context, api: Client, generation_id: str, timeout: float, path: Path | None, as_json: bool
) -> Generation:
    back = f"get {generation_id} --wait"
    if path:
        back = f"download {generation_id} --wait -o {shlex.quote(str(path))}"
    try:
        return progress.wait(api, generation_id, timeout, again(context, back))
    except GenerationFailed as failed:
        if as_json:
            output.say_json(failed.generation.raw)
        raise


def _saved(api: Client, generation: Generation, path: Path, force: bool, as_json: bool) -> None:
    api.download(generation.id, path, overwrite=force)
    if as_json:
        output.say_json({**generation.raw, "path": str(path)})
    else:
        output.say(str(path))


def _refuse_unwritable(path: Path, force: bool) -> None:
    if not path.parent.is_dir():
        raise NotADirectoryError(f"There is no folder {path.parent}: make it first, or choose another one.")
    if not force and path.exists():
        raise FileExistsError(f"{path} exists already: choose another name, or overwrite it with --force.")


def _parameters(given: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--param")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters


def _row(generation: Generation) -> list[object]:
    created = generation.created_at and f"{generation.created_at:%Y-%m-%d %H:%M}"
    request = generation.request
    return [generation.id, generation.stage, request.get("model", ""), created or "", request.get("prompt", "")]
