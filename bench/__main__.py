"""Compare every measurement with its peers in one run, and write docs/performance.md: `python -m bench`.

The results of each part are stored in docs/performance/ once it is measured. If a part fails, the others continue; the
command ends with an error, and `python -m bench PART` measures that part again. `python -m bench --page` writes the
page again from the stored results. A run with `--quick` takes five minutes, prints its results and writes nothing.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench.report import PARTS, assemble, module, store
from local.settings import isolate

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less of everything and write nothing")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from the stored results")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="write there instead of docs/, even with --quick")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"measure only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))} is not a part. Choose from {', '.join(PARTS)}.")
    # Matplotlib is installed with the peers, so that tests need not install it. Our own packages take precedence.
    sys.path += map(str, (ROOT / ".venv" / "bench").glob("lib/python*/site-packages"))
    isolate(os.environ)
    into = arguments.into or (None if arguments.quick else ROOT / "docs")
    failed = [] if arguments.page else measure(arguments.parts or PARTS, arguments.quick, into)
    if into:
        failed += [part for part in assemble(into / "performance.md") if part not in failed]
    if failed:
        sys.stderr.write(f"No new results of {', '.join(failed)}. Run `python -m bench {' '.join(failed)}` again.\n")
    return 1 if failed else 0


def measure(parts: tuple[str, ...] | list[str], is_quick: bool, into: Path | None) -> list[str]:
    """Measure one part after the other, and print and store its results. Return the parts that failed."""
    run, failed = _run(), []
    for part in parts:
        _say(f"\n=== {part} ===\n")
        start = time.monotonic()
        try:
            results = module(part).measure(is_quick)
            seconds = time.monotonic() - start
            if into:
                store(into / "performance", part, {"run": run, "seconds": seconds, "results": results})
            _say(module(part).page(results))
            _say("".join(row.line() for row in module(part).section(results).rows))
            _say(f"{part}: {seconds:.0f} s")
        except Exception:  # noqa: BLE001 - the other parts are measured all the same
            _say(f"{part} failed after {time.monotonic() - start:.0f} s.")
            sys.stderr.write(traceback.format_exc())
            failed.append(part)
    return failed


def _run() -> str:
    """Return when and where this run is."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, {platform.python_implementation()} {platform.python_version()}"
    )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "client")]
    sys.exit(main())
