"""doctor: check the configuration and the deployment."""

from collections.abc import Iterator
from dataclasses import asdict

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment
from promptreel.errors import ConfigurationError, PromptreelError
from promptreel.findings import Finding, Verdict, configured


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check the configuration, the API and the deployment, and suggest fixes.

    Exits with 1 if something is broken. Without AWS credentials, only the API and your key are checked.
    """
    found = [*configured(context.obj()), *_deployed(context)]
    if as_json:
        output.say_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            remedy = f" ({finding.remedy})" if finding.remedy else ""
            output.say(f"{finding.verdict:8} {finding.name:14} {output.plain(finding.detail)}{remedy}")
    if any(finding.verdict is Verdict.PROBLEM for finding in found):
        raise typer.Exit(1)


def _deployed(context: typer.Context) -> Iterator[Finding]:
    try:
        with deployment(context) as deployed:
            from promptreel.operator.checks import findings  # noqa: PLC0415 - an extra, and slow to import

            yield from findings(deployed, context.obj().url)
    except ConfigurationError as error:  # a user of the API needs no AWS
        yield Finding("deployment", Verdict.WARNING, "not checked", str(error))
    except PromptreelError as error:
        yield Finding("deployment", Verdict.PROBLEM, str(error))
