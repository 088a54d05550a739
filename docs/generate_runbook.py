"""Write docs/runbook.md from infra/runbook.py: `python docs/generate_runbook.py [--check]`."""

import sys
from collections.abc import Iterable
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))

from infra.runbook import NOT_WALKED, RUNBOOK, Section, Step  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "runbook.md"

HEAD = """<!-- Written by docs/generate_runbook.py from infra/runbook.py. Do not edit. -->
<!-- no block is run: tests/e2e/test_runbook.py follows the page when something is broken -->

# Runbook

This page is for the operator who is woken by an alarm.
The alarm's mail names its section here, which says what to check and what to do.
The name of the alarm, such as `promptreel-prod-MonitoringVideoInvalidE852CE53-1A2B3C`, contains the stage (`prod`) and a name of the table below (`VideoInvalid`).

## The first five minutes

The commands need AWS credentials, the region and the operator's extra of the [command line](cli.md).
First choose the region and the stage, which are in the mail:

```sh
export AWS_REGION=eu-central-1 PROMPTREEL_STAGE=prod
```

The API's URL and an API key are needed only for `promptreel status` and for the commands of owners.
`promptreel doctor` reports if they are not set; for the alarm, the lines from `stack` on count.

1. Can the deployment work? This checks the stack, its permissions, the account's concurrency and the provider's key:

   ```sh
   promptreel doctor
   ```
2. What fails, and since when? This lists the warnings and errors of all functions:

   ```sh
   promptreel logs --since 1h
   ```
3. What is waiting? This shows slots, queue and spending, once a minute. The dashboard (output `DashboardUrl` of the stack) draws them:

   ```sh
   promptreel logs sweep --since 15m --level info
   ```

Nothing is lost while you read: files and events stay in their queues, and the workflow retries for hours.
Then follow the section of the alarm.

In the commands, `$ID` is a generation's id and `$FUNCTION` is the name of a file in `functions/` without `.py`.
`$PROVIDER_ID` is the provider's id of a job, `$DELIVERY` and `$BATCH` are ids, `$KEY` is the id of an API key, `$USD` is an amount, and `$DAY` is a day such as 2026-01-31.

An alarm ends by itself five minutes after the cause is fixed, except `ReconcileErrors` and `DaysOverdue`, which take six hours.

## Alarms

| section | alarms |
|---|---|
"""


def document() -> str:
    """Return the content of docs/runbook.md."""
    rows = "".join(
        f"| [{one.title}](#{one.anchor}) | {', '.join(f'`{alarm}`' for alarm in one.alarms)} |\n" for one in RUNBOOK
    )
    return HEAD + rows + "".join(map(_section, RUNBOOK)) + _walked()


def _section(section: Section) -> str:
    says = "".join(f"- **{alarm}.** {text}\n" for alarm, text in section.alarms.items())
    return (
        f"\n## {section.title}\n\n{says}\nWhat to check:\n\n{_steps(section.look)}\nWhat to do:\n\n{_steps(section.do)}"
    )


def _steps(steps: Iterable[Step]) -> str:
    return "".join(_step(number, step) for number, step in enumerate(steps, 1))


def _step(number: int, step: Step) -> str:
    command = f"\n   ```sh\n   {step.command}\n   ```\n" if step.command else ""
    return f"{number}. {step.text}\n{command}"


def _walked() -> str:
    left_out = "".join(f"- `{alarm}`: {why}.\n" for alarm, why in NOT_WALKED.items())
    return (
        "\n## Tests\n\nFor each alarm, `tests/e2e/test_runbook.py` causes the fault on the local cloud, checks that the "
        "alarm would be raised, and follows the commands of its section until the fault is fixed.\n"
        "These alarms are not tested:\n\n" + left_out
    )


if __name__ == "__main__":
    write({DOCUMENT: document()})
