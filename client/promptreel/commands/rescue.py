"""rescue and resolve: continue failed generations."""

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
        typer.Argument(metavar="ID...", help="The generations' ids, or at least their first four digits."),
    ],
    as_json: Json = False,
) -> None:
    """Run failed generations again without paying twice.

    If the provider accepted the request, its video is fetched. The request is sent only if the provider certainly did
    not accept it. If a generation cannot be rescued, the command continues with the others and exits with 1.
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
        str | None, typer.Option(help="The provider accepted the request under this id.", show_default=False)
    ] = None,
    not_accepted: Annotated[
        bool, typer.Option("--not-accepted", help="The provider did not accept it: send and pay for it again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Resolve a `SubmissionUnknown` failure: say whether the provider accepted the request.

    The response to the request was lost. In the provider's log, look for the request whose
    client_request_id starts with the generation's id.
    """
    if (provider_id is None) is not not_accepted:
        raise typer.BadParameter("pass exactly one.", param_hint="--provider-id, --not-accepted")
    with deployment(context) as deployed:
        from promptreel.operator import rescue as operator  # noqa: PLC0415 - an extra, and slow to import

        generation = operator.resolve(deployed, _whole(context, generation_id), provider_id)
    _say(context, generation, as_json=as_json)


def _whole(context: typer.Context, generation_id: str) -> str:
    """Return the full id for the beginning of one, among the generations of the configured API key's owner."""
    if len(generation_id) >= ID_DIGITS:
        return generation_id
    with closing(client(context)) as api:
        return api.get(generation_id).id


def _say(context: typer.Context, generation: Generation, *, as_json: bool) -> None:
    if as_json:
        output.say_json(generation.raw)
        return
    output.say(f"Generation {generation.id} continues: {generation.stage}.")
    output.warn(f"Its owner can follow it with: {again(context, f'get {generation.id} --wait')}")
