"""export: copy everything of an owner to a folder or a bucket."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.errors import PromptreelError

if TYPE_CHECKING:
    from promptreel.operator.export import Outcome

EVERY = 100  # files between two lines about the progress
MIB = 1 << 20


def export(
    context: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The owner to export.", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(metavar="DIR|S3_URI", help="A folder, or s3://BUCKET/PREFIX.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Copy all of an owner's videos, records, inputs, prompt files and reports to a folder or a bucket.

    manifest.jsonl lists everything, with the SHA-256 of each file. Secrets and API keys are not exported, and neither
    are the addresses of webhooks. Run the command again to copy only what is missing or new.
    """
    with deployment(context) as deployed:
        from promptreel.operator.export import Export, target_of  # noqa: PLC0415 - an extra, and slow to import

        done = Export(deployed, owner, target_of(deployed, target), lambda: datetime.now(UTC)).run(_say_progress)
    for problem in done.problems:
        output.warn(output.plain(problem))
    if as_json:
        output.say_json(vars(done))
    else:
        output.say(
            f"{output.counted(done.generations, 'generation')}, {output.counted(done.files, 'file')}, of which "
            f"{done.new} new ({done.bytes / MIB:,.1f} MiB), in {output.plain(target)}."
        )
    if done.running:
        output.warn(f"{output.counted(done.running, 'job')} had not ended: run the command again later.")
    if done.problems:
        raise PromptreelError(f"{output.counted(len(done.problems), 'file')} could not be exported.")


def _say_progress(so_far: "Outcome") -> None:
    if so_far.new and so_far.new % EVERY == 0:
        output.warn(f"{so_far.new} files, {so_far.bytes / MIB:,.0f} MiB …")
