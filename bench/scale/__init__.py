"""Measure throughput and scale: what the deployed stack does on a local cloud, and how that grows."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]

from bench.report import Row, Section  # noqa: E402 - found only now
from bench.scale import cloud, memory, slots  # noqa: E402

LONG_RUNS = Path(__file__).parent / "long_runs"  # runs too long for `make bench`: measured separately and kept


def measure(quick: bool) -> dict[str, Any]:
    """Measure the whole section; `quick` measures less of everything."""
    with cloud.cloud() as running:
        found: dict[str, Any] = {
            "creates": cloud.creates(running, 16 if quick else 60),
            "overhead": cloud.overhead(running, 1 if quick else 5),
            "batch": cloud.batch(running, 10 if quick else 100),
            "crowd": cloud.crowd(running, 4, 3 if quick else 10),
        }
    sizes = (1000,) if quick else (1000, 100_000)
    found["memory"] = [
        {"function": function, "rows": rows, **memory.measure(function, rows)}
        for function in ("ingest", "report_batch")
        for rows in sizes
    ]
    rushes = ((10, 20),) if quick else ((10, 100), (50, 300), (200, 300))
    found["rushes"] = [slots.rush(limit, jobs) for limit, jobs in rushes]
    bursts = ((20, 1),) if quick else ((20, 1), (200, 1), (200, 10), (1000, 40))
    found["bursts"] = [slots.burst(free, owners) for free, owners in bursts]
    queues = (
        ((10, 1), (1000, 1), (1000, 40))
        if quick
        else ((10, 1), (1000, 1), (100_000, 1), (10, 10), (1000, 40), (1000, 1000))
    )
    found["queues"] = [slots.queue(waiting, owners) for waiting, owners in queues]
    return found


def keep(name: str, found: dict[str, Any]) -> None:
    """Keep the result of a long run for the page."""
    LONG_RUNS.mkdir(exist_ok=True)
    dated = {"date": datetime.now(UTC).date().isoformat(), **found}
    (LONG_RUNS / f"{name}.json").write_text(json.dumps(dated, indent=2) + "\n")


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    late, batch, crowd = (results[name] for name in ("overhead", "batch", "crowd"))
    largest = max(results["memory"], key=lambda one: one["mib"])
    granted = max(one["granted_a_second"] for one in results["bursts"])
    longest = max(results["queues"], key=lambda one: one["waiting"])
    rows = (
        Row("from the provider's `completed` to the verified object in S3, s", late["archived"]["median"], None, 1.0),
        Row("from there to the announcement, s", late["announced"]["median"] - late["archived"]["median"], None, 0.1),
        Row(
            f"a batch of {batch['rows']:,} rows: time ÷ the time that the number of slots allows",
            batch["ratio"],
            None,
            1.5,
            "The local AWS is one process, which needs most of a core for ten jobs at once.",
        ),
        *(
            Row(
                f"MiB of memory of the local AWS and its functions for a batch of {kept['rows']:,} rows",
                kept["mib"],
                None,
                2048,
                f"It had {kept['processes']} processes. Fewer are kept now: {batch['rows']} rows need "
                f"{batch['mib']:,} MiB.",
                digits=0,
            )
            for kept in _kept("rows")
        ),
        Row(
            f"create calls for these {batch['rows']:,} rows and the {crowd['owners'] * crowd['jobs']} jobs of "
            f"{crowd['owners']} owners, ÷ jobs",
            (batch["creates"] + crowd["creates"]) / (batch["rows"] + crowd["owners"] * crowd["jobs"]),
            None,
            1.0,
        ),
        Row(
            f"`{largest['function']}`: memory for {largest['rows']:,} rows above that for 10, MiB",
            largest["mib"],
            None,
            16.0,
            "The rows of a page are read at once, and no more than these are kept.",
            digits=1,
        ),
        Row(
            "slots granted a second",
            granted,
            None,
            17.0,  # 1,000 jobs a minute
            "One caller at a time grants slots, so that no two grant the same one and the order is fair.",
            is_more_better=True,
            digits=0,
        ),
        Row(
            f"DynamoDB calls to grant a slot with {longest['waiting']:,} jobs in the queue",
            longest["calls"],
            digits=0,
        ),
    )
    text = (
        "The first rows are measured on the local cloud, which is one process for all of AWS.",
        "[Scale](scale.md) says which limit is met first on AWS at 1 to 1,000 jobs a second.",
    )
    return Section("Throughput and scale", text, rows)


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    return "\n".join(
        [
            "# Throughput and scale\n",
            *_on_the_local_cloud(results),
            *_long_runs(),
            *_memory(results["memory"]),
            *_rushes([*results["rushes"], *_kept("collisions")]),
            *_bursts(results["bursts"]),
            *_queues(results["queues"]),
            "[Scale](../scale.md) says which limit is met first on AWS.\n",
        ]
    )


def plots(_results: dict[str, Any], _folder: Path) -> list[Path]:
    """Draw nothing: the tables are short."""
    return []


def _on_the_local_cloud(results: dict[str, Any]) -> list[str]:
    made, late, rows, crowd = (results[name] for name in ("creates", "overhead", "batch", "crowd"))
    return [
        f"On the local cloud, which is one process for all of AWS: {made['clients']} clients together get"
        f" {made['per_second']:.1f} creates a second, each after {made['latency']['median']:.2f} s (p95"
        f" {made['latency']['p95']:.2f}, highest {made['latency']['highest']:.2f}; {made['count']} creates).\n",
        f"| from the provider's `completed`, {late['count']} generations one after another | s |",
        "|---|---|",
        *(
            f"| to {what} | {late[name]['median']:.2f} [{late[name]['lowest']:.2f}..{late[name]['highest']:.2f}] |"
            for name, what in (
                ("noticed", "noticed by a check"),
                ("archived", "the object in S3, verified, and `completed`"),
                ("announced", "the announcement over SNS and EventBridge"),
            )
        ),
        "",
        *_batches([rows]),
        *_crowds([crowd]),
    ]


def _batches(runs: list[dict[str, Any]]) -> list[str]:
    return [
        "The bound of a batch is the number of its rows times the seconds of a job, divided by the limit.\n",
        "| batch: rows | limit | s | bound, s | ratio | creates | processes | MiB |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {run['rows']:,}{_when(run)} | {run['limit']} | {run['seconds']:.0f} | {run['bound']:.0f} |"
            f" {run['ratio']:.2f} | {run['creates']:,} | {run['processes']} | {run['mib']:,} |"
            for run in runs
        ),
        "",
    ]


def _crowds(runs: list[dict[str, Any]]) -> list[str]:
    return [
        "A slot is granted unfairly if its owner holds more slots than another owner in the queue.\n",
        "| owners, jobs of each | limit | s | completed | creates | most at the provider | slots granted unfairly |"
        " owners' last job after s: first, median, last | processes | MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {run['owners']}, {run['jobs']}{_when(run)} | {run['limit']} | {run['seconds']:.0f} |"
            f" {run['completed']:,} | {run['creates']:,} | {run['in_flight_highest']} |"
            f" {run['granted_to_one_who_held_more']} | {run['owners_ended_after']['first']:.0f},"
            f" {run['owners_ended_after']['median']:.0f}, {run['owners_ended_after']['last']:.0f} |"
            f" {run['processes']} | {run['mib']:,} |"
            for run in runs
        ),
        "",
    ]


def _when(run: dict[str, Any]) -> str:
    return f" ({run['date']})" if "date" in run else ""


def _kept(figure: str) -> list[dict[str, Any]]:
    """Return the long runs that have this figure."""
    runs = [json.loads(path.read_text()) for path in sorted(LONG_RUNS.glob("*.json"))]
    return [run for run in runs if figure in run]


def _long_runs() -> list[str]:
    batches, crowds = _kept("rows"), _kept("owners")
    return [
        *(
            ["Runs that take too long for this page, measured separately (`python -m bench.scale --rows … --keep`):\n"]
            if batches
            else []
        ),
        *(_batches(batches) if batches else []),
        *(["And `python -m bench.scale --owners … --jobs … --keep`:\n"] if crowds else []),
        *(_crowds(crowds) if crowds else []),
    ]


def _memory(found: list[dict[str, Any]]) -> list[str]:
    return [
        "Memory of the functions of a batch, in a fresh process, with fakes of S3 and DynamoDB:\n",
        "| function | rows | MiB above the idle process |",
        "|---|---|---|",
        *(f"| {one['function']} | {one['rows']:,} | {one['mib']:.1f} |" for one in found),
        "",
    ]


def _rushes(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"Slots: jobs that arrive within {slots.HELD_SECONDS:.0f} s and each hold a slot for as long. The shipped"
        " code runs with a fake that takes as long as DynamoDB and rejects conflicting transactions. The bound is the"
        " time that all jobs would need if granting slots took no time.\n",
        "| limit | jobs | DynamoDB calls a job | of these writes | transactions that collide | s | bound | granted a"
        " second |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one['limit']} | {one['jobs']:,}{_when(one)} | {one['calls']:.1f} | {one['writes']:.1f} |"
            f" {one['collisions']:.0%} | {one['seconds']:.1f} | {one['bound']:.1f} |"
            f" {one['jobs'] / one['seconds']:.0f} |"
            for one in found
        ),
        "",
    ]


def _bursts(found: list[dict[str, Any]]) -> list[str]:
    return [
        "Slots that one caller grants when all are free, each to one of as many queued jobs. DynamoDB and Step"
        " Functions take as long as in AWS, and the CPU of a small function is not counted. One by one, as in November"
        " 2026, it was 11 to 14 a second with 4 to 6 calls a job.\n",
        "| free slots | owners | granted a second | DynamoDB calls a job |",
        "|---|---|---|---|",
        *(
            f"| {one['slots']:,} | {one['owners']} | {one['granted_a_second']:.0f} | {one['calls']:.1f} |"
            for one in found
        ),
        "",
    ]


def _queues(found: list[dict[str, Any]]) -> list[str]:
    return [
        "The work from a slot becoming free until it is granted, by the number of queued jobs:\n",
        "| waiting | owners who wait | DynamoDB calls | read units (consistent, of 4 KiB) | CPU ms |",
        "|---|---|---|---|---|",
        *(
            f"| {one['waiting']:,} | {one['owners']:,} | {one['calls']:.0f} | {one['read_units']:.0f} |"
            f" {one['cpu_ms']:.1f} |"
            for one in found
        ),
        "",
        "A queue of up to 25 jobs is read at once. Beyond that, the work depends neither on the number of queued jobs"
        " nor on the number of owners.\n",
    ]
