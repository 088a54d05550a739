"""Every mutant can be applied to the code, and only a failed test counts as having noticed one."""

from pathlib import Path

import pytest

from tests.mutants import MUTANTS
from tests.mutants.__main__ import BROKEN, GREEN, RED, ROOT, Tree
from tests.mutants.mutant import Mutant

CODE = "def size():\n    return 1\n"
TEST = "def test_size():\n    from code_ import size\n    assert size() == 1\n"
SLOW_TEST = "import time\ndef test(): time.sleep(60)\n"


def test_every_mutant_fits_the_code_and_has_a_unique_name() -> None:
    assert [problem for mutant in MUTANTS if (problem := mutant.problem(ROOT))] == []
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"old": "return 2"}, "contains this text 0 times, not once"),
        ({"old": "e"}, "contains this text 3 times, not once"),
        ({"new": "return ("}, "is not valid Python"),
        ({"file": "gone.py"}, "gone.py does not exist"),
        ({"noticed_by": "test_gone.py::test_size"}, "test_gone.py does not exist"),
        ({"noticed_by": "test_code.py::test_gone"}, "test_code.py has no test test_gone"),
    ],
)
def test_a_mutant_that_does_not_fit_says_why(tmp_path: Path, changes: dict[str, str], problem: str) -> None:
    project(tmp_path)
    assert mutant().problem(tmp_path) is None
    assert problem in (mutant(**changes).problem(tmp_path) or "")


@pytest.mark.exhaustive
def test_only_a_failed_test_counts_as_noticed(tmp_path: Path) -> None:
    tree = project(tmp_path)
    verdicts = {}
    for new in ("return 2", "return 3", "return 3 - 2", "return missing"):
        with tree.broken_by(mutant(new=new)):
            verdicts[new] = tree.test("test_code.py").word
    assert verdicts == {"return 2": RED, "return 3": RED, "return 3 - 2": GREEN, "return missing": BROKEN}
    assert (tmp_path / "code_.py").read_text() == CODE


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "test", ["import missing\n", "def test(missing): ...\n", SLOW_TEST], ids=["import", "fixture", "time"]
)
def test_an_interrupted_run_counts_as_broken(tmp_path: Path, test: str) -> None:
    tree = project(tmp_path)
    (tmp_path / "test_code.py").write_text(test)
    assert tree.test("test_code.py").word == BROKEN


def project(root: Path) -> Tree:
    """Create a project with one function and its test."""
    (root / "code_.py").write_text(CODE)
    (root / "test_code.py").write_text(TEST)
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p no:schemathesis\ntimeout = 2\n")
    return Tree(root)


def mutant(**changes: str) -> Mutant:
    return Mutant(
        **{"name": "A name", "file": "code_.py", "old": "return 1", "new": "return 2", "noticed_by": "test_code.py"}
        | changes
    )
