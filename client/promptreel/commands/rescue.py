"""rescue: a failed generation's second chance."""

from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import GenerationId, Json, again, deployment


def rescue(
    context: typer.Context,
    generation_id: GenerationId,
    provider_id: Annotated[
        str | None,
        typer.Option(
            help="The provider's id of a job whose submission is unknown, as found in the provider's log.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a failed generation's workflow again, from what the provider already has.

    Nothing is submitted that the provider may have accepted before.
    """
    with deployment(context) as deployed:
        from promptreel.operator import rescue as operator  # noqa: PLC0415 - an extra, and slow to import

        generation = operator.rescue(deployed, generation_id, provider_id)
    if as_json:
        output.say_json(generation.raw)
    else:
        output.say(f"{generation.id} goes on: {generation.stage}.")
        output.warn(f"Its owner can follow it with: {again(context, f'get {generation.id} --wait')}")
