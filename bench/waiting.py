"""Measure the cost of waiting, and how late a finished job is noticed: `python -m bench.waiting [--quick]`.

Job times are drawn from several distributions. The jobs are replayed through the shipped state machine, checks and
schedule, on a clock that only the replay moves, and through the polling schedules of other clients. The lag is the
number of seconds from done to noticed. A poll takes no time here, and AWS starts everything at once.
"""

import heapq
import importlib
import json
import math
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]

from bench.production import production  # noqa: E402 - found only now
from bench.report import Row, Section  # noqa: E402
from bench.scale.dynamodb import DynamoDB  # noqa: E402
from core.check_status import CheckStatus  # noqa: E402
from core.generation import Generation, Source, Status, Submission  # noqa: E402
from core.learned.records import Learned  # noqa: E402
from core.provider.client import ProviderGeneration  # noqa: E402
from core.provider.waiting import Poll, Schedule, SubmitSchedule  # noqa: E402
from core.slots.table import PK, SK  # noqa: E402
from core.submit import Submit  # noqa: E402
from core.workflow import Run  # noqa: E402
from infra.config import Stage, stage_named  # noqa: E402

TRANSITION_USD = 0.000025  # of a Standard workflow, us-east-1
GIB_SECOND_USD = 0.0000133334  # of a function on arm64, us-east-1
CHECK_GIB = 0.1875
START = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 20  # jobs that start together, so none knows the times of the others
TABLE = "slots"
CROWDS = (1, 50, 500)  # slots in use
GRANTED_A_SECOND = 80  # as bench.scale measures
REQUEST = {"model": "veo2", "prompt": "a boat", "duration": 5}

Times = Callable[[random.Random, float], float]  # seconds that a job takes, by its position in the run (0 to 1)


def lognormal(median: float, sigma: float) -> Times:
    """Return times whose distribution stays the same during the run."""
    return lambda of, _: of.lognormvariate(math.log(median), sigma)


DISTRIBUTIONS: dict[str, Times] = {
    "median 45 s, sigma 0.3 (veo2)": lognormal(45, 0.3),
    "median 90 s, sigma 0.4": lognormal(90, 0.4),
    "median 25 s, sigma 0.2": lognormal(25, 0.2),
    "bimodal, 30 and 120 s": lambda of, _: of.lognormvariate(math.log(of.choice([30, 120])), 0.1),
    "drifting from 45 to 120 s": lambda of, far: of.lognormvariate(math.log(45 + 75 * far), 0.3),
    "45 s, then suddenly 120 s": lambda of, far: of.lognormvariate(math.log((45, 120)[round(far)]), 0.3),
    "120 s, then suddenly 45 s": lambda of, far: of.lognormvariate(math.log((120, 45)[round(far)]), 0.3),
}


@dataclass
class Job:
    """One generation, and all collaborators that the shipped code calls."""

    name: str
    takes: float
    age: float = 0.0  # the clock
    polls: int = 0
    transitions: int = 0
    check_seconds: float = 0.0
    noticed: float | None = None
    submission: Submission | None = None
    begins: float = 0.0  # seconds after START
    slot: int = 0
    slots_in_use: int = 1
    limit: int = 0  # of slots; with 0 jobs never poll too often
    polled_at: list[float] = field(default_factory=list)  # seconds after START

    # the ledger
    def now(self) -> datetime:
        return START + timedelta(seconds=self.begins + self.age)

    def request_of(self, generation: Generation) -> dict[str, Any]:
        return generation.request

    def get_for(self, _: Run) -> Generation:
        is_submitted = self.submission is Submission.SUBMITTED
        begun = START + timedelta(seconds=self.begins)
        return Generation(
            self.name,
            "ann",
            REQUEST,
            Source("api", "r"),
            begun,
            begun,
            slot=self.slot,
            status=Status.GENERATING if is_submitted else Status.QUEUED,
            submission=self.submission,
            provider_id="p" if is_submitted else None,
            submitted_at=begun if is_submitted else None,
        )

    # the credits: there are enough
    def shortage_of(self, _: Generation) -> None:
        return None

    def holds_back(self, *_: object) -> bool:
        return False

    # the budgets: all have room
    def check(self, *_: object) -> None:
        return None

    # the ledger again
    def change(self, _: Run, changes: dict[str, Any], **__: object) -> None:
        """Note how far the claim of the create call is."""
        self.submission = changes["submission"]

    def provider_finished(self, *_: object) -> None:
        self.noticed = self.age

    # the admission, which has as many slots as there are jobs, and its table
    def release(self, _: str, **__: object) -> None:
        return None

    @property
    def table(self) -> "Job":
        return self

    def in_use(self) -> int:
        return self.slots_in_use

    # the provider, and its key
    @property
    def key(self) -> "Job":
        return self

    def get(self) -> str:
        return "key"

    def create(self, *_: object, **__: object) -> str:
        return "p"

    def fetch(self, _: str) -> ProviderGeneration:
        self.polls += 1
        self.polled_at.append(self.begins + self.age)
        is_done = self.age >= self.takes
        return ProviderGeneration(
            "completed" if is_done else "pending",
            "completed" if is_done else "generating",
            {"url": "https://cdn.example/v.mp4"} if is_done else None,
            "",
            None,
        )

    def sleep(self, seconds: float) -> None:
        self.age += seconds
        self.check_seconds += seconds


class LearnedLater(DynamoDB):
    """The table that holds what is learned. An update is seen only after `settle`."""

    def __init__(self) -> None:
        super().__init__({TABLE: (PK, SK)}, {})
        self._unseen: list[dict[str, Any]] = []

    def update_item(self, **update: Any) -> dict[str, Any]:
        self._unseen.append(update)
        return {}

    def settle(self) -> None:
        """Make the updates so far visible."""
        for update in self._unseen:
            super().update_item(**update)
        self._unseen.clear()


@dataclass(frozen=True)
class Shipped:
    """The deployed state machine and functions."""

    stage: Stage
    definition: dict[str, Any]
    learns: bool = True

    @classmethod
    def of(cls, stage: Stage, *, learns: bool = True) -> "Shipped":
        path = ROOT / "statemachine" / "video_generation.asl.json"
        return cls(stage, json.loads(path.read_text("utf-8")), learns)

    def replay(self, takes: list[float]) -> list[Job]:
        """Run jobs that take so many seconds, each from its admission to its end."""
        table = LearnedLater()
        learned = Learned(cast("Any", table), TABLE)
        jobs = [Job(f"job{number}", seconds) for number, seconds in enumerate(takes)]
        for number, job in enumerate(jobs):
            if self.learns and number % AT_ONCE == 0:
                table.settle()
            self._run(job, learned)
        return jobs

    def crowd(self, slots: int, takes: list[float]) -> list[Job]:
        """Run jobs in so many slots, which are granted at once. Each slot has its next job when one is noticed."""
        table = LearnedLater()
        learned = Learned(cast("Any", table), TABLE)
        ready = [(number / GRANTED_A_SECOND, number) for number in range(slots)]
        jobs = []
        for number, seconds in enumerate(takes):
            if number == slots:  # their times are known when the next ones begin
                table.settle()
            begins, slot = heapq.heappop(ready)
            job = Job(f"job{number}", seconds, begins=begins, slot=slot, slots_in_use=slots, limit=slots)
            self._run(job, learned)
            heapq.heappush(ready, (begins + job.age, slot))
            jobs.append(job)
        return jobs

    def _run(self, job: Job, learned: Learned) -> None:
        """Interpret the state machine as Step Functions does. Each state that is entered is a transition."""
        state: dict[str, Any] = {"generation_id": job.name}
        name = self.definition["StartAt"]
        while True:
            job.transitions += 1
            definition = self.definition["States"][name]
            match definition["Type"]:
                case "Task":
                    state = self._enter(name, definition, state, job, learned)
                case "Wait":
                    given = definition.get("SecondsPath", "").removeprefix("$.")
                    job.age += state[given] if given else definition["Seconds"]
                case "Choice":
                    name = _chosen(definition, state)
                    continue
                case other:
                    raise ValueError(f"{name} is a {other}. A job that succeeds should not enter it.")
            if definition.get("End"):
                return
            name = definition["Next"]

    def _enter(
        self, name: str, definition: dict[str, Any], state: dict[str, Any], job: Job, learned: Learned
    ) -> dict[str, Any]:
        s, anything = self.stage, cast("Any", job)
        payload = {
            key.removesuffix(".$"): state[path.removeprefix("$.")]
            for key, path in definition["Parameters"]["Payload"].items()
            if not path.startswith("$$")
        }
        if name == "Submit":
            schedule = SubmitSchedule(s.submit_deadline_seconds, 90, s.poll_first_seconds)
            step = Submit(anything, anything, anything, schedule, learned, anything, anything)
            submitted = step.submit(Run(job.name))
            return {**payload, **vars(submitted), "pending_seconds": 0}
        if name == "CheckStatus":
            polls = Schedule(
                s.poll_first_seconds,
                s.poll_every_seconds,
                s.stay_seconds,
                s.poll_deadline_seconds,
                s.poll_slow_seconds,
                s.poll_give_up_seconds,
                s.polls_per_second,
            )
            check = CheckStatus(anything, anything, polls, learned, anything, job.sleep)
            before = Poll(payload["pending_seconds"], payload["wait_seconds"])
            return {**payload, **vars(check.check(Run(job.name), before))}
        return state  # Admit and Finalize do nothing here


def _chosen(choice: dict[str, Any], state: dict[str, Any]) -> str:
    for rule in choice["Choices"]:
        if state[rule["Variable"].removeprefix("$.")] == rule["StringEquals"]:
            return str(rule["Next"])
    return str(choice["Default"])


# --- the peers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Client:
    """A program that polls, and therefore has to run for as long as the job does."""

    pause: Callable[[random.Random], float]
    first: float | None = None

    def replay(self, takes: list[float]) -> list[Job]:
        of, jobs = random.Random(1), []
        for seconds in takes:
            job = Job("", seconds)
            while job.noticed is None:
                job.age += self.first if self.first is not None and not job.polls else self.pause(of)
                job.polls += 1
                job.noticed = job.age if job.age >= seconds else None
            jobs.append(job)
        return jobs


@dataclass(frozen=True)
class Release010(Client):
    """Promptreel 0.1.0: a first poll after 30 s, then one turn of three transitions every 5 s."""

    def replay(self, takes: list[float]) -> list[Job]:
        jobs = super().replay(takes)
        for job in jobs:
            job.transitions = 4 + 3 * job.polls
        return jobs


def _ways() -> dict[str, Any]:
    prod = production()
    return {
        OURS: Shipped.of(prod),
        "Promptreel, nothing learned": Shipped.of(prod, learns=False),
        BEFORE: Release010(lambda _: 5, first=30),
        "the provider's sample, every 15 s": Client(lambda _: 15),
        "google-genai's sample, every 20 s": Client(lambda _: 20),
        "Runway's SDK, every 6 ± 1.5 s": Client(lambda of: of.uniform(4.5, 7.5)),
        "n8n's node, every 2 s": Client(lambda _: 2),
        "Replicate's client, every 0.5 s": Client(lambda _: 0.5),
        NEW_ACCOUNT: Shipped.of(stage_named("prod")),
    }


# --- the section ----------------------------------------------------------------------------------------------------

OURS, BEFORE = "Promptreel", "Promptreel 0.1.0"
UNLIMITED = "no limit, as before"
NEW_ACCOUNT = "Promptreel, in an account that can run 10 functions at once"
FIGURES = {"lag": 2, "p95": 2, "polls": 1, "transitions": 1, "usd": 5}  # digits to show
TARGETS = {"lag": 1.7, "p95": 3.0, "transitions": 9.0}
VEO2_TARGETS = {"lag": 1.4, "p95": 3.0, "transitions": 7.5, "polls": 10.0}
EXPLAINED = """# Waiting

{runs} runs of {jobs} jobs of each kind, replayed through the shipped state machine, checks and
schedule. Every run begins without learned times. Jobs begin in groups of {at_once}, and none knows the
times of the others in its group. Lag is the time from the end of a job until it is noticed, in seconds,
as mean and 95th percentile. Polls are calls to the provider per job, and transitions are all
transitions of the job. USD is the cost of the transitions and of the time that checks stay in their
function. Numbers are medians of the runs, with [lowest..highest]. A program that waits by itself has no
transitions, but has to run the whole time. In an account limited to 10 functions at once, a check
does not stay in its function, and each poll costs three transitions.
"""
BEYOND = "This has no target. It shows what happens when the provider changes suddenly in the middle of the run."


def measure(quick: bool) -> dict[str, Any]:
    """Replay every distribution, and many jobs at once. A quick run has fewer jobs."""
    results = measured(2, 100) if quick else measured(3, 1000)
    return {**results, "crowds": crowds(2 if quick else 5)}


def crowds(rounds: int) -> list[dict[str, Any]]:
    """Return the polls per second and the lag with so many slots in use, with and without the limit of polls."""
    prod, found = production(), []
    for slots in CROWDS:
        of = random.Random(slots)
        takes = [lognormal(45, 0.3)(of, 0) for _ in range(max(slots * rounds, 100))]
        for way, stage in ((OURS, prod), (UNLIMITED, replace(prod, polls_per_second=math.inf))):
            jobs = Shipped.of(stage).crowd(slots, takes)
            at = [moment for job in jobs for moment in job.polled_at]
            a_second, last = Counter(int(moment) for moment in at), max(job.begins for job in jobs)
            busy = [a_second[second] for second in range(int(min(at)), int(last))]
            figures = _figures(jobs)
            found.append(
                {
                    "slots": slots,
                    "way": way,
                    "mean": statistics.mean(busy),
                    "highest": max(busy),
                    "lag": figures["lag"],
                    "p95": figures["p95"],
                    "polls": figures["polls"],
                }
            )
    return found


def measured(runs: int, jobs: int) -> dict[str, Any]:
    """Return the median, lowest and highest of each figure over the runs, by distribution and by client."""
    results: dict[str, Any] = {"runs": runs, "jobs": jobs, "distributions": {}}
    for number, (name, times) in enumerate(DISTRIBUTIONS.items()):
        ways = {way: replays for way, replays in _ways().items() if way != NEW_ACCOUNT or number == 0}
        measured: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for run in range(runs):
            of = random.Random(run)
            takes = [times(of, number / jobs) for number in range(jobs)]
            for way, replays in ways.items():
                measured[way].append(_figures(replays.replay(takes)))
        results["distributions"][name] = {way: _spread(figures) for way, figures in measured.items()}
    return results


def _figures(jobs: list[Job]) -> dict[str, float]:
    lags = [job.noticed - job.takes for job in jobs if job.noticed is not None]
    transitions = statistics.mean(job.transitions for job in jobs)
    check_seconds = statistics.mean(job.check_seconds for job in jobs)
    return {
        "lag": statistics.mean(lags),
        "p95": statistics.quantiles(lags, n=20)[-1],
        "polls": statistics.mean(job.polls for job in jobs),
        "transitions": transitions,
        "usd": transitions * TRANSITION_USD + check_seconds * CHECK_GIB * GIB_SECOND_USD,
    }


def _spread(figures: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    spread: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "lowest": min, "highest": max}
    return {name: {word: of([one[name] for one in figures]) for word, of in spread.items()} for name in FIGURES}


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    first, *others = [(name, ways) for name, ways in results["distributions"].items() if "suddenly" not in name]
    name, ways = first
    ours = {figure: spread["median"] for figure, spread in ways[OURS].items()}

    def best(figure: str, within: str) -> tuple[str, float] | None:
        """Return the client with the best figure among those that are no worse than ours in another figure."""
        found = {way: spreads[figure]["median"] for way, spreads in ways.items() if not way.startswith(OURS)}
        found = {way: value for way, value in found.items() if ways[way][within]["median"] <= ours[within]}
        way = min(found, key=lambda one: found[one], default=None)
        return (way, found[way]) if way else None

    rows = [
        Row(f"{name}: mean lag, s (peers with as few polls)", ours["lag"], best("lag", "polls"), VEO2_TARGETS["lag"]),
        Row(
            f"{name}: polls a job (peers with as little lag)",
            ours["polls"],
            best("polls", "lag"),
            VEO2_TARGETS["polls"],
            digits=1,
        ),
        Row(f"{name}: 95th percentile of the lag, s", ours["p95"], best("p95", "polls"), VEO2_TARGETS["p95"]),
    ]
    for figure, digits in (("usd", 5), ("transitions", 1)):
        before = (BEFORE, ways[BEFORE][figure]["median"])
        title = {"usd": "USD of transitions and polls"}.get(figure, figure)
        rows.append(Row(f"{name}: {title} a job", ours[figure], before, VEO2_TARGETS.get(figure), digits=digits))
    new = ways[NEW_ACCOUNT]["transitions"]["median"]
    rows.append(Row("the same in an account limited to 10 functions at once", new, digits=1))
    if others:
        worst, lag = max(((name, ways[OURS]["lag"]["median"]) for name, ways in others), key=lambda one: one[1])
        rows.append(Row(f"highest mean lag of the other distributions ({worst}), s", lag, None, TARGETS["lag"]))
    for crowd in results.get("crowds", []):
        if crowd["way"] == OURS and crowd["slots"] == CROWDS[-1]:
            who, most = f"{CROWDS[-1]} jobs at once", production().polls_per_second
            rows.append(Row(f"{who}: most polls in any second", crowd["highest"], None, most, digits=0))
            rows.append(Row(f"{who}: mean lag, s", crowd["lag"]))
    text = (
        "The shipped state machine and functions replay jobs whose generation times are drawn from distributions.",
        "The lag is the time from the end of a generation until a poll notices it; half of the pause between two polls "
        "is its least mean.",
    )
    return Section("Waiting", text, tuple(rows))


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    lines = [EXPLAINED.format(**results, at_once=AT_ONCE)]
    for name, ways in results["distributions"].items():
        lines += [f"## {name}", "", f"| | {' | '.join(FIGURES)} |", "|---|" + "---|" * len(FIGURES)]
        for way, figures in ways.items():
            cells = [_cell(figures[figure], digits) for figure, digits in FIGURES.items()]
            lines.append(f"| {way} | {' | '.join(cells)} |")
        lines += ["", *_verdict(name, ways), ""]
    return "\n".join([*lines, *_crowds(results.get("crowds", []))])


def _crowds(found: list[dict[str, Any]]) -> Iterator[str]:
    if not found:
        return
    limit = stage_named("prod").polls_per_second
    yield "## Many jobs at once\n"
    yield f"Jobs with a median of 45 s. Slots are granted {GRANTED_A_SECOND} a second, and each gets another job as"
    yield "soon as one is noticed. The learned times of the first jobs are known to the next ones. Polls are those of"
    yield f"all jobs in a second, as mean and as the highest of any second. `polls_per_second` is {limit:g}.\n"
    yield "| slots in use | | polls a second | highest | lag | p95 | polls a job |"
    yield "|---|---|---|---|---|---|---|"
    for one in found:
        yield (
            f"| {one['slots']} | {one['way']} | {one['mean']:.1f} | {one['highest']} | {one['lag']:.2f} |"
            f" {one['p95']:.2f} | {one['polls']:.1f} |"
        )
    ours = {one["slots"]: one for one in found if one["way"] == OURS}
    most = max(one["highest"] for one in ours.values())
    yield ""
    yield f"Target: at most {limit:g} polls in any second: {'met' if most <= limit else f'**missed**, {most}'}."
    yield ""


def _cell(figure: dict[str, float], digits: int) -> str:
    middle, low, high = (f"{figure[word]:.{digits}f}" for word in ("median", "lowest", "highest"))
    return "" if not figure["highest"] else middle if low == high else f"{middle} [{low}..{high}]"


def _verdict(name: str, ways: dict[str, Any]) -> Iterator[str]:
    ours = {figure: spread["median"] for figure, spread in ways[OURS].items()}
    ratios = [f"{figure} {ours[figure] / ways[BEFORE][figure]['median']:.2f}" for figure in FIGURES]
    yield f"Relative to 0.1.0: {', '.join(ratios)}."
    if "suddenly" in name:
        yield BEYOND
        return
    targets = VEO2_TARGETS if "veo2" in name else TARGETS
    missed = [f"{figure} is {ours[figure]:.2f}" for figure, target in targets.items() if ours[figure] > target]
    goal = ", ".join(f"{figure} {target:g}" for figure, target in targets.items())
    yield f"Targets: at most {goal}: {'**missed**, ' + ', '.join(missed) if missed else 'met'}."


def plots(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the lag of each client against its number of polls, one panel per distribution."""
    pyplot = importlib.import_module("matplotlib.pyplot")  # only the benchmarks' environment has it
    grey = "#808080"  # legible on light and on dark
    figure, panels = pyplot.subplots(2, 4, figsize=(16, 8), layout="constrained")
    figure.patch.set_alpha(0)
    for panel, (name, ways) in zip(panels.flat, results["distributions"].items(), strict=False):
        panel.patch.set_alpha(0)
        panel.set_title(name, color=grey, fontsize=10)
        panel.set(xscale="log", yscale="log")
        panel.set_xlabel("polls a job", color=grey)
        panel.set_ylabel("mean lag, s", color=grey)
        panel.tick_params(which="both", colors=grey)
        for spine in panel.spines.values():
            spine.set_color(grey)
        for number, (way, figures) in enumerate(ways.items()):
            at = figures["polls"]["median"], figures["lag"]["median"]
            panel.plot(
                *at, "D" if way == OURS else "o", markersize=9 if way == OURS else 6, color=f"C{number}", label=way
            )
    handles, labels = panels.flat[0].get_legend_handles_labels()
    for panel in list(panels.flat)[len(results["distributions"]) :]:
        panel.axis("off")
        panel.legend(handles, labels, loc="center", frameon=False, labelcolor=grey)
    path = folder / "waiting.svg"
    figure.savefig(path)
    pyplot.close(figure)
    return [path]


if __name__ == "__main__":
    print(page(measure("--quick" in sys.argv[1:])))  # noqa: T201 - the result
