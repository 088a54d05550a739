"""create: generate one or more videos from a prompt."""

import json
import re
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from promptreel._inputs import TYPES, with_paths
from promptreel._webhooks import Webhook
from promptreel.client import DEFAULT_MODEL, Client
from promptreel.commands import completion, notification, output
from promptreel.commands.options import (
    WAIT_SECONDS,
    Force,
    Json,
    Notify,
    Output,
    Tags,
    Timeout,
    Unchecked,
    Wait,
    again,
    client,
    project,
)
from promptreel.commands.waiting import Waiting, finish, refuse_unwritable, telling_interrupts, wait_for, warn_of_suffix
from promptreel.errors import ApiError, ConfigurationError, PromptreelError, WaitTimeout
from promptreel.generation import Generation
from promptreel.money import Estimate

MOST = 100  # videos of one prompt; for more, use a batch
MAX_PROMPT_BYTES = 192 << 10  # the API's limit for a request


@dataclass
class Take:
    """One of several videos of the same prompt: its seed or number, and its result."""

    number: int
    path: Path | None
    generation: Generation | None = None
    error: Exception | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the API's object for the generation, or the error of a request that was not accepted."""
        if self.generation is None:
            error = {"name": type(self.error).__name__, "message": str(self.error)}
            return {"id": None, "status": "error", "error": error}
        saved = {"path": str(self.path)} if self.path and not self.error else {}
        return {**self.generation.raw, **saved}


def _input(help_: str) -> Any:
    return typer.Option(
        metavar="FILE",
        help=f"{help_}: a local file, which is uploaded, or https://..., generation:ID, s3://... May be repeated.",
        show_default=False,
    )


def create(
    context: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT",
            help="The content of the video; `-` reads stdin, `@FILE` reads a file. Optional for some models.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"The model; see `promptreel models`. By default the project's, or {DEFAULT_MODEL}.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ] = None,
    duration: Annotated[int | None, typer.Option(help="Length in seconds.", show_default=False)] = None,
    aspect_ratio: Annotated[
        str | None, typer.Option(help="The aspect ratio, such as 16:9 or 9:16.", show_default=False)
    ] = None,
    negative_prompt: Annotated[
        str | None, typer.Option(help="Content that the video must not show.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives similar videos.", show_default=False)] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Number of videos to generate.", show_default=False)
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Generate a video for each seed, such as 1-4 or 1,5,9.", show_default=False),
    ] = None,
    image: Annotated[list[str] | None, _input("Input image")] = None,
    video: Annotated[list[str] | None, _input("Input video")] = None,
    audio: Annotated[list[str] | None, _input("Input audio")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Any other parameter of the model: JSON, a file as above, or plain text. May be repeated.",
            show_default=False,
        ),
    ] = None,
    unchecked: Unchecked = False,
    tag: Tags = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="URL to notify with a signed POST when the job ends.", show_default=False),
    ] = None,
    webhook_events: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Events to notify: completed, failed; by default both.", show_default=False),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Repeating a request with the same key starts no second job.", show_default=False),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    notify: Notify = False,
    save_as: Output = None,
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the estimated cost.")] = False,
    as_json: Json = False,
) -> None:
    """Generate one or more videos. With -o, wait and save them.

    Prints the generation's id, with --wait the link to its video, or with -o the file name. For several videos it
    prints a line each, and -o boat.mp4 saves boat-1.mp4, boat-2.mp4 and so on, by seed or number. If one fails, the
    others continue.
    """
    takes = [Take(number, _numbered(save_as, number)) for number in _numbers(count, seeds, seed)]
    named = {"duration": duration, "aspect_ratio": aspect_ratio, "negative_prompt": negative_prompt, "seed": seed}
    parameters = {name: value for name, value in named.items() if value is not None} | _parameters(param or [])
    for path in [take.path for take in takes] or [save_as]:
        if path:
            refuse_unwritable(path, force)  # before anything is paid
    model, tags = _with_defaults(context, model, tag or [])
    if prompt is None and model == DEFAULT_MODEL:
        raise typer.BadParameter("it is missing: this model needs a prompt.", param_hint="PROMPT")
    text = None if prompt is None else _prompt(prompt)
    waits = wait or notify or save_as is not None
    with closing(client(context, strict=not unchecked)) as api, telling_interrupts():
        parameters |= _inputs(api, model, {"image": image, "video": video, "audio": audio})
        parameters = api._with_inputs(with_paths(parameters))
        if dry_run:
            _print_cost(api.estimate(text, model, **parameters), len(takes) or 1, as_json=as_json)
            return
        parameters |= {"tags": tags, "webhook": Webhook(webhook or "", webhook_events or "")}
        waiting = Waiting(timeout, save_as, force, notify, as_json)
        if takes:
            key = idempotency_key or uuid4().hex
            try:
                for take in takes:
                    own = {**parameters, "seed": take.number} if seeds else parameters
                    request = _Request(text, model, own)
                    _request(api, take, request, f"{key}-{take.number}", is_first=take is takes[0])
                    if take.generation and not (waits or as_json):
                        output.say(take.generation.id)
                if waits:
                    _finish(context, api, takes, waiting)
            except KeyboardInterrupt as interrupt:
                interrupt.add_note(f"Videos already requested continue. {_again(key)}")
                raise
            _end(takes, key, waits=waits, notify=notify, as_json=as_json)
            return
        generation = api.create(text, model, idempotency_key=idempotency_key, **parameters)
        if waits:
            output.warn(f"Generation {generation.id}")
            finish(context, api, generation, waiting)
        elif as_json:
            output.say_json(generation.raw)
        else:
            output.say(generation.id)
            output.warn(f"Started. Follow it with: {again(context, f'get {generation.id} --wait')}")


def _with_defaults(context: typer.Context, model: str | None, tags: list[str]) -> tuple[str, list[str]]:
    """Return the model and the tags, completed from the project. Print on stderr what the project adds."""
    found = project(context)
    if found is None:
        return model or DEFAULT_MODEL, tags
    tagged = found.tagged(tags)
    added = [f"the model {found.model}"] if found.model and model is None else []
    added += [f"the tag {tag}" for tag in tagged[len(tags) :]]
    if added:
        output.warn(output.plain(f"Using {', '.join(added)} of {found.file}."))
    return model or found.model or DEFAULT_MODEL, tagged


def _print_cost(estimate: Estimate, count: int, *, as_json: bool) -> None:
    if as_json:
        output.say_json(estimate.raw)
    else:
        output.say(f"{count} videos, each {estimate}" if count > 1 else str(estimate))
    if estimate.refused:
        raise PromptreelError(estimate.refused)


@dataclass(frozen=True)
class _Request:
    """A request for a video."""

    prompt: str | None
    model: str
    parameters: dict[str, Any]


def _request(api: Client, take: Take, request: _Request, key: str, *, is_first: bool) -> None:
    """Request one video. If the first request fails with an error that every request would get, raise it."""
    try:
        take.generation = api.create(request.prompt, request.model, idempotency_key=key, **request.parameters)
    except PromptreelError as error:
        concerns_all = isinstance(error, ConfigurationError) or (isinstance(error, ApiError) and not error.may_pass)
        if concerns_all and is_first:
            raise
        take.error = error
        output.warn(f"{take.number}: {' '.join([str(error), *getattr(error, '__notes__', [])])}")


def _finish(context: typer.Context, api: Client, takes: list[Take], waiting: Waiting) -> None:
    """Wait for the videos in order, since they run in parallel, and save or print each one."""
    deadline = time.monotonic() + waiting.timeout
    for take in takes:
        if take.generation is None:
            continue
        output.warn(f"{take.number}: generation {take.generation.id}")
        left = max(0.0, deadline - time.monotonic())
        try:
            take.generation = wait_for(context, api, take.generation, Waiting(left, take.path))
            if take.path:
                api.download(take.generation, take.path, overwrite=waiting.force)
                warn_of_suffix(take.generation, take.path)
        except (PromptreelError, OSError) as error:
            take.error = error
            take.generation = getattr(error, "generation", take.generation)
            output.warn(" ".join([str(error), *getattr(error, "__notes__", [])]))
        else:
            if take.path and not waiting.as_json:
                output.say(str(take.path))
            elif take.generation.video and not waiting.as_json:
                opening = again(context, f"open {take.generation.id[:8]}")
                output.say(output.link(take.generation.video.url, opening))


def _end(takes: list[Take], key: str, *, waits: bool, notify: bool, as_json: bool) -> None:
    """Print how many videos succeeded and their cost. Exit with 4 if all errors are timeouts, 1 for other errors."""
    errors = [take.error for take in takes if take.error]
    spent = fsum(take.generation.usd or 0 for take in takes if take.generation and take.generation.ended)
    cost = f", {spent:.2f} USD in total" if spent else ""
    videos = output.counted(len(takes), "video")
    total = f"{len(takes) - len(errors)} of {videos} {'completed' if waits else 'requested'}{cost}"
    if as_json:
        output.say_json([take.as_json() for take in takes])
    output.warn(f"{total}. {_again(key)}" if errors or not waits else f"{total}.")
    if notify:
        notification.notify(total)
    if errors:
        raise typer.Exit(4 if all(isinstance(error, WaitTimeout) for error in errors) else 1)


def _again(key: str) -> str:
    return f"To continue without paying twice, repeat the command with --idempotency-key {key}."


def _numbers(count: int | None, seeds: str | None, seed: int | None) -> list[int]:
    """Return the numbers or seeds of several videos, or an empty list for a single video."""
    if count is None and seeds is None:
        return []
    if count is not None and seeds is not None:
        raise typer.BadParameter("it already sets the number of videos: leave out --count.", param_hint="--seeds")
    if seed is not None:
        raise typer.BadParameter("it is for a single video: use --seeds for several.", param_hint="--seed")
    if seeds is None:
        return list(range(1, (count or 0) + 1))
    found: dict[int, None] = {}
    for part in seeds.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + MOST:
            raise typer.BadParameter(f"{part!r} is not a seed or a range of up to {MOST} seeds.", param_hint="--seeds")
        found |= dict.fromkeys(range(first, last + 1))
    if len(found) > MOST:
        raise typer.BadParameter(f"the limit is {MOST} seeds: for more, use promptreel batch.", param_hint="--seeds")
    return list(found)


def _numbered(path: Path | None, number: int) -> Path | None:
    return path and path.with_name(f"{path.stem}-{number}{path.suffix}")


def _prompt(given: str) -> str:
    """Return the prompt, read from stdin for `-` or from a file for `@FILE`, without surrounding whitespace."""
    try:
        if given == "-":
            content = sys.stdin.buffer.read(MAX_PROMPT_BYTES + 1)
        elif given.startswith("@"):
            with Path(given[1:]).open("rb") as file:
                content = file.read(MAX_PROMPT_BYTES + 1)
        else:
            return given
        text = content.decode("utf-8-sig").strip()
    except OSError as error:
        raise typer.BadParameter(
            f"{given[1:]!r} cannot be read ({error.strerror}). To use a prompt that starts with @, pass it on stdin "
            "with `-`.",
            param_hint="PROMPT",
        ) from None
    except UnicodeDecodeError:
        raise typer.BadParameter("it is not UTF-8 text.", param_hint="PROMPT") from None
    if not text or len(content) > MAX_PROMPT_BYTES:
        problem = f"larger than {MAX_PROMPT_BYTES >> 10} KiB" if text else "empty"
        raise typer.BadParameter(f"it is {problem}.", param_hint="PROMPT")
    return text


def _inputs(api: Client, model: str, given: dict[str, list[str] | None]) -> dict[str, Any]:
    """Assign the input files to the model's fields for images, videos and audio, in the model's order."""
    wanted = {kind: values for kind, values in given.items() if values}
    for kind, values in wanted.items():
        for value in values:
            _check_input(kind, value)
    fields = api.model(model).raw.get("inputs") or [] if wanted else []
    found: dict[str, Any] = {}
    for kind, values in wanted.items():
        names = [one["field"] for one in fields if kind in one["media"] and "." not in one["field"]]
        names.sort(key=lambda name: name.endswith("[]"))
        for value in values:
            name = next((name for name in names if name.endswith("[]") or name not in found), None)
            if name is None:
                taken = f"accepts only {', '.join(found)}" if found else "accepts no such input"
                raise typer.BadParameter(
                    f"model {model} {taken}: see promptreel models {model}.", param_hint=f"--{kind}"
                )
            if name.endswith("[]"):
                found.setdefault(name[:-2], []).append(value)
            else:
                found[name] = value
    return found


def _check_input(kind: str, value: str) -> None:
    """Raise a usage error if this can be neither a link, a reference nor a local file of a known type."""
    suffix = Path(value).suffix[1:].lower()
    if ":" in value or suffix in TYPES:
        return
    suffixes = [name for name, type_ in TYPES.items() if type_.startswith(f"{kind}/")]
    article = "an" if kind[0] in "aeiou" else "a"
    raise typer.BadParameter(
        f"{value!r} is not {article} {kind} file: its name must end in {', '.join(suffixes)}.", param_hint=f"--{kind}"
    )


def _parameters(given: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise typer.BadParameter(f"{text!r} is not of the form NAME=VALUE.", param_hint="--param")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters
