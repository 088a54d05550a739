"""Test the benchmarks that run the shipped code in one process, and the page of results."""

import subprocess
import sys
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any

import pytest

from bench import __main__ as bench_main
from bench import report, waiting
from bench.production import production
from bench.report import Row, Section, Spread
from bench.scale import slots

PROD = production()


def test_a_replayed_job_is_noticed_after_its_end_and_polled_less_once_times_are_learned() -> None:
    takes = [90.0] * 3 * waiting.AT_ONCE
    learned = waiting.Shipped.of(PROD).replay(takes)
    nothing = waiting.Shipped.of(PROD, learns=False).replay(takes)
    assert all(job.noticed is not None and 90 <= job.noticed < 95 for job in learned + nothing)
    first, last = learned[: waiting.AT_ONCE], learned[-waiting.AT_ONCE :]
    assert mean(job.polls for job in first) == mean(job.polls for job in nothing)
    assert mean(job.polls for job in last) < mean(job.polls for job in nothing) / 2


def test_the_section_shows_a_row_for_each_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DISTRIBUTIONS", {"veo2": waiting.lognormal(45, 0.3)})
    page = waiting.page(waiting.measured(runs=2, jobs=waiting.AT_ONCE))
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| Promptreel")]
    assert [len(row) for row in rows] == [1 + len(waiting.FIGURES)] * 4


def test_many_jobs_do_not_exceed_the_allowed_polls_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "CROWDS", (300,))
    ours, before = waiting.crowds(rounds=2)
    assert ours["highest"] <= PROD.polls_per_second + 1 < before["mean"]
    assert ours["lag"] < 300 / PROD.polls_per_second
    assert f"| {ours['highest']} |" in waiting.page({**waiting.measured(1, 2), "crowds": [ours, before]})


def test_a_burst_of_jobs_is_granted_its_slots_together() -> None:
    granted = slots.burst(32, owners=2)
    assert granted["calls"] < 3, "one by one it is four to six"


def test_creates_are_measured_with_the_shipped_handler() -> None:
    code = "from bench import creates; creates.CALLERS = (1, 2); print(creates.page(creates.measure(True)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert len(rows) == 2, done.stderr
    assert "| 5.0 | 0.00 | 0.0% |" in rows[0]


# --- the page ------------------------------------------------------------------------------------------------


def part(rows: tuple[Row, ...] = (), error: Exception | None = None) -> SimpleNamespace:
    """Return a part of the benchmark that measures nothing."""

    def measure(quick: bool) -> dict[str, Any]:
        if error:
            raise error
        return {"is_quick": quick}

    return SimpleNamespace(
        measure=measure,
        page=lambda results: f"# All tables\n\n{results}",
        section=lambda _: Section("A title", ("A sentence.",), rows),
        plots=lambda _, folder: [folder / "plot.svg"],
    )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, SimpleNamespace]:
    """Replace the parts of the benchmark by these, which a test fills."""
    found: dict[str, SimpleNamespace] = {}
    monkeypatch.setattr(bench_main, "isolate", lambda _: None)
    monkeypatch.setattr("sys.path", [*sys.path])
    for place in (report, bench_main):
        monkeypatch.setattr(place, "PARTS", ("first", "second"))
        monkeypatch.setattr(place, "module", lambda name: found[name])
    return found


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("x", 1.0, ("peer", 1.1), 1.0), "met"),
        (Row("x", 1.0, ("peer", 0.9), 1.0), "**behind**"),
        (Row("x", 1.0, ("peer", 0.9), 0.9), "**behind** and **missed**"),
        (Row("x", 1.004, None, 1.0), "met"),  # as it is shown
        (Row("x", 5.0, ("peer", 1.0), 4.4, is_more_better=True), "met"),
        (Row("x", 4.0, ("peer", 4.2), 4.4, is_more_better=True), "**behind** and **missed**"),
        (Row("x", 1.0), ""),
        (Row("x", 1.0, ("peer", 1.1)), "ahead"),
        (Row("x", Spread(1.1, 0.9, 1.2), ("peer", Spread(1.0, 0.8, 1.0))), "even"),
        (Row("x", Spread(1.1, 0.9, 1.2), ("peer", Spread(0.8, 0.7, 0.85))), "**behind**"),
        (Row("x", Spread(1.1, 0.9, 1.2), ("peer", Spread(1.0, 0.8, 1.0)), 1.0), "**missed**"),
        (Row("x", Spread(0.9, 0.9, 1.2), ("peer", Spread(1.0, 0.8, 1.0))), "ahead"),
    ],
)
def test_a_number_is_behind_its_peer_or_misses_its_target(row: Row, verdict: str) -> None:
    assert row.line().split("|")[-2].strip() == verdict


def test_a_part_that_fails_loses_no_results_of_the_others(
    parts: dict[str, SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--into", str(tmp_path)])
    parts |= {
        "first": part(error=RuntimeError("no host")),
        "second": part((Row("speed", 2.0, None, 1.0, "It is far."),)),
    }
    assert bench_main.main() == 1
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert "The measurement of first failed, so its numbers are missing." in page
    assert "| speed | 2.00 | - | 1.00 | **missed** |" in page
    assert page.endswith("- **A title.** It is far. This concerns: speed (missed).\n")
    assert (tmp_path / "performance" / "second.md").read_text("utf-8").endswith("# All tables\n\n{'is_quick': False}\n")

    parts["first"] = part()
    monkeypatch.setattr("sys.argv", ["bench", "--into", str(tmp_path), "first"])
    assert bench_main.main() == 0
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert page.count("## A title") == 2
    assert "failed" not in page


def test_the_page_is_written_again_from_stored_results_without_a_measurement(
    parts: dict[str, SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts |= {"first": part(), "second": part()}
    monkeypatch.setattr("sys.argv", ["bench", "--into", str(tmp_path)])
    assert bench_main.main() == 0
    before = (tmp_path / "performance.md").read_text("utf-8")
    assert "All numbers are from one run: " in before
    assert before.endswith("## What is missed\n\nNothing.\n")
    parts |= {"first": part(error=AssertionError("measured")), "second": part(error=AssertionError("measured"))}
    monkeypatch.setattr("sys.argv", ["bench", "--into", str(tmp_path), "--page"])
    assert bench_main.main() == 0
    assert (tmp_path / "performance.md").read_text("utf-8") == before


def test_results_of_two_runs_are_not_called_one(parts: dict[str, SimpleNamespace], tmp_path: Path) -> None:
    parts |= {"first": part(), "second": part()}
    for name, run in (("first", "today"), ("second", "yesterday")):
        report.store(tmp_path / "performance", name, {"run": run, "seconds": 60, "results": {}})
    assert report.assemble(tmp_path / "performance.md") == []
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert "The numbers of first are from one run: today, 1 minutes.\n" in page
    assert "The numbers of second are from one run: yesterday, 1 minutes.\n" in page


def test_a_quick_run_writes_nothing(
    parts: dict[str, SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts |= {"first": part(), "second": part()}
    monkeypatch.setattr("sys.argv", ["bench", "--quick"])
    monkeypatch.setattr(bench_main, "ROOT", tmp_path)
    assert bench_main.main() == 0
    assert not list(tmp_path.iterdir())


def test_every_part_has_all_that_the_page_needs() -> None:
    for name in report.PARTS:
        missing = [what for what in ("measure", "section", "page", "plots") if not hasattr(report.module(name), what)]
        assert not missing, name


def test_the_section_of_waiting_compares_with_the_best_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DISTRIBUTIONS", {"veo2": waiting.lognormal(45, 0.3)})
    section = waiting.section(waiting.measured(runs=1, jobs=2 * waiting.AT_ONCE))
    lag, polls = section.rows[:2]
    assert lag.peer
    assert lag.peer[0].startswith("Runway")  # of those with as few polls, it has the least lag
    assert polls.peer
    assert polls.peer[0].startswith("n8n")  # of those with as little lag, it has the fewest polls
