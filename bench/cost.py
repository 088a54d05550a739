"""Calculate what a video costs in AWS from calls counted on the local cloud and AWS's list prices."""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.calls import PRICES, USD, Invocation, usd
from bench.recording import Job, Recording, record
from bench.report import Row, Section

TARGET = 0.00033  # USD per video with its poster, not counting storage and egress
# Each invocation of these has its own trace; the invocations of a workflow share one.
DOORS = {"api", "authorize", "ingest", "make_poster"}
POLLS = "check_status"  # until the job ends, which takes no longer on a slower core
PLATFORM_LOG_BYTES = 400  # what Lambda itself logs for an invocation: START, END, REPORT
FULL_CORE_MB = 1769  # a function with this much memory has one core
HOURS = 730  # of a month
A_MONTH = 10_000
WRITE_UNITS, READ_UNITS = 40, 30.5  # of a job of 45 s, in ...
BEFORE = "November 2026, without a poster"
EMPTY_RECEIVES = 15 * 60 * HOURS  # Lambda polls a queue with five pollers, each for 20 seconds
ROW_STATES = 5  # of a row in its map: AcceptRow, its choice, the run, and the overhead of a Distributed Map
WHO = {
    "alone": "a job of {} s",
    "cold": "a job of 1 s, each function at its first invocation",
    "queued": "a job of {} s that waited an hour for its slot",
    "row": "a row of a batch of one, with all that the batch is",
}


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the USD by part for each kind of job and for a month."""
    recorded = record(quick)
    jobs = {name: _cost(getattr(recorded, name), recorded.memory) for name in WHO}
    return {
        "seconds": recorded.seconds,
        "usd": {name: dict(cost) for name, cost in jobs.items()},
        "counts": {name: _counts(getattr(recorded, name)) for name in WHO},
        "functions": dict(_by_function(recorded)),
        "month": _month(recorded, sum(jobs["alone"].values())),
    }


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    totals = {one: sum(results["usd"][one].values()) for one in WHO}
    month = sum(sum(parts.values()) for parts in results["month"].values()) / A_MONTH
    who = {one: name.format(results["seconds"]) for one, name in WHO.items()}
    counts = results["counts"]["alone"]
    lambdas, states = (results["usd"]["alone"][part] for part in ("Lambda time", "Step Functions"))
    function, most = Counter(results["functions"]).most_common(1)[0]
    because = (
        f"The {counts['state transitions']:g} transitions of the workflow cost {states:.6f} USD, and the "
        f"time of functions {lambdas:.6f}, {most:.6f} of it in `{function}`."
    )
    rows = (
        Row(f"{who['alone']}, USD", totals["alone"], None, TARGET, because, digits=6),
        Row(f"{who['queued']}, USD", totals["queued"], digits=6),
        Row(f"{who['row']}, USD", totals["row"], digits=6),
        Row(f"one of {A_MONTH:,} videos in a month, with all fixed costs, USD", month, digits=6),
        Row(f"{who['alone']}: write units ({WRITE_UNITS} in {BEFORE})", counts["DynamoDB write units"], digits=1),
        Row(f"{who['alone']}: read units ({READ_UNITS} in {BEFORE})", counts["DynamoDB read units"], digits=1),
    )
    text = (
        "What AWS charges for a video without storage and egress: calls counted on the local cloud, times list prices.",
        "The functions are warm and the times of the model are known.",
        "No peer publishes such a figure; a program that polls by itself has to run somewhere the whole time.",
    )
    return Section("Cost", text, rows)


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    who = {one: name.format(results["seconds"]) for one, name in WHO.items()}
    parts = sorted({part for cost in results["usd"].values() for part in cost})
    lines = [
        "# Cost",
        "",
        "USD per video with its poster, without storage and egress: calls counted on the local cloud, at production's",
        "polling intervals, times list prices. The functions record their calls there, and the items before and after",
        "each write. Prices:",
        f"{PRICES['source']} ({PRICES['date']}).",
        "",
        "| part | " + " | ".join(who.values()) + " |",
        "|---" * (len(WHO) + 1) + "|",
    ]
    for part in parts:
        lines.append(f"| {part} | " + " | ".join(f"{results['usd'][one].get(part, 0):.6f}" for one in WHO) + " |")
    month = {name: sum(parts.values()) for name, parts in results["month"].items()}
    totals = {one: sum(results["usd"][one].values()) for one in WHO}
    lines.append("| **all** | " + " | ".join(f"**{totals[one]:.6f}**" for one in WHO) + " |")
    reached = {who[one]: totals[one] for one in ("alone", "queued")}
    reached[f"{A_MONTH} a month"] = month["running"] / A_MONTH
    lines += ["", f"Cost ÷ the goal of {TARGET} USD: {_verdict(reached, results)}", ""]
    lines += ["| count | " + " | ".join(who.values()) + " |", "|---" * (len(WHO) + 1) + "|"]
    for name in results["counts"]["alone"]:
        lines.append(f"| {name} | " + " | ".join(f"{results['counts'][one][name]:g}" for one in WHO) + " |")
    lines += [
        "",
        f"A job of 45 s needed {WRITE_UNITS} write units and {READ_UNITS} read units in {BEFORE}.",
        "",
        f"A month of {A_MONTH} videos costs {month['running']:.2f} USD, or {month['running'] / A_MONTH:.6f} per video, "
        f"and fixed costs of {month['standing']:.2f} USD, which makes {sum(month.values()) / A_MONTH:.6f} per video:",
        "",
        "| part of the month | USD |",
        "|---|---|",
        *(f"| {part} | {cost:.2f} |" for parts in results["month"].values() for part, cost in parts.items()),
        "",
        f"Lambda's time of a job of {results['seconds']} s, by function:",
        "",
        "| function | USD |",
        "|---|---|",
        *(f"| {name} | {cost:.6f} |" for name, cost in Counter(results["functions"]).most_common()),
        "",
        "Lambda's time is the time measured here, stretched to the share of a core that the function's memory gets.",
        f"Only that of `{POLLS}` is not stretched: it polls until the job ends.",
        "It is an overestimate, because DynamoDB is slower on this machine than in AWS. Not included: storage, egress",
        "(about 0.09 USD per GB that leaves AWS), requests of clients that poll, the dashboard's log queries",
        "(0.005 USD per GB) while it is open, free tiers, and",
        f"{USD['CloudWatch metric, a month']} USD a month for each error that occurs, because its name is a metric.",
        "A batch row adds four to five state transitions to those of its job.",
        "",
    ]
    return "\n".join(lines)


def plots(results: dict[str, Any], folder: Path) -> list[Path]:  # noqa: ARG001 - as every section has it
    """Draw nothing: the page has a table."""
    return []


def _verdict(reached: dict[str, float], results: dict[str, Any]) -> str:
    told = ", ".join(f"{who}: {total / TARGET:.2f}" for who, total in reached.items())
    if max(reached.values()) <= TARGET:
        return told + "."
    (first, most), (second, more) = Counter(results["usd"]["queued"]).most_common(2)
    return (
        f"{told}. {first} ({most:.6f}) and {second} ({more:.6f}) are the largest parts. They depend "
        "on how often the provider is polled, and on how long a job runs and waits for a slot."
    )


def _cost(job: Job, memory: dict[str, int]) -> Counter[str]:
    costs: Counter[str] = Counter()
    costs.update(usd(job.invocations))
    costs.update(_running(job.invocations, memory))
    is_row = any(invocation.function == "accept_row" for invocation in job.invocations)
    transitions = len(job.states) + (ROW_STATES if is_row else 0)
    costs["Step Functions"] += transitions * USD["state transition"]  # type: ignore[assignment]
    traces = 1 + sum(invocation.function in DOORS | {"sweep"} for invocation in job.invocations)
    costs["X-Ray"] += traces * USD["X-Ray trace"]  # type: ignore[assignment]
    requests = sum(invocation.function == "api" for invocation in job.invocations)
    costs["HTTP API"] += requests * USD["HTTP API request"]  # type: ignore[assignment]
    return costs


def _running(invocations: Iterable[Invocation], memory: dict[str, int]) -> Counter[str]:
    costs: Counter[str] = Counter()
    for invocation in invocations:
        megabytes = memory[invocation.function]
        stretched = (invocation.cpu + invocation.start_cpu) * max(1.0, FULL_CORE_MB / megabytes)
        if invocation.function == POLLS:
            seconds = max(invocation.wall, stretched)
        else:
            seconds = max(0.0, invocation.wall - invocation.cpu) + stretched
        costs["Lambda time"] += seconds * megabytes / 1024 * USD["Lambda arm64 GB-second"]  # type: ignore[assignment]
        costs["Lambda requests"] += USD["Lambda request"]  # type: ignore[assignment]
        logged = invocation.log_bytes + PLATFORM_LOG_BYTES
        costs["Logs"] += logged / 1e9 * USD["CloudWatch log GB"]  # type: ignore[assignment]
    return costs


def _by_function(recorded: Recording) -> Counter[str]:
    """Return the USD of Lambda's time by function, of one job."""
    costs: Counter[str] = Counter()
    for invocation in recorded.alone.invocations:
        costs[invocation.function] += _running([invocation], recorded.memory)["Lambda time"]
    return costs


def _counts(job: Job) -> dict[str, float]:
    invocations = job.invocations
    return {
        "state transitions": len(job.states),
        "invocations of functions": len(invocations),
        "DynamoDB write units": sum(invocation.write_units for invocation in invocations),
        "DynamoDB read units": sum(invocation.read_units for invocation in invocations),
        "calls to S3": sum(call["service"] == "s3" for invocation in invocations for call in invocation.calls),
        "calls to Secrets Manager": sum(
            call["service"] == "secretsmanager" for invocation in invocations for call in invocation.calls
        ),
    }


def _month(recorded: Recording, each: float) -> dict[str, dict[str, float]]:
    """Return the USD per month by part: costs that grow with videos and sweeps, and fixed costs."""
    sweeps = 60 * HOURS
    sweep = sum(usd([recorded.sweep]).values()) + sum(_running([recorded.sweep], recorded.memory).values())
    return {
        "running": {
            f"{A_MONTH} videos": each * A_MONTH,
            f"the sweep, {sweeps} times": sweep * sweeps,
            "traces of the sweep": sweeps * USD["X-Ray trace"],
            f"{EMPTY_RECEIVES} requests to each of two queues": 2 * EMPTY_RECEIVES * USD["SQS request"],
        },
        "standing": {
            "three secrets": 3 * USD["Secrets Manager secret, a month"],
            f"{recorded.alarms} alarms": recorded.alarms * USD["CloudWatch alarm, a month"],
            "the key that encrypts their messages": USD["KMS key, a month"],
            "the dashboard, if the account has three others": USD["CloudWatch dashboard, a month"],
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(page(measure(parser.parse_args().quick)))  # noqa: T201 - what it is for
