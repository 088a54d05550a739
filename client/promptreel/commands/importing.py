"""import: bring in jobs that were sent to the provider outside Promptreel."""

from datetime import datetime
from typing import Annotated

import typer

from promptreel._text import UNPRINTABLE
from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.errors import PromptreelError


def import_(
    context: typer.Context,
    provider_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROVIDER_ID...", help="The jobs' ids at the provider.", show_default=False),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Import all jobs that the reconciliation report of this day lists as `not_ours`.",
            show_default=False,
        ),
    ] = None,
    owner: Annotated[str, typer.Option(metavar="OWNER", help="The owner of the imported generations.")] = "imported",
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model of the jobs named by id, if known.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import jobs that were sent to the provider outside Promptreel, while its links to their videos work.

    Their videos are archived and announced, and their cost is counted in usage under the tag spent=elsewhere, but in
    no budget. Importing a job again continues it. If a job is already known or cannot be imported, the command
    continues with the others and exits with 1.
    """
    if bool(provider_ids) is (day is not None):
        raise typer.BadParameter("pass either ids or --day.", param_hint="PROVIDER_ID, --day")
    for text, which in ((owner, "--owner"), (model or "x", "--model")):
        if UNPRINTABLE.search(text) or not text.strip():
            raise typer.BadParameter("it must be a name without control characters.", param_hint=which)
    refused: list[PromptreelError] = []
    with deployment(context) as deployed:
        from promptreel.operator.importing import Importer, Job, strangers  # noqa: PLC0415 - an extra, slow to import

        importer = Importer.of(deployed, owner)
        jobs = strangers(deployed, day.date()) if day else (Job(one, model) for one in provider_ids or [])
        for job in jobs:
            try:
                generation = importer.bring_in(job)
            except PromptreelError as error:
                refused.append(error)
                continue
            if as_json:
                output.say_json(generation.raw)
            else:
                output.say(f"{output.plain(job.provider_id)} is generation {generation.id}: {generation.stage}.")
    for one in refused[:-1]:
        output.warn(output.plain(str(one)))
    if refused:
        raise refused[-1]
