"""erase: remove an owner completely."""

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import deployment

if TYPE_CHECKING:
    from promptreel.operator.erase import Erasure

PAUSE_SECONDS = 30  # the longest one between two passes, because a job may end sooner

REMAINS = (
    "The amounts of each day remain without the name, and for a year the id of each generation, so that its charge is "
    "recognised. docs/keeping.md lists the data that expires later, such as logs."
)


def erase(
    context: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The owner to erase.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase everything of an owner: keys, generations, videos, files, batches, links, webhooks, budgets and sums.

    The owner's API keys are revoked first, and running jobs are cancelled. The provider may still charge for jobs that
    it has accepted. The command waits until nothing can write any more, about a quarter of an hour after the last
    job has ended. You can stop it at any time and run it again. To keep a copy, run `promptreel export` before.
    """
    with deployment(context) as deployed:
        from promptreel.operator.erase import Erasure  # noqa: PLC0415 - an extra, and slow to import

        erasure = Erasure(deployed, owner, lambda: datetime.now(UTC))
        if not yes:
            _confirm(erasure, owner)
        while (waits := erasure.go_on()).reasons:
            output.warn(f"Waiting until {waits.until:%H:%M} UTC at the latest: {'; '.join(sorted(waits.reasons))}.")
            time.sleep(min(PAUSE_SECONDS, max(1, (waits.until - datetime.now(UTC)).total_seconds())))
    output.say(f"Erased {output.plain(owner)}.")
    output.warn(REMAINS)


def _confirm(erasure: "Erasure", owner: str) -> None:
    """Show what would be erased, and ask the user. Without a terminal, raise an error."""
    found = erasure.found()
    if not sys.stdin.isatty():
        raise typer.BadParameter("add --yes, because confirmation needs a terminal.", param_hint="--yes")
    if found.nothing:
        output.warn(f"{output.plain(owner)} has no keys, generations or batches.")
    has = ", ".join(
        output.counted(number, noun)
        for number, noun in (
            (found.generations, "generation"),
            (found.running, "running job"),
            (found.keys, "API key"),
        )
    )
    question = f"Erase {output.plain(owner)} for good: {has}, and {found.batches} of its batches?"
    typer.confirm(question, abort=True, err=True)
