"""models: what can be asked for."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any

import typer

from promptreel.commands import completion, output
from promptreel.commands.options import Json, client
from promptreel.errors import PromptreelError
from promptreel.generation import Model


def models(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="Show this model's parameters.", show_default=False, autocompletion=completion.models
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the models that can be asked for, or one model's parameters.

    Into a pipe go tab-separated lines: id, title, how long the latest took; of one model: parameter, what it may be,
    its default, what it means.
    """
    with closing(client(context)) as api:
        offered = api.models()
    if model is None:
        if as_json:
            output.say_json([asdict(one) for one in offered])
        else:
            rows = [(one.id, one.title, one.takes or "") for one in offered]
            output.say_table({"MODEL": {"no_wrap": True}, "TITLE": {}, "TAKES": {}}, rows)
        return
    found = next((one for one in offered if one.id == model), None)
    if found is None:
        raise PromptreelError(
            f"Model {model!r} is not offered here{_guess(model, offered)} `promptreel models` lists those that are."
        )
    if as_json:
        output.say_json(asdict(found))
    else:
        _show(found)


def _guess(name: str, offered: tuple[Model, ...]) -> str:
    """The model that was meant, by the API's own rule."""
    import promptreel.operator  # noqa: F401, PLC0415 - finds core, of which this needs nothing that is an extra
    from core.models import closest  # noqa: PLC0415

    meant = closest(name, [model.id for model in offered])
    return f"; did you mean {meant}?" if meant else ":"


def _show(model: Model) -> None:
    if model.schema is None:
        output.warn(f"Nothing is known here of {model.id}: its requests are passed through as they come.")
        return
    required = model.schema.get("required", [])
    rows = [
        (
            name,
            _allowed(schema),
            "required" if name in required else _default(schema),
            schema.get("description", ""),
        )
        for name, schema in model.schema["properties"].items()
        if name != "model"
    ]
    output.say_table({"PARAMETER": {"no_wrap": True}, "VALUES": {}, "DEFAULT": {"no_wrap": True}, "MEANING": {}}, rows)


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default", "")
    return str(default).lower() if isinstance(default, bool) else str(default)
