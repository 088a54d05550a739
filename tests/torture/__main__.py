"""Run the whole matrix on a separate local cloud and write docs/reliability.md: `python -m tests.torture`."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from local.settings import isolate
from tests.torture.cases import Case, all_cases, sample
from tests.torture.chamber import Chamber, chamber
from tests.torture.conditions import (
    Restarts,
    beside_mistakes,
    broken_logs,
    events_lost,
    mistakes,
    of_restarts,
    unannounced,
)
from tests.torture.receiver import hanging
from tests.torture.report import report
from tests.torture.runner import Running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MOST_RESTARTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--sample", type=int, help="run this many cases of the matrix, and write no page")
    parser.add_argument(
        "--group", default="", help="run only the groups with names that start with this text, and write no page"
    )
    arguments = parser.parse_args()
    isolate(os.environ)
    start = time.monotonic()
    done, broken, restarts = list[Running](), list[str](), 0
    is_whole = not (arguments.group or arguments.sample)
    try:
        with chamber(".local/torture") as place:
            cases = list(all_cases(place.torture.learn(), place.commands))
            Random(1).shuffle(cases)  # so that the slow ones are not all at the end
            if arguments.sample:
                cases = sample(cases, arguments.sample)
            for ran, restarted in _run(place, cases, arguments.group):
                done, restarts = [*done, *ran], restarted
            broken += place.torture.settle().broken_as_a_whole()
    finally:  # results count even if the rest is interrupted
        page = report(done, broken, (time.monotonic() - start) / 60, restarts)
        _say(page)
    if is_whole:
        PAGE.write_text(page)
    sys.exit(1 if broken or any(one.broken for one in done) else 0)


def _run(place: Chamber, cases: Sequence[Case], group: str) -> Iterator[tuple[list[Running], int]]:
    """Run the matrix part by part. Return the results and how often the local AWS was restarted."""
    restarts = Restarts(place.checkout, place.settings, MOST_RESTARTS)

    def run(cases: Iterable[Case], meanwhile: Callable[[float], object] = lambda _: None) -> list[Running]:
        return place.torture.run([case for case in cases if case.group.startswith(group)], _say, meanwhile)

    yield run(cases), 0
    with events_lost(place.torture.cloud):
        yield run(unannounced(place.commands)), 0
    with hanging() as silence, mistakes(place.torture.cloud, silence):
        yield run(beside_mistakes()), 0
    for with_broken_log in broken_logs(place.torture.cloud):
        yield run(with_broken_log), 0
    yield run(of_restarts(), meanwhile=restarts), restarts.count


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
