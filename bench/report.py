"""Assemble docs/performance.md: one page with a table for each part of the benchmark, from stored results.

Each part is a module with these functions:

    measure(quick)          returns results that JSON can hold
    section(results)        returns its part of the page, a `Section`
    page(results)           returns all of its tables in Markdown, stored next to the page
    plots(results, folder)  draws SVG files and returns their paths
"""

import json
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

PARTS = ("archive", "waiting", "creates", "cold_start", "cost", "scale", "local_cloud")

HEAD = """# Performance

This page is for developers and operators who compare Promptreel with other ways to wait for videos and to archive them.
`make bench` writes it.
It alternates between Promptreel and its peers, so ratios also hold on other machines; seconds do not.
Numbers are medians, with the lowest and the highest in brackets.
The best peer is the one with the best number in its row, whatever its other numbers are.
A number is even with its peer's if their ranges overlap.
"""
TABLE = "| | Promptreel | best peer | target | |\n|---|---|---|---|---|\n"
MISSED = """
## What is missed

"""


@dataclass(frozen=True)
class Spread:
    """The numbers of several runs."""

    median: float
    lowest: float
    highest: float

    def __truediv__(self, by: float) -> "Spread":
        return Spread(self.median / by, self.lowest / by, self.highest / by)

    def overlaps(self, other: "Spread") -> bool:
        """Return whether a run of one is between runs of the other."""
        return self.lowest <= other.highest and other.lowest <= self.highest


@dataclass(frozen=True)
class Row:
    """One number, next to that of the best peer and its target. Lower numbers are better, unless `is_more_better`."""

    what: str
    ours: float | Spread
    peer: tuple[str, float | Spread] | None = None
    target: float | None = None
    because: str = ""  # which physics or promise forbids more, in one sentence; shown if the row is not ahead
    is_more_better: bool = False
    digits: int = 2

    @property
    def misses(self) -> list[str]:
        """Return what this number does not reach."""
        found = []
        if self.peer and self._is_worse_than(self.peer[1]) and not self.is_even:
            found.append("behind")
        if self.target is not None and self._is_worse_than(self.target):
            found.append("missed")
        return found

    @property
    def _to_the_peer(self) -> str:
        is_worse = self.peer is not None and self._is_worse_than(self.peer[1])
        return "even" if is_worse else "ahead" if self.peer else ""

    @property
    def is_even(self) -> bool:
        """Return whether the runs do not tell this number from the peer's."""
        peer = self.peer[1] if self.peer else None
        return isinstance(self.ours, Spread) and isinstance(peer, Spread) and self.ours.overlaps(peer)

    def _is_worse_than(self, other: float | Spread) -> bool:
        """Compare the rounded medians, because a reader sees only these."""
        ours, other = (round(_median(one), self.digits) for one in (self.ours, other))
        return ours < other if self.is_more_better else ours > other

    def shown(self, number: float | Spread) -> str:
        text = f"{_median(number):,.{self.digits}f}"
        if isinstance(number, Spread) and number.lowest < number.highest:
            text += f" [{number.lowest:,.{self.digits}f}..{number.highest:,.{self.digits}f}]"
        return text

    def line(self) -> str:
        """Return the row of the table."""
        peer = f"{self.shown(self.peer[1])} {self.peer[0]}" if self.peer else "-"
        target = "-" if self.target is None else self.shown(self.target)
        good = "met" if self.target is not None else self._to_the_peer
        verdict = " and ".join(f"**{one}**" for one in self.misses) or good
        return f"| {self.what} | {self.shown(self.ours)} | {peer} | {target} | {verdict} |\n"


def _median(number: float | Spread) -> float:
    return number.median if isinstance(number, Spread) else number


@dataclass(frozen=True)
class Section:
    """The contribution of one part to the page. Each sentence of `text` is a line."""

    title: str
    text: tuple[str, ...]
    rows: tuple[Row, ...]

    def missed(self) -> Iterable[str]:
        """Yield a line of Markdown for each reason why rows are behind a peer or miss their target."""
        reasons: dict[str, list[str]] = {}
        for row in self.rows:
            if row.misses:
                because = row.because or "No reason is known."
                reasons.setdefault(because, []).append(f"{row.what} ({' and '.join(row.misses)})")
        for because, rows in reasons.items():
            yield f"- **{self.title}.** {because} This concerns: {'; '.join(rows)}.\n"


def module(part: str) -> Any:
    """Return the module of a part."""
    return import_module(f"bench.{part}")


def store(folder: Path, part: str, stored: dict[str, Any]) -> None:
    """Store the results of a part and all of its tables, so that a later failure does not lose them."""
    tables = f"{module(part).page(stored['results']).rstrip()}\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}.json").write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    (folder / f"{part}.md").write_text(f"<!-- Written by `make bench`. Do not edit. -->\n\n{tables}", "utf-8")


def assemble(page: Path) -> list[str]:
    """Write the page from the results in its folder. Return the parts without results."""
    folder = page.with_suffix("")
    kept = {part: json.loads(path.read_text("utf-8")) for part in PARTS if (path := folder / f"{part}.json").exists()}
    sections = {part: module(part).section(one["results"]) for part, one in kept.items()}
    lost = [part for part in PARTS if part not in kept]
    text = HEAD + "".join(f"{line}\n" for line in _origin(kept, lost))
    for part, section in sections.items():
        text += f"\n## {section.title}\n\n" + "".join(f"{line}\n" for line in section.text)
        text += f"[All tables]({folder.name}/{part}.md)\n\n{TABLE}" + "".join(row.line() for row in section.rows)
        for plot in _plots(part, kept[part]["results"], folder):
            text += f"\n![{plot.stem.replace('_', ' ')}]({folder.name}/{plot.name})\n"
    missed = "".join(line for section in sections.values() for line in section.missed())
    page.write_text(text + MISSED + (missed or "Nothing.\n"), "utf-8")
    return lost


def _origin(kept: dict[str, Any], lost: list[str]) -> Iterable[str]:
    """Yield sentences that name the runs of the results."""
    runs: dict[str, list[str]] = {}
    for part, one in kept.items():
        runs.setdefault(one["run"], []).append(part)
    for run, parts in runs.items():
        minutes = sum(kept[part]["seconds"] for part in parts) / 60
        which = "All numbers are" if len(runs) == 1 and not lost else f"The numbers of {', '.join(parts)} are"
        yield f"{which} from one run: {run}, {minutes:.0f} minutes."
    if lost:
        yield f"The measurement of {', '.join(lost)} failed, so its numbers are missing."


def _plots(part: str, results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the plots of a part. If that fails, the page has those of the last time."""
    try:
        return [*module(part).plots(results, folder)]
    except Exception:  # noqa: BLE001 - whatever it is, the numbers are more important
        sys.stderr.write(f"The plots of {part} could not be drawn:\n{traceback.format_exc()}")
        return sorted(folder.glob(f"{part}*.svg"))
