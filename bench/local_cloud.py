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
INSTALLS = (".venv/.ready", ".venv/ministack/.ready")  # the first steps of `make demo`
FIRST_TARGET, SECOND_TARGET = 45.0, 6.0  # seconds
AGAIN_BECAUSE = "The simulated generation takes 2 s, and each function starts as a process."
MOST_SECONDS = 600


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the seconds of `make demo` in a fresh clone, of its installation, and of the next `make demo`."""
    options = ["--dry-run"] if quick else []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "promptreel"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S607 - git of the path
        try:
            installation = _run(clone, *INSTALLS, *options)
            first = installation + _run(clone, "demo", *options)
            return {"installation": installation, "first": first, "second": _run(clone, "demo", *options)}
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
    because = (
        f"{results['installation']:.0f} s install locked packages. Most of the rest is CDK's synthesis and "
        "deployment of the stack, which is the same as on AWS."
    )
    rows = (
        Row(
            "`make demo` in a fresh clone, s",
            results["first"],
            None,
            FIRST_TARGET,
            because,
            digits=0,
        ),
        Row(
            "`make demo` again, s",
            results["second"],
            None,
            SECOND_TARGET,
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
    return f"""# The local cloud

| `make demo` | s | target |
|---|---|---|
| in a fresh clone | {results["first"]:.1f} | {FIRST_TARGET:.0f} |
| its installation | {results["installation"]:.1f} | |
| again | {results["second"]:.1f} | {SECOND_TARGET:.0f} |
"""


def plots(results: dict[str, Any], folder: Path) -> list[Path]:  # noqa: ARG001 - as every part has it
    """Draw nothing: the page has a table."""
    return []
