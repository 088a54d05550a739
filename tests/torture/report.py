"""Write docs/reliability.md with the results of the torture."""

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from statistics import median

from tests.torture.cases import as_text
from tests.torture.runner import Running

HEAD = """# Reliability

This page is for people who trust Promptreel with money: it shows what was broken on purpose, and what followed.

`make torture` writes this page.
It deploys the stack to a local cloud and creates generations.
Each of them suffers one fault: of the provider, or at a point between two calls that a function makes to AWS or to the provider.
Then a checker that shares no code with the functions compares the table, the buckets, the topic and the provider's list of calls.
For every generation:

- at most one create call was accepted by the provider, or may have been;
- the generation has ended, and the announced end is the recorded one, with its id;
- if it is completed, its video is in S3, identical to the provider's, with its record next to it;
- if it is deleted, nothing of it is in S3;
- if it has a webhook, that received the recorded end;
- if it is a row of a file, the file has one report, with every row once, which equals the records.

For all of them together: no credits are held, the budgets and the sums of usage equal the records, no ended generation holds a slot or waits for one, S3 has no object without a record, and no record, announcement, execution, log or object contains a key.
Others do not wait for jobs that the account cannot pay for, nor for webhooks that never answer.

## Results
"""

LIMITS = """## Limits

The provider is the simulator, and AWS is the local cloud, on one machine.
Waits take a twentieth of their time there.
The sweep runs every minute in AWS, but here only after two minutes, and only for generations that have not ended by then, so that the page shows which ones need it.
"""


def report(done: Sequence[Running], broken_as_a_whole: Sequence[str], minutes: float, restarts: int) -> str:
    """Return the page, in Markdown."""
    return "\n".join(
        [HEAD, *_totals(done, minutes, restarts), "", *_table(done), "", *_broken(done, broken_as_a_whole), LIMITS]
    )


def _totals(done: Sequence[Running], minutes: float, restarts: int) -> Iterator[str]:
    harmed = [one for one in done if one.case.faults]
    missed = len({repr(one.case) for one in harmed} - {repr(one.case) for one in harmed if one.struck})
    calls = len({(fault.function, fault.at) for one in harmed for fault in one.case.faults})
    yield (
        f"Run of {date.today().isoformat()}, {platform.python_implementation()} {platform.python_version()}: "  # noqa: DTZ011
        f"**{len(done)} generations, {sum(bool(one.broken) for one in done)} with a broken promise**, in {minutes:.0f} "
        f"minutes; faults at {calls} points; {restarts} restarts of the local cloud."
    )
    if missed:
        yield (
            f"\nIn {missed} cases, two attempts did not reach the point, because the caller that grants the next slot "
            "and the processes that are new differ between runs.\nTheir generations ended unharmed."
        )


def _table(done: Sequence[Running]) -> Iterator[str]:
    yield "| What went wrong | Generations | Struck | Completed | Error | Deleted | Median | Slowest | Swept | Broken |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    in_order = sorted(done, key=lambda one: one.case.group)
    for group, found in groupby(in_order, key=lambda one: one.case.group):
        ones = list(found)
        ends = Counter(one.status for one in ones)
        seconds = [one.seconds for one in ones if one.seconds is not None] or [0]
        struck = sum(bool(one.struck) for one in ones) if any(one.case.faults for one in ones) else len(ones)
        yield (
            f"| {group} | {len(ones)} | {struck} | {ends['completed']} | {ends['error']} | {ends['deleted']} "
            f"| {median(seconds):.0f} s | {max(seconds):.0f} s | {sum(one.was_swept for one in ones)} "
            f"| {sum(bool(one.broken) for one in ones)} |"
        )
    yield "\nSwept: the generation had not ended after two minutes, and the sweep ended it."


def _broken(done: Sequence[Running], broken_as_a_whole: Sequence[str]) -> Iterator[str]:
    found = [f"- {as_text(one.case)}: {'; '.join(one.broken)}" for one in done if one.broken]
    found += [f"- {problem}" for problem in broken_as_a_whole]
    yield "## Broken promises\n"
    yield "\n".join(found) or "None."
    yield ""
