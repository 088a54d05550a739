"""Writes docs/runbook.md from infra/runbook.py: `python docs/generate_runbook.py [--check]`."""

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))

from infra.runbook import NOT_WALKED, RUNBOOK, Section, Step  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "runbook.md"

HEAD = """<!-- Written by docs/generate_runbook.py from infra/runbook.py. Do not edit. -->

# Runbook

What each alarm means, how to look, and what to do. Alarms go to the stack's `AlarmTopicArn`; the dashboard of a stage
(`DashboardUrl`) shows them all, with what is going on. The commands need AWS credentials, and the operator's extra of the
[command line](cli.md). First say which stage it is about:

```sh
export PROMPTREEL_STAGE=prod
```

`$ID` is a generation's id, `$FUNCTION` the name of a file in `functions/`, and the other names are what they say. An alarm ends by
itself, five minutes after what it watches is as it should be (that of `reconcile`, six hours).

| alarm | section |
|---|---|
"""


def document() -> str:
    """The whole of docs/runbook.md."""
    rows = "".join(f"| `{alarm}` | [{one.title}](#{one.anchor}) |\n" for one in RUNBOOK for alarm in one.alarms)
    return HEAD + rows + "".join(map(_section, RUNBOOK)) + _walked()


def _section(section: Section) -> str:
    says = "".join(f"- **{alarm}.** {text}\n" for alarm, text in section.alarms.items())
    return (
        f"\n## {section.title}\n\n{says}\nHow to look:\n\n{_steps(section.look)}\nWhat to do:\n\n{_steps(section.do)}"
    )


def _steps(steps: Iterable[Step]) -> str:
    return "".join(_step(number, step) for number, step in enumerate(steps, 1))


def _step(number: int, step: Step) -> str:
    command = f"\n   ```sh\n   {step.command}\n   ```\n" if step.command else ""
    return f"{number}. {step.text}\n{command}"


def _walked() -> str:
    left_out = "".join(f"- `{alarm}`: {why}.\n" for alarm, why in NOT_WALKED.items())
    return (
        "\n## What was tried\n\n`tests/e2e/test_runbook.py` breaks on the local cloud what each alarm watches, sees that "
        "the alarm would tell, and follows\nthe commands of its section until it is mended. Not of these:\n\n"
        + left_out
    )


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/runbook.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
