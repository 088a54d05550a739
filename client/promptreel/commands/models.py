"""models: list and describe the available models."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer

from promptreel.commands import completion, output
from promptreel.commands.options import Json, client
from promptreel.commands.tables import Column, say_table
from promptreel.errors import PromptreelError
from promptreel.generation import Model

_MODELS = (
    Column("MODEL"),
    Column("TITLE", least=24, place="wide"),
    Column("VENDOR", place="wide"),
    Column("KIND"),
    Column("TAKES"),
)
_PARAMETERS = (Column("PARAMETER"), Column("VALUES", most=32), Column("DEFAULT"), Column("MEANING", place="below"))


def models(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL | WORD...]",
            help="A model, or words to find in the models' names, titles, vendors or kinds.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List or search the available models, or show the parameters of one.

    In a pipe, prints tab-separated lines: id, title, vendor, kind, recent duration; for one model: parameter, allowed
    values, default, meaning.
    """
    with closing(client(context)) as api:
        offered = api.models()
        if words and len(words) == 1 and words[0] in (one.id for one in offered):
            found = api.model(words[0])
            output.say_json(found.raw) if as_json else _show(found)
            return
    matching = sorted(
        (one for one in offered if all(word.lower() in _text(one) for word in words or [])),
        key=lambda one: (one.vendor or "", one.kind or "", one.id),
    )
    if words and not matching:
        name = " ".join(words)
        raise PromptreelError(
            f"Model {name!r} does not exist{_guess(name, offered)} See `promptreel models` for the available models."
        )
    if as_json:
        output.say_json([one.raw for one in matching])
        return
    rows = [(one.id, one.title, one.vendor or "", one.kind or "", one.takes or "") for one in matching]
    say_table(_MODELS, rows, "No models are available.")


def _text(model: Model) -> str:
    return f"{model.id} {model.title} {model.vendor} {model.kind}".lower()


def _guess(name: str, offered: tuple[Model, ...]) -> str:
    """Return the closest model name, by the same rule as the API."""
    import promptreel.operator  # noqa: F401, PLC0415 - puts core on the path; needs no extra
    from core.models import closest  # noqa: PLC0415

    meant = closest(name, [model.id for model in offered])
    return f"; did you mean {meant}?" if meant else "."


def _show(model: Model) -> None:
    if model.schema is None:
        output.warn(f"The parameters of {model.id} are not known: its requests are passed through unchecked.")
        return
    rows = list(_parameters(model.schema))
    say_table(_PARAMETERS, rows, "The model has no parameters.")
    if "prompt" not in model.schema.get("required", []):
        output.warn("The prompt is optional.")
    for example in model.schema.get("examples", [])[:1]:
        output.warn("For example:\n" + _command(example))


def _command(example: Mapping[str, Any]) -> str:
    """Return the command for an example request, with every parameter as `--param`."""
    rest = {name: value for name, value in example.items() if name not in ("model", "prompt")}
    words = [example["prompt"]] if "prompt" in example else []
    words += ["--model", example["model"]]
    for name, value in rest.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace("'", r"\u0027")
        words += ["--param", f"{name}={text}"]
    return " ".join(["promptreel create", *map(_quoted, words)])


def _quoted(word: str) -> str:
    """Quote a word of an example for the shell, readably: on one line, and with one kind of quotes."""
    line = " ".join(word.split())
    if "'" not in line:
        return shlex.quote(line)
    return (
        shlex.quote(line.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"))
        if re.search(r'["$`\\!]', line)
        else f'"{line}"'
    )


def _parameters(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each parameter. Nested ones follow, such as `camera.zoom` or `elements[].image_url`."""
    required = schema.get("required", [])
    for name, value in schema["properties"].items():
        if path + name == "model":
            continue
        default = "required" if name in required else default_of(value)
        yield path + name, allowed(value), default, value.get("description", "")
        for inner, mark in ((value, ""), (value.get("items", {}), "[]")):
            if "properties" in inner:
                yield from _parameters(inner, f"{path}{name}{mark}.")


def allowed(schema: Mapping[str, Any]) -> str:
    """Return the values that a parameter accepts."""
    if "enum" in schema:
        return _listed(schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kinds = schema.get("type", "any")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "https?://" in str(schema.get("pattern", "")) and kind == "string":
        kind = "URL or file"
    if kind == "array":
        kind = f"list of {allowed(schema['items'])}"
    limits = {"minimum": "from", "maximum": "to", "minItems": "from", "maxItems": "to", "maxLength": "of at most"}
    return " ".join([kind, *(f"{word} {schema[limit]}" for limit, word in limits.items() if limit in schema)])


def _listed(values: Sequence[object]) -> str:
    """Join the values without duplicates, since some are allowed both as a number and as text."""
    return ", ".join(dict.fromkeys(map(str, values)))


def default_of(schema: Mapping[str, Any]) -> str:
    """Return the default of a parameter, or an empty text."""
    default = schema.get("default", "")
    return str(default).lower() if isinstance(default, bool) else str(default)
