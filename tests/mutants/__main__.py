"""Break the code in one place after another, and show which test notices: `python -m tests.mutants [NAME ...]`.

The tests run on copies of the files that git tracks. A mutant is tried only on the tests that it names, and is one of

    red      A test failed, as it should.
    GREEN    No test failed: write a test that notices.
    BROKEN   The tests did not get as far as judging the mistake: an import failed, or time ran out. Correct the mutant.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.mutants import MUTANTS
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
LINKED = ("node_modules", ".venv")  # git does not track them, and tests do not change them
LONGEST_RUN = 3600  # seconds; pytest gives each test far less
NOT_JUDGED = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError", "Failed: Timeout")
RED, GREEN, BROKEN = "red", "GREEN", "BROKEN"


@dataclass(frozen=True)
class Verdict:
    """How a run of the tests ended, the test or the output that shows it, and the seconds that it took."""

    word: str
    detail: str
    seconds: float


class Tree:
    """A copy of the project. It tries one mutant after another."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions = itertools.count(1)

    def copy(self, source: Path) -> None:
        """Copy all files that git tracks or would add, and link the installed packages."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=source, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if (source / name).is_file():  # a file that was deleted may still be tracked
                (self._root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, self._root / name)
        for name in LINKED:
            if (source / name).exists():
                (self._root / name).symlink_to(source / name)

    @contextmanager
    def broken_by(self, mutant: Mutant) -> Iterator[None]:
        """Make the mistake in the copy, and undo it at the end."""
        path = self._root / mutant.file
        right, times = path.read_text("utf-8"), path.stat()
        path.write_text(mutant.applied_to(right), "utf-8")
        version = next(self._versions)
        os.utime(
            path, (version, version)
        )  # in seconds, because Python compares only these to find out whether its bytecode is current
        try:
            yield
        finally:
            path.write_text(right, "utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def test(self, *tests: str, processes: int = 0) -> Verdict:
        """Run these tests until the first failure."""
        report = self._root / ".mutants.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not exhaustive"]
        if processes:
            command += ["--numprocesses", str(processes), "--dist", "loadgroup"]
        command += [f"--junitxml={report}", *tests]
        began = time.monotonic()
        try:
            ran = subprocess.run(
                command, cwd=self._root, capture_output=True, text=True, timeout=LONGEST_RUN, check=False
            )
        except subprocess.TimeoutExpired:
            return Verdict(BROKEN, f"The tests did not end within {LONGEST_RUN} s.", LONGEST_RUN)
        took = time.monotonic() - began
        if ran.returncode == 0:
            return Verdict(GREEN, "", took)
        if ran.returncode == 1 and report.exists() and (failure := _first_failure(report)):
            word = BROKEN if failure.reason.startswith(NOT_JUDGED) else RED
            return Verdict(word, f"{failure.test}: {failure.reason}", took)
        return Verdict(BROKEN, (ran.stdout + ran.stderr)[-2000:], took)


@dataclass(frozen=True)
class Failure:
    """A test that failed, and the first line of the reason."""

    test: str
    reason: str


def _first_failure(report: Path) -> Failure | None:
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        if (failure := case.find("failure")) is not None:
            reason = failure.get("message", "").partition("\n")[0]
            return Failure(f"{case.get('classname')}.{case.get('name')}", reason)
    return None


def _chosen(names: list[str]) -> list[Mutant]:
    for name in names:
        if not any(name in mutant.name for mutant in MUTANTS):
            sys.exit(f"No mutant's name contains {name!r}.")
    return [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]


def _verdicts(trees: list[Tree], mutants: list[Mutant]) -> Iterator[Verdict]:
    """Yield the verdict on each mutant, in order. As many are tried at once as there are trees."""
    idle: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        idle.put(tree)

    def verdict_on(mutant: Mutant) -> Verdict:
        tree = idle.get()
        try:
            with tree.broken_by(mutant):
                return tree.test(mutant.noticed_by)
        finally:
            idle.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(verdict_on, mutants)


def main() -> None:
    """Try the mutants, and fail unless a test noticed each one."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only the mutants whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=2, help="mutants to try at once (default: 2)")
    arguments = parser.parse_args()
    if problems := [problem for mutant in MUTANTS if (problem := mutant.problem(ROOT))]:
        sys.exit("\n".join(problems))
    mutants = _chosen(arguments.names)
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        trees = [Tree(Path(folder) / str(number)) for number in range(max(1, min(arguments.jobs, len(mutants))))]
        for tree in trees:
            tree.copy(ROOT)
        named = sorted({mutant.noticed_by for mutant in mutants})
        unbroken = trees[0].test(*named, processes=2 if len(named) > 1 else 0)
        if unbroken.word != GREEN:
            sys.exit(f"The tests fail without a mutant. Correct them first: {unbroken.detail}")
        _say(f"Without a mutant all named tests are green ({unbroken.seconds:.0f} s).")
        words = []
        for mutant, verdict in zip(mutants, _verdicts(trees, mutants), strict=True):
            words.append(verdict.word)
            detail = verdict.detail or f"No test in {mutant.noticed_by} fails."
            _say(f"{verdict.word:7} {mutant.name} ({verdict.seconds:.0f} s)\n        {detail}")
    counts = ", ".join(f"{words.count(word)} {word}" for word in (RED, GREEN, BROKEN))
    _say(f"{len(words)} mutants in {(time.monotonic() - started) / 60:.1f} minutes: {counts}.")
    sys.exit(words.count(RED) != len(words))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
