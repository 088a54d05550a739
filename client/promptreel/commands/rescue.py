"""rescue and resolve: a failed generation's second chance."""

from contextlib import closing
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import GenerationId, Json, again, client, deployment
from promptreel.errors import PromptreelError
from promptreel.generation import ID_DIGITS, Generation


def rescue(
    context: typer.Context,
    generation_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="The ids of generations, or at least four of their first digits."),
    ],
    as_json: Json = False,
) -> None:
    """Run the workflows of failed generations again, from what the provider already has.

    Nothing is submitted that the provider may have accepted before. One that cannot be rescued keeps nobody from the
    others; the command then exits with 1.
    """
    refused: list[PromptreelError] = []
    with deployment(context) as deployed:
        from promptreel.operator.rescue import rescue_failed  # noqa: PLC0415 - an extra, and slow to import

        for generation_id in generation_ids:
            try:
                generation = rescue_failed(deployed, _whole(context, generation_id))
            except PromptreelError as error:
                refused.append(error)
            else:
                _say(context, generation, as_json=as_json)
    for one in refused[:-1]:
        output.warn(str(one))
    if refused:
        raise refused[-1]


def resolve(
    context: typer.Context,
    generation_id: GenerationId,
    provider_id: Annotated[
        str | None, typer.Option(help="It was accepted, under this id of the provider's.", show_default=False)
    ] = None,
    not_accepted: Annotated[
        bool, typer.Option("--not-accepted", help="It was not accepted: send it again, which is paid for.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what became of a submission whose answer was lost (`SubmissionUnknown`).

    Look for the generation's id in the provider's log: the column client_request_id begins with it.
    """
    if (provider_id is None) is not not_accepted:
        raise typer.BadParameter("say one of the two", param_hint="--provider-id, --not-accepted")
    with deployment(context) as deployed:
        from promptreel.operator import rescue as operator  # noqa: PLC0415 - an extra, and slow to import

        generation = operator.resolve(deployed, _whole(context, generation_id), provider_id)
    _say(context, generation, as_json=as_json)


def _whole(context: typer.Context, generation_id: str) -> str:
    """The id that begins so, among the generations of who is configured."""
    if len(generation_id) >= ID_DIGITS:
        return generation_id
    with closing(client(context)) as api:
        return api.get(generation_id).id


def _say(context: typer.Context, generation: Generation, *, as_json: bool) -> None:
    if as_json:
        output.say_json(generation.raw)
        return
    output.say(f"{generation.id} goes on: {generation.stage}.")
    output.warn(f"Its owner can follow it with: {again(context, f'get {generation.id} --wait')}")
