"""`python -m tests.torture`: the whole matrix on a local cloud of its own, which writes docs/reliability.md."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

from local.settings import isolate
from tests.torture.cases import Case, all_cases, sample
from tests.torture.chamber import Chamber, chamber
from tests.torture.conditions import Restarts, events_lost, restarted, unannounced, with_a_broken_log
from tests.torture.report import report
from tests.torture.runner import Running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MOST_RESTARTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--sample", type=int, help="so many cases of the matrix, and no page")
    parser.add_argument("--group", default="", help="only the groups whose name begins so, and no page")
    arguments = parser.parse_args()
    isolate(os.environ)
    start = time.monotonic()
    with chamber(".local/torture") as place:
        cases = list(all_cases(place.torture.learn(), place.commands))
        Random(1).shuffle(cases)  # so that those which take long are not all at the end
        if arguments.sample:
            cases = sample(cases, arguments.sample)
        is_whole = not (arguments.group or arguments.sample)
        done, restarts = _run(place, cases, arguments.group)
        broken = list(place.torture.settle().broken_as_a_whole())
    page = report(done, broken, (time.monotonic() - start) / 60, restarts)
    if is_whole:
        PAGE.write_text(page)
    _say(page)
    sys.exit(1 if broken or any(one.broken for one in done) else 0)


def _run(place: Chamber, cases: Sequence[Case], group: str) -> tuple[list[Running], int]:
    done: list[Running] = []
    restarts = Restarts(place.checkout, place.settings, MOST_RESTARTS)

    def run(cases: Iterable[Case], meanwhile: Callable[[float], object] = lambda _: None) -> None:
        wanted = [case for case in cases if case.group.startswith(group)]
        if wanted:
            done.extend(place.torture.run(wanted, _say, meanwhile))

    run(cases)
    with events_lost(place.torture.cloud):
        run(unannounced(place.commands))
    with_a_broken_log(place.torture.cloud, run)
    run(restarted(), meanwhile=restarts)
    return done, restarts.count


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
