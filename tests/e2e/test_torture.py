"""Run a minute of the torture. `make torture` runs all of it and writes docs/reliability.md."""

from random import Random

import pytest

from tests.torture.cases import Case, all_cases, as_text, sample
from tests.torture.chamber import chamber

CASES = 8


def is_quick(case: Case) -> bool:
    """Return whether the case is quick.

    Another invocation takes over from a dead Submit only after a minute and a half.
    """
    return not any(fault.function == "submit" and fault.do in ("kill", "thaw") for fault in case.faults)


@pytest.mark.long
def test_no_fault_breaks_a_promise() -> None:
    with chamber(".local/tests-torture") as place:
        place.torture.sweep_after_seconds = 15
        cases = list(filter(is_quick, all_cases(place.torture.learn(), place.commands)))
        Random(1).shuffle(cases)
        done = place.torture.run(sample(cases, CASES))
        broken = list(place.torture.settle().broken_as_a_whole())
    assert [(as_text(one.case), one.broken) for one in done if one.broken] == []
    assert broken == []
    harmed = {repr(one.case) for one in done if one.struck}
    assert len(harmed) > CASES / 2, "most of the faults struck"
