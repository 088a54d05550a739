"""Measure the create route with many callers at once: `python -m bench creates`.

The shipped handler runs in this process, with a thread per caller, over a DynamoDB in memory that takes as long as the
real one and rejects conflicting transactions (bench/scale/dynamodb.py). A create needs no other service than DynamoDB
and Step Functions.
"""

import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]

from bench.report import Row, Section  # noqa: E402 - found only now
from bench.scale.dynamodb import DynamoDB  # noqa: E402
from bench.scale.slots import SECONDS  # noqa: E402
from core.money.prices import PRICE  # noqa: E402
from core.money.table import PK, SK  # noqa: E402
from core.records.table import KEY, write  # noqa: E402

KEYS: dict[str, tuple[str, ...]] = {"generations": (KEY,), "slots": ("pk", "sk"), "money": (PK, SK)}
START_SECONDS = 0.03  # of StartExecution
CALLERS = (1, 10, 100)
BEFORE = {10: 12, 100: 26}  # DynamoDB calls of a create, in November 2026
EVENT = ROOT / "tests" / "events" / "http_api.json"
KNOWN = {
    "TABLE_NAME": "generations",
    "SLOTS_TABLE_NAME": "slots",
    "MONEY_TABLE_NAME": "money",
    "RESERVE_CREDITS": "10000000",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:generation",
    "BUDGETS": "day=1000000000000",
    "ALLOWED_MODELS": "",
    "PASSED_THROUGH_MODELS": "",
    "DEFAULT_MODEL": "veo2",
    "ALLOW_LOCAL_WEBHOOKS": "false",
    "VIDEO_RULES": ": keep STANDARD",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}


class _StepFunctions:
    """A Step Functions that starts every execution."""

    exceptions = SimpleNamespace(ExecutionAlreadyExists=KeyError)

    def start_execution(self, **_: Any) -> dict[str, Any]:
        time.sleep(START_SECONDS)
        return {}


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the latency, the rate and the calls of creates, by the number of callers."""
    handler = _handler()
    each = 5 if quick else 20
    return {
        "runs": [_run(handler, callers, max(each, 50 // callers)) for callers in CALLERS],
    }


def _handler() -> Any:
    import wiring  # noqa: PLC0415 - it needs the settings
    from wiring.api import Settings  # noqa: PLC0415

    for setting in fields(Settings):
        os.environ.setdefault(setting.name.upper(), KNOWN.get(setting.name.upper(), "1"))
    os.environ.update(KNOWN)
    import api  # noqa: PLC0415

    wiring.logger.setLevel("CRITICAL")
    wiring._made["stepfunctions {}"] = _StepFunctions()
    return api.handler


def _run(handler: Any, callers: int, each: int) -> dict[str, Any]:
    """Let each caller, an owner with a key, create so many generations one after another."""
    from wiring import _made  # noqa: PLC0415

    dynamodb = DynamoDB(KEYS, SECONDS)
    price = {"pricing": json.dumps({"amount": 1, "unit": "second"}), "read_at": "2026-01-01T00:00:00+00:00"}
    dynamodb.put_item(TableName="money", Item=write({PK: PRICE, SK: "veo2", **price}))
    _made["dynamodb {}"] = dynamodb
    for module in [module for name, module in sys.modules.items() if name.startswith(("routes.", "wiring."))]:
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear") and kept.__module__ == module.__name__:
                kept.cache_clear()
    _create(handler, "first")  # imports, and the first items of the budgets
    dynamodb.reset_counts()
    latencies, rejected_after = list[float](), list[float]()
    barrier = threading.Barrier(callers + 1)

    def call(owner: str) -> None:
        barrier.wait()
        for _ in range(each):
            began = time.perf_counter()
            is_accepted = _create(handler, owner)
            (latencies if is_accepted else rejected_after).append(time.perf_counter() - began)

    threads = [threading.Thread(target=call, args=(f"owner{number}",)) for number in range(callers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    count = len(latencies)
    calls = Counter({name: number for name, number in dynamodb.calls.items() if " " not in name})
    return {
        "callers": callers,
        "creates": count,
        "rejected": len(rejected_after) / (callers * each),
        "median": statistics.median(latencies),
        "p99": statistics.quantiles(latencies, n=100)[98],
        "a_second": count / seconds,
        "cpu_ms": 1000 * cpu / count,
        "calls": calls.total() / count,
        "conflicts": (dynamodb.calls["conflicts of transactions"] + dynamodb.calls["transactions refused"]) / count,
    }


def _create(handler: Any, owner: str) -> bool:
    """Create a generation. Return False if the answer is 503, because too many transactions conflicted."""
    event = json.loads(EVENT.read_text("utf-8"))
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/v2/video/generations"
    event["requestContext"]["http"]["method"] = "POST"
    event["requestContext"]["authorizer"]["lambda"] = {"owner": owner, "key_id": f"key{owner}", "line": f"key{owner}"}
    event["body"] = json.dumps({"model": "veo2", "prompt": f"a boat {uuid4().hex}"})
    event["isBase64Encoded"] = False
    context = SimpleNamespace(
        function_name="api",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:api",
        aws_request_id=uuid4().hex,
        get_remaining_time_in_millis=lambda: 29_000,
    )
    answer = handler(event, context)
    if answer["statusCode"] not in (200, 201, 202, 503):
        raise AssertionError(answer["body"])
    return bool(answer["statusCode"] != HTTPStatus.SERVICE_UNAVAILABLE)


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    rows = list[Row]()
    for one in results["runs"]:
        who = f"{one['callers']} caller{'s' if one['callers'] > 1 else ''}"
        rows += [
            Row(f"{who}: median, ms", 1000 * one["median"], digits=0),
            Row(f"{who}: 99th percentile, ms", 1000 * one["p99"], digits=0),
            Row(f"{who}: creates a second", one["a_second"], digits=0),
            Row(f"{who}: DynamoDB calls a create", one["calls"], None, BEFORE.get(one["callers"], 5), digits=1),
        ]
    text = (
        "The shipped handler, over a DynamoDB in memory with the latency of the real one, which rejects conflicts.",
        "Every create counts in the deployment's budget, which one transaction at a time can change.",
        "The targets are the calls of November 2026; no peer has budgets that are never exceeded.",
    )
    return Section("Creates", text, tuple(rows))


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    lines = [
        "# Creates",
        "",
        "POSTs to `/v2/video/generations`, each with the budgets of the deployment and of its owner, and with the",
        "marker that recognises repeated POSTs. Each caller is another owner, in a thread, and sends its next POST",
        "when the last one is answered. The shipped handler runs in this process, over a DynamoDB in memory with the",
        "latency of the real one, which rejects conflicting transactions. Not measured: API Gateway, the authorizer,",
        "starts of functions, and the network. All callers share one core here. On AWS, each concurrent request has a",
        "function of its own.",
        "",
        "| callers | median, ms | p99, ms | creates a second | CPU ms a create | DynamoDB calls | conflicts | 503 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['callers']} | {1000 * one['median']:.0f} | {1000 * one['p99']:.0f} | {one['a_second']:.0f} |"
        f" {one['cpu_ms']:.1f} | {one['calls']:.1f} | {one['conflicts']:.2f} | {one['rejected']:.1%} |"
        for one in results["runs"]
    ]
    lines += [
        "",
        "Calls and conflicts are those of one create. Every create counts in the budget of the deployment, whose item",
        f"only one transaction at a time can change, {1 / SECONDS['transact_write_items']:.0f} a second at best.",
        "A client that gets a 503 sends the same request again after the seconds of `Retry-After`. In November 2026,",
        f"each retry read the budgets again: {BEFORE[10]} calls with 10 callers, and {BEFORE[100]} with 100.",
        "",
    ]
    return "\n".join(lines)


def plots(_results: dict[str, Any], _folder: Path) -> list[Path]:
    """Draw nothing: the table is short."""
    return []


if __name__ == "__main__":
    print(page(measure("--quick" in sys.argv[1:])))  # noqa: T201 - the result
