"""Compare every measurement with its peers in one run, and write docs/performance.md: `python -m bench`.

Each section is a module with `measure` (returns results that JSON can hold), `page` (formats them in Markdown) and
`plots` (draws them as SVG files). A run with `--quick` takes three minutes, prints its results and writes nothing.
"""

import argparse
import os
import platform
import shutil
import sys
import time
from datetime import date
from importlib import import_module
from pathlib import Path

from local.settings import isolate

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
SECTIONS = ("archive", "waiting", "creates", "cold_start", "cost", "scale")

HEAD = """# Performance

`make bench` writes this page. A single run measures everything, and alternates between Promptreel and its peers.
Ratios apply to other machines as well, seconds do not. Numbers are medians, with the lowest and highest in brackets.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less of everything and write no page")
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"only these, and no page: {', '.join(SECTIONS)}"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"{', '.join(sorted(unknown))} is not a section. Choose from {', '.join(SECTIONS)}.")
    isolate(os.environ)
    is_whole = not (arguments.quick or arguments.sections)
    start = time.monotonic()
    parts = [HEAD]
    if is_whole:
        # Matplotlib is installed with the peers, so that tests need not install it. Our own packages take precedence.
        sys.path += map(str, (ROOT / ".venv" / "bench").glob("lib/python*/site-packages"))
        shutil.rmtree(PLOTS, ignore_errors=True)
        PLOTS.mkdir()
    for name in arguments.sections or SECTIONS:
        section = import_module(f"bench.{name}")
        results = section.measure(arguments.quick)
        parts.append(section.page(results))
        _say(parts[-1])
        if is_whole:
            parts += [
                f"![{plot.stem.replace('_', ' ')}](performance/{plot.name})\n" for plot in section.plots(results, PLOTS)
            ]
    minutes = (time.monotonic() - start) / 60
    parts.insert(1, _where(minutes))
    _say(parts[1])
    if is_whole:
        PAGE.write_text("\n".join(parts), "utf-8")


def _where(minutes: float) -> str:
    cores = os.cpu_count()
    return (
        f"Run of {date.today().isoformat()}: {minutes:.0f} minutes on {cores} cores, "  # noqa: DTZ011 - as the reader's
        f"{platform.system()} {platform.machine()}, {platform.python_implementation()} {platform.python_version()}.\n"
    )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "client")]
    main()
