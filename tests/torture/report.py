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

`make torture` wrote this page. It deploys the stack to a local cloud, makes generations, and harms each of them in one
way: a fault of the provider, or a fault at one of the points that a function passes between two calls to AWS or to the
provider. Then a reader that shares no code with the functions compares the table, the buckets, the topic and the
provider's own list of calls. For every generation:

- the provider may have accepted at most one create call;
- it has ended, and its end was announced, with its id, as it is recorded;
- a completed one has its video in S3, byte for byte as the provider made it, and its record beside it;
- a deleted one has nothing in S3.

And for all of them together: nothing that has ended holds a slot or waits for one, nothing is in S3 without a record,
and no key is in a record, an announcement, an execution, a log or an object.

Its limits: the provider is the simulator and AWS is the local cloud, on one machine. There, a wait takes a twentieth of
its time, and the sweep, which AWS runs every minute, runs only after two minutes, for what has not ended by then: so it
shows what needs it.
"""


def report(done: Sequence[Running], broken_as_a_whole: Sequence[str], minutes: float, restarts: int) -> str:
    """The page, in Markdown."""
    return "\n".join(
        [HEAD, *_totals(done, minutes, restarts), "", *_table(done), "", *_broken(done, broken_as_a_whole)]
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
            f"\nOf {missed} cases the point was not passed in two tries: who grants the next slot, and which "
            "process is new, differs from run to run. Their generations ended unharmed."
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
    yield "\nSwept: it had not ended after two minutes, and the sweep ended it."


def _broken(done: Sequence[Running], broken_as_a_whole: Sequence[str]) -> Iterator[str]:
    found = [f"- {as_text(one.case)}: {'; '.join(one.broken)}" for one in done if one.broken]
    found += [f"- {problem}" for problem in broken_as_a_whole]
    yield "## Broken promises\n"
    yield "\n".join(found) or "None."
    yield ""
