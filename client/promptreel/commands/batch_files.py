"""batch init and batch rows: files to fill in, and to fix."""

import csv
import io
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from promptreel._batches import Placed
from promptreel._download import refuse_existing
from promptreel.batch import Problem
from promptreel.commands import completion, output
from promptreel.commands.models import allowed, default_of
from promptreel.commands.options import again, client, configured
from promptreel.errors import PromptreelError

STDOUT = Path("-")
MOST_NUMBERS = 20  # of rows in a message
MOST_WORDS = 160  # characters of the description of a parameter

BatchId = Annotated[
    str,
    typer.Argument(metavar="BATCH", help="The batch's name, its id or its first digits.", show_default=False),
]


def init(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="The model of the rows.", autocompletion=completion.models)
    ],
    save_to: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The .csv or .tsv file to write, or `-` for stdout; by default a file named after the model.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a table to fill in, with a column for each parameter of a model.

    Comments above it give the values and the default of each parameter. An empty cell means the default. Without a
    deployment, the models that this version knows are used.
    """
    path = save_to or Path(f"{re.sub('[^A-Za-z0-9.-]+', '-', model).strip('.-') or 'batch'}.csv")
    if path != STDOUT and path.suffix.lower() not in (".csv", ".tsv"):
        raise typer.BadParameter(f"{path} must end in .csv or .tsv.", param_hint="--output")
    if path != STDOUT:
        refuse_existing(path)
    text = _filled_in(model, _schema(context, model), "\t" if path.suffix.lower() == ".tsv" else ",")
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with path.open("x", encoding="utf-8-sig", newline="") as file:  # as Excel expects it
        file.write(text)
    output.say(str(path))
    command = shlex.join(["batch", str(path), "--dry-run"])
    output.warn(f"Fill in a row for each video, then check the file with: {again(context, command)}")


def _schema(context: typer.Context, model: str) -> Mapping[str, Any]:
    found = configured(context)
    if found.url and found.api_key:
        with closing(client(context)) as api:
            schema = api.model(model).schema
    else:
        import promptreel.operator  # noqa: F401, PLC0415 - puts core on the path; needs no extra
        from core.models import closest, known  # noqa: PLC0415

        if model not in known():
            guess = closest(model, list(known()))
            meant = f"did you mean {guess}? " if guess else ""
            raise PromptreelError(f"Model {model!r} is not known; {meant}See docs/models.md for the models.")
        schema = known()[model].schema
    return schema or {"properties": {"model": {}, "prompt": {"type": "string"}}, "required": ["prompt"]}


def _filled_in(model: str, schema: Mapping[str, Any], delimiter: str) -> str:
    """Return the comments, the header and one row, which names the model."""
    parameters = {name: value for name, value in schema["properties"].items() if name != "model"}
    required = [name for name in parameters if name in schema.get("required", ())]
    names = sorted(parameters, key=lambda name: (name != "prompt", name not in required))
    first = int("prompt" in parameters)  # the prompt comes before the model
    columns = [*names[:first], "model", *names[first:], "name", "tags"]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    for line in _comments(model, {name: parameters[name] for name in names}, required):
        writer.writerow([output.plain(f"# {line}")])
    writer.writerow(columns)
    writer.writerow([model if name == "model" else "" for name in columns])
    return out.getvalue()


def _comments(model: str, parameters: Mapping[str, Any], required: list[str]) -> Iterator[str]:
    yield f"One row for each video of {model}. An empty cell means the default. These lines may stay."
    for name, value in parameters.items():
        default = "required" if name in required else f"default {given}" if (given := default_of(value)) else "optional"
        inner = value.get("properties") or value.get("items", {}).get("properties")
        kind = f"{allowed(value)} as JSON" if inner or value.get("type") in ("array", "object") else allowed(value)
        words = " ".join(str(value.get("description", "")).split())
        words = words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS].rsplit(' ', 1)[0]} …"
        yield f"{name}: {kind}; {default}. {words}".rstrip()
    yield "name: your own name for the video, also in its file name; optional."
    yield "tags: your own tags, separated by commas, such as project=sea; optional."


def rows(
    context: typer.Context,
    batch_id: BatchId,
    failed: Annotated[bool, typer.Option("--failed", help="Only rows that failed or were rejected.")] = False,
    save_to: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write: .csv or .tsv for a table, .jsonl or .json for JSON; by default stdout.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the rows of a batch to a file to fix, with all their columns and the reason of each failure.

    Fix the rows in the file, and send it with `promptreel batch FILE`. They replace their rows in the batch, and only
    rows that were changed or added are generated.
    """
    what = "failed row" if failed else "row"
    with closing(client(context)) as api:
        if save_to and save_to != STDOUT:
            refuse_existing(save_to)
        suffix = save_to.suffix.lower() if save_to and save_to != STDOUT else None
        text, count, can_resend = api._rows_of(batch_id, failed=failed, suffix=suffix)
        if count == 0:
            raise PromptreelError(f"Batch {output.plain(batch_id)} has no {what}s.")
        if suffix is None or save_to is None:
            sys.stdout.write(text)
        else:
            api._write_rows(text, save_to)
            output.say(str(save_to))
    if not can_resend:
        output.warn("This batch was started from S3. Fix the rows in its file, and upload that there again.")
    elif save_to and suffix:
        command = shlex.join(["batch", str(save_to)])
        them = "it" if count == 1 else "them"
        output.warn(f"{output.counted(count, what)}. Fix {them}, then send only this file: {again(context, command)}")


def said_of(placed: Placed) -> str | None:
    """Return what a file of rows changes in its batch, or None for another file."""
    if placed.merged is None:
        return None
    merged = placed.merged
    texts = (
        [f"{output.counted(len(merged.changed), 'changed row')} ({_numbers(merged.changed)})"] if merged.changed else []
    )
    if merged.moved:
        texts.append(f"new versions at its end of rows that are equal to later ones ({_numbers(merged.moved)})")
    texts += [output.counted(merged.added, "added row")] if merged.added else []
    return f"Batch {output.plain(placed.name)}: {', '.join(texts)}. Its other rows stay."


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:MOST_NUMBERS])) + (", …" if len(numbers) > MOST_NUMBERS else "")


def where(file: Path, placed: Placed, problem: Problem) -> str:
    """Return the line of a problem, in the file that was given; for other rows of the batch, the batch's name."""
    if placed.merged is None:
        return f"{file}:{problem.line}"
    line = placed.lines.get(problem.row)
    return f"{file}:{line}" if line else f"batch {placed.name}"
