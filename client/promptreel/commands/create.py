"""create: a prompt, and one video of it or several."""

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

from promptreel._inputs import with_paths
from promptreel._webhooks import Webhook
from promptreel.client import DEFAULT_MODEL, Client
from promptreel.commands import completion, output
from promptreel.commands.options import WAIT_SECONDS, Force, Json, Notify, Output, Tags, Timeout, Wait, again, client
from promptreel.commands.waiting import Waiting, finish, refuse_unwritable, tell_misnamed, telling_interrupts, wait_for
from promptreel.errors import ApiError, ConfigurationError, PromptreelError, WaitTimeout
from promptreel.generation import Generation
from promptreel.money import Estimate

MOST = 100  # of one prompt: more of them are a file's rows
MAX_PROMPT_BYTES = 192 << 10  # the API takes no larger request


@dataclass
class Take:
    """One of several of the same prompt: its seed or its number, and what became of it."""

    number: int
    path: Path | None
    generation: Generation | None = None
    error: Exception | None = None

    def as_json(self) -> dict[str, Any]:
        """The generation in the API's words; of one that could not be asked for, why."""
        if self.generation is None:
            error = {"name": type(self.error).__name__, "message": str(self.error)}
            return {"id": None, "status": "error", "error": error}
        saved = {"path": str(self.path)} if self.path and not self.error else {}
        return {**self.generation.raw, **saved}


def _input(help_: str) -> Any:
    return typer.Option(
        metavar="FILE",
        help=f"{help_}: a file here, which is uploaded, or https://..., generation:ID, s3://... May be repeated.",
        show_default=False,
    )


def create(
    context: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT",
            help="What the video shows; `-` reads it from stdin, `@FILE` from a file. Some models need none.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="See promptreel models.", autocompletion=completion.models)
    ] = DEFAULT_MODEL,
    duration: Annotated[int | None, typer.Option(help="Length in seconds.", show_default=False)] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="Such as 16:9 or 9:16.", show_default=False)] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What it must not show.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives similar videos.", show_default=False)] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="So many videos of it.", show_default=False)
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="A video for each of these seeds, such as 1-4 or 1,5,9.", show_default=False),
    ] = None,
    image: Annotated[list[str] | None, _input("A picture that it takes")] = None,
    video: Annotated[list[str] | None, _input("A video that it takes")] = None,
    audio: Annotated[list[str] | None, _input("A sound that it takes")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Any other parameter of the model; the value is JSON, a file as above, or else text. May be repeated.",
            show_default=False,
        ),
    ] = None,
    tag: Tags = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Told of the end by a signed POST: see webhooks.", show_default=False),
    ] = None,
    webhook_events: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Of which ends: completed, failed; by default both.", show_default=False),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="The same key and request are the same job, however often.", show_default=False),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = WAIT_SECONDS,
    notify: Notify = False,
    save_as: Output = None,
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would cost.")] = False,
    as_json: Json = False,
) -> None:
    """Ask for a video, or for several; with -o, wait and save.

    Prints the generation's id, with --wait its video's link, with -o the file. Of several, a line each, and with -o
    boat.mp4 the files boat-1.mp4, boat-2.mp4 and so on, named after their seeds or numbers. One that fails does not
    keep you from the others.
    """
    takes = [Take(number, _numbered(save_as, number)) for number in _numbers(count, seeds, seed)]
    named = {"duration": duration, "aspect_ratio": aspect_ratio, "negative_prompt": negative_prompt, "seed": seed}
    parameters = {name: value for name, value in named.items() if value is not None} | _parameters(param or [])
    for path in [take.path for take in takes] or [save_as]:
        if path:
            refuse_unwritable(path, force)  # before anything is paid
    if prompt is None and model == DEFAULT_MODEL:
        raise typer.BadParameter("it is missing: only some models need none.", param_hint="PROMPT")
    text = None if prompt is None else _prompt(prompt)
    waits = wait or notify or save_as is not None
    with closing(client(context)) as api, telling_interrupts():
        parameters |= _inputs(api, model, {"image": image, "video": video, "audio": audio})
        parameters = api._with_inputs(with_paths(parameters))
        if dry_run:
            _tell_cost(api.estimate(text, model, **parameters), len(takes) or 1, as_json=as_json)
            return
        parameters |= {"tags": tag or [], "webhook": Webhook(webhook or "", webhook_events or "")}
        waiting = Waiting(timeout, save_as, force, notify, as_json)
        if takes:
            key = idempotency_key or uuid4().hex
            try:
                for take in takes:
                    own = {**parameters, "seed": take.number} if seeds else parameters
                    asked = _Asked(text, model, own)
                    _ask(api, take, asked, f"{key}-{take.number}", is_first=take is takes[0])
                    if take.generation and not (waits or as_json):
                        output.say(take.generation.id)
                if waits:
                    _finish(context, api, takes, waiting)
            except KeyboardInterrupt as interrupt:
                interrupt.add_note(f"What was asked for goes on. {_again(key)}")
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
            output.warn(f"It runs. Follow it with: {again(context, f'get {generation.id} --wait')}")


def _tell_cost(estimate: Estimate, count: int, *, as_json: bool) -> None:
    if as_json:
        output.say_json(estimate.raw)
    else:
        output.say(f"{count} times {estimate}" if count > 1 else str(estimate))
    if estimate.refused:
        raise PromptreelError(estimate.refused)


@dataclass(frozen=True)
class _Asked:
    """What a video is made of."""

    prompt: str | None
    model: str
    parameters: dict[str, Any]


def _ask(api: Client, take: Take, asked: _Asked, key: str, *, is_first: bool) -> None:
    """Request one of them. Raise an error that applies to all of them at the first."""
    try:
        take.generation = api.create(asked.prompt, asked.model, idempotency_key=key, **asked.parameters)
    except PromptreelError as error:
        concerns_all = isinstance(error, ConfigurationError) or (isinstance(error, ApiError) and not error.may_pass)
        if concerns_all and is_first:
            raise
        take.error = error
        output.warn(f"{take.number}: {' '.join([str(error), *getattr(error, '__notes__', [])])}")


def _finish(context: typer.Context, api: Client, takes: list[Take], waiting: Waiting) -> None:
    """Wait for all, one after the other, since they run at once; save or print each as it ends."""
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
                tell_misnamed(take.generation, take.path)
        except (PromptreelError, OSError) as error:
            take.error = error
            take.generation = getattr(error, "generation", take.generation)
            output.warn(" ".join([str(error), *getattr(error, "__notes__", [])]))
        else:
            link = take.generation.video.url if take.generation.video else ""
            if not waiting.as_json:
                output.say(str(take.path) if take.path else link)


def _end(takes: list[Take], key: str, *, waits: bool, notify: bool, as_json: bool) -> None:
    """How many there are of how many, and what they cost; 1 if one failed, 4 if only the time-out was in the way."""
    errors = [take.error for take in takes if take.error]
    spent = fsum(take.generation.usd or 0 for take in takes if take.generation and take.generation.ended)
    cost = f", {spent:.2f} USD in all" if spent else ""
    total = f"{len(takes) - len(errors)} of {len(takes)} {'completed' if waits else 'asked for'}{cost}"
    if as_json:
        output.say_json([take.as_json() for take in takes])
    output.warn(f"{total}. {_again(key)}" if errors or not waits else f"{total}.")
    if notify:
        output.notify(f"Promptreel: {total}")
    if errors:
        raise typer.Exit(4 if all(isinstance(error, WaitTimeout) for error in errors) else 1)


def _again(key: str) -> str:
    return f"The same command with --idempotency-key {key} asks for nothing twice."


def _numbers(count: int | None, seeds: str | None, seed: int | None) -> list[int]:
    """The numbers or seeds of several; empty if one is wanted."""
    if count is None and seeds is None:
        return []
    if count is not None and seeds is not None:
        raise typer.BadParameter("it says how many: leave out --count.", param_hint="--seeds")
    if seed is not None:
        raise typer.BadParameter("it makes one video: name several with --seeds.", param_hint="--seed")
    if seeds is None:
        return list(range(1, (count or 0) + 1))
    found: dict[int, None] = {}
    for part in seeds.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + MOST:
            raise typer.BadParameter(f"{part!r} is no seed, and no range of up to {MOST}.", param_hint="--seeds")
        found |= dict.fromkeys(range(first, last + 1))
    if len(found) > MOST:
        raise typer.BadParameter(f"more than {MOST} belong into a file (promptreel batch).", param_hint="--seeds")
    return list(found)


def _numbered(path: Path | None, number: int) -> Path | None:
    return path and path.with_name(f"{path.stem}-{number}{path.suffix}")


def _prompt(given: str) -> str:
    """The prompt itself, or what stdin or the file holds, without the line break at its end."""
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
            f"{given[1:]!r} cannot be read ({error.strerror}); a prompt that begins with @ itself comes by stdin (-).",
            param_hint="PROMPT",
        ) from None
    except UnicodeDecodeError:
        raise typer.BadParameter("it is no text in UTF-8.", param_hint="PROMPT") from None
    if not text or len(content) > MAX_PROMPT_BYTES:
        problem = f"larger than {MAX_PROMPT_BYTES >> 10} KiB" if text else "empty"
        raise typer.BadParameter(f"it is {problem}.", param_hint="PROMPT")
    return text


def _inputs(api: Client, model: str, given: dict[str, list[str] | None]) -> dict[str, Any]:
    """The model's parameters for what it takes beside words: each kind goes into the fields for it, in their order."""
    wanted = {kind: values for kind, values in given.items() if values}
    fields = api.model(model).raw.get("inputs") or [] if wanted else []
    found: dict[str, Any] = {}
    for kind, values in wanted.items():
        names = [one["field"] for one in fields if kind in one["media"] and "." not in one["field"]]
        names.sort(key=lambda name: name.endswith("[]"))
        for value in values:
            name = next((name for name in names if name.endswith("[]") or name not in found), None)
            if name is None:
                taken = f"takes {', '.join(found)}" if found else "takes none"
                raise typer.BadParameter(
                    f"model {model} {taken}: see promptreel models {model}.", param_hint=f"--{kind}"
                )
            if name.endswith("[]"):
                found.setdefault(name[:-2], []).append(value)
            else:
                found[name] = value
    return found


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
