"""rescue and resolve: continue failed generations."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import GenerationId, Json, again, client, deployment, span_of
from promptreel.errors import PromptreelError
from promptreel.generation import ID_DIGITS, Generation

if TYPE_CHECKING:
    from promptreel.operator.deployment import Deployment


def rescue(
    context: typer.Context,
    generation_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="The generations' ids, or their first digits.", show_default=False),
    ] = None,
    error: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Instead of ids: an error such as ProviderKeyRejected. All failed generations with it are meant.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="With --error, how far back: 30m, 2h, 7d.")] = "24h",
    yes: Annotated[bool, typer.Option("--yes", help="With --error, do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Run failed generations again without paying twice.

    If the provider accepted the request, its video is fetched. The request is sent only if the provider certainly did
    not accept it. If a generation cannot be rescued, the command continues with the others and exits with 1.
    """
    if bool(generation_ids) is bool(error):
        raise typer.BadParameter("pass the ids of generations, or the name of an error.", param_hint="ID, --error")
    refused: list[PromptreelError] = []
    with deployment(context) as deployed:
        from promptreel.operator.rescue import rescue_failed  # noqa: PLC0415 - an extra, and slow to import

        chosen = generation_ids or _failed_with(deployed, str(error), since, yes=yes)
        for generation_id in chosen:
            try:
                generation = rescue_failed(deployed, _whole(context, generation_id))
            except PromptreelError as problem:
                refused.append(problem)
            else:
                _say(context, generation, as_json=as_json)
    for one in refused[:-1]:
        output.warn(str(one))
    if refused:
        raise refused[-1]


def _failed_with(deployed: "Deployment", error: str, since: str, *, yes: bool) -> list[str]:
    """Show which generations failed with an error, and return their ids once the user has agreed."""
    from core import errors  # noqa: PLC0415 - an extra, and slow to import
    from promptreel.operator.rescue import failed_with  # noqa: PLC0415 - also

    span = span_of(since)
    if span is None:
        raise typer.BadParameter(f"{since!r} is not a duration: use 30m, 2h or 7d.", param_hint="--since")
    if not isinstance(getattr(errors, error, None), type):
        raise typer.BadParameter(
            f"{error!r} is not the name of an error. docs/errors.md lists them.", param_hint="--error"
        )
    found = failed_with(deployed, error, span)
    if not found:
        output.warn(f"No generation failed with {error} in the last {since}.")
        return []
    for one in found:
        at, sent = f"{one.ended_at:%Y-%m-%dT%H:%MZ}", "sent" if one.submission else "not sent"
        output.warn("  ".join((one.generation_id, at, one.owner, one.model, sent)))
    unsent = sum(one.submission is None for one in found)
    question = f"Rescue {output.counted(len(found), 'generation')}, of which {unsent} will be sent and paid for?"
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("add --yes, because confirmation needs a terminal.", param_hint="--yes")
        typer.confirm(question, abort=True, err=True)
    return [one.generation_id for one in found]


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
        raise typer.BadParameter(
            "pass one: --provider-id if the provider's log has the request, --not-accepted if it certainly has not.",
            param_hint="--provider-id, --not-accepted",
        )
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
