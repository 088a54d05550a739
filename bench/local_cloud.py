"""Measure `make demo` in a fresh clone with a filled package cache, and again once it runs.

Only committed changes are in the clone. A quick run shows only what make would do there.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.report import Row, Section

ROOT = Path(__file__).parents[1]
RUNS = {"first": 45.0, "second": 6.0}  # `make demo` in a fresh clone, and the next one; targets in seconds
AGAIN_BECAUSE = "The simulated generation takes 2 s, and each function starts as a process."
MOST_SECONDS = 600


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the seconds of each run."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "promptreel"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S607 - git of the path
        try:
            return {name: _run(clone, "demo", *(["--dry-run"] if quick else [])) for name in RUNS}
        finally:
            if not quick:
                _run(clone, "down")


def _run(clone: Path, *arguments: str) -> float:
    """Return the seconds that a target takes, as typed by a user of the clone. Raise RuntimeError if it fails."""
    mine = (str(ROOT), "PYTHONPATH", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine[1:])}
    paths = [path for path in environment["PATH"].split(os.pathsep) if not path.startswith(mine[0])]
    environment["PATH"] = os.pathsep.join(paths)
    start = time.monotonic()
    done = subprocess.run(
        ["make", *arguments],  # noqa: S607 - make of the path
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"make {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - start


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    because = "Most of it is the synthesis of the stack by CDK, which needs the cores of this machine."
    rows = (
        Row(
            "`make demo` in a fresh clone, s",
            results["first"],
            None,
            RUNS["first"],
            because,
            digits=0,
        ),
        Row(
            "`make demo` again, s",
            results["second"],
            None,
            RUNS["second"],
            AGAIN_BECAUSE,
            digits=0,
        ),
    )
    text = (
        "`make demo` sets up a checkout, deploys to a local AWS and generates a video with a simulated provider.",
        "The cache of packages is filled.",
    )
    return Section("The local cloud", text, rows)


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    rows = "".join(f"| {name} | {results[name]:.1f} | {target:.0f} |\n" for name, target in RUNS.items())
    return f"# The local cloud\n\n| `make demo` | s | target |\n|---|---|---|\n{rows}"


def plots(results: dict[str, Any], folder: Path) -> list[Path]:  # noqa: ARG001 - as every part has it
    """Draw nothing: the page has a table."""
    return []
