"""Count the DynamoDB calls that the shipped code of core.slots makes for a slot while many jobs run at once.

Each job is a thread that acts as its workflow: it invokes Admit, waits for its token, holds the slot and releases it.
The table is a fake with the latency and the transaction conflicts of DynamoDB (bench/scale/dynamodb.py).
"""

import statistics
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bench.scale.dynamodb import DynamoDB
from core.generation import Generation, Source, generation_id_for
from core.records.ledger import Ledger
from core.records.table import KEY
from core.slots import table as slots
from core.slots.admission import Admission
from core.slots.shortages import Patience, Shortages
from core.slots.table import Slot, SlotsTable, Waiting

KEYS = {"slots": (slots.PK, slots.SK), "generations": (KEY,)}
SECONDS = {"get_item": 0.004, "query": 0.005, "put_item": 0.006, "update_item": 0.006, "delete_item": 0.006}
SECONDS["transact_write_items"] = 0.015
SECONDS["another item of a transaction"] = 0.001
ANSWER_SECONDS = 0.02  # of Step Functions
HELD_SECONDS = 1.0  # by one job
GRANTS = 5  # measured; the result is their median
START = datetime(2026, 1, 1, tzinfo=UTC)


class _StepFunctions:
    """A Step Functions that resumes the job that waits with a token."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.tokens: dict[str, threading.Event] = {}
        self.exceptions = SimpleNamespace(TaskDoesNotExist=KeyError, TaskTimedOut=KeyError, InvalidToken=KeyError)

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803, ARG002 - boto3's names
        if self.seconds:
            time.sleep(self.seconds)
        self.tokens[taskToken].set()


def rush(limit: int, jobs: int) -> dict[str, Any]:
    """Start jobs of ten owners within the time that one holds its slot. Return the calls and collisions per job."""
    dynamodb, stepfunctions = DynamoDB(KEYS, SECONDS), _StepFunctions(ANSWER_SECONDS)
    admission = _admission(dynamodb, stepfunctions, limit)
    generations = [_generation(f"owner{number % 10}", number) for number in range(jobs)]
    for one in generations:
        stepfunctions.tokens[one.generation_id] = threading.Event()
        admission.ledger.add(one)
    dynamodb.reset_counts()
    at_once, most, lock = 0, 0, threading.Lock()

    def go(number: int, one: Generation) -> None:
        nonlocal at_once, most
        time.sleep(HELD_SECONDS * number / jobs)
        admission.admit(one.run, one.generation_id)
        stepfunctions.tokens[one.generation_id].wait()
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(HELD_SECONDS)
        with lock:
            at_once -= 1
        admission.release(one.generation_id, number=admission.ledger.get(one.generation_id).slot)

    threads = [threading.Thread(target=go, args=each) for each in enumerate(generations)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    if most > limit:
        raise AssertionError(f"{most} at once with a limit of {limit}")
    calls = dynamodb.calls
    transactions = calls["transact_write_items"]
    writes = calls["put_item"] + calls["update_item"] + calls["delete_item"]
    return {
        "limit": limit,
        "jobs": jobs,
        "calls": (calls["get_item"] + calls["query"] + writes + transactions) / jobs,
        "writes": (writes + transactions) / jobs,
        "transactions": transactions / jobs,
        "collisions": (calls["conflicts of transactions"] + calls["transactions refused"]) / transactions,
        "write_conflicts": calls["conflicts of writes"] / jobs,
        "seconds": seconds,
        "bound": HELD_SECONDS * (1 + jobs / limit),
    }


def burst(slots: int, owners: int) -> dict[str, Any]:
    """Measure how fast one caller grants so many free slots to as many queued jobs."""
    dynamodb, stepfunctions = DynamoDB(KEYS, SECONDS), _StepFunctions(ANSWER_SECONDS)
    admission = _admission(dynamodb, stepfunctions, slots)
    dynamodb.slow_down(0)
    for number in range(slots):
        one = _generation(f"owner{number % owners}", number)
        stepfunctions.tokens[one.generation_id] = threading.Event()
        admission.ledger.add(one)
        admission.ledger.wait_with(one.run, one.generation_id)
        admission.table.wait(Waiting.of(one))
    dynamodb.slow_down(1)
    dynamodb.reset_counts()
    started = time.monotonic()
    admission.grant_slots()
    seconds = time.monotonic() - started
    if not all(token.is_set() for token in stepfunctions.tokens.values()):
        raise AssertionError("A queued job was not granted its slot.")
    calls = sum(count for name, count in dynamodb.calls.items() if " " not in name)
    return {"slots": slots, "owners": owners, "granted_a_second": slots / seconds, "calls": calls / slots}


def queue(waiting: int, owners: int) -> dict[str, Any]:
    """Measure the calls and reads from freeing a slot to granting it while so many jobs of so many owners wait."""
    dynamodb, stepfunctions = DynamoDB(KEYS, {}), _StepFunctions()
    admission = _admission(dynamodb, stepfunctions, 1)
    for number in range(waiting):
        one = _generation(f"owner{number % owners}", number)
        admission.table.wait(Waiting.of(one))
        if number < GRANTS * owners:  # jobs that may be granted the next slot
            stepfunctions.tokens[one.generation_id] = threading.Event()
            admission.ledger.add(one)
            admission.ledger.wait_with(one.run, one.generation_id)
    holder = Slot(0, "holder", "owner0", START)
    dynamodb.put_item(**admission.table._new(holder))
    calls, reads, seconds = [], [], []
    for _ in range(GRANTS):
        dynamodb.reset_counts()
        started = time.perf_counter()
        admission.release(holder.holder, number=holder.number)
        seconds.append(time.perf_counter() - started)
        calls.append(sum(count for name, count in dynamodb.calls.items() if " " not in name))
        reads.append(dynamodb.read_bytes / 4096)
        (holder,) = admission.table.held()
    return {
        "waiting": waiting,
        "owners": owners,
        "calls": statistics.median(calls),
        "read_units": statistics.median(reads),
        "cpu_ms": 1000 * statistics.median(seconds),
    }


def granted_a_second(free: int, waiting: int, owners: int) -> float:
    """Return how many slots are granted a second, with DynamoDB's usual latencies, if so many are free at once."""
    dynamodb, stepfunctions = DynamoDB(KEYS, {}), _StepFunctions()
    admission = _admission(dynamodb, stepfunctions, free)
    for number in range(waiting):
        one = _generation(f"owner{number % owners}", number)
        admission.table.wait(Waiting.of(one))
        stepfunctions.tokens[one.generation_id] = threading.Event()
        admission.ledger.add(one)
        admission.ledger.wait_with(one.run, one.generation_id)
    last = Slot(0, "holder", "owner0", START)
    dynamodb.put_item(**admission.table._new(last))
    dynamodb.reset_counts()
    admission.release(last.holder)
    seconds = sum(count * SECONDS.get(name, 0.0) for name, count in dynamodb.calls.items())
    return len(list(admission.table.held())) / seconds


def _admission(dynamodb: Any, stepfunctions: Any, limit: int) -> Admission:
    ledger = Ledger(dynamodb, "generations", lambda: datetime.now(UTC))
    shortages = Shortages(dynamodb, "slots", ledger.now, Patience())
    return Admission(SlotsTable(dynamodb, "slots", "generations"), ledger, stepfunctions, limit, shortages)


def _generation(owner: str, number: int) -> Generation:
    created = START + timedelta(milliseconds=number)
    return Generation(
        generation_id_for(owner, "bench", str(number)), owner, {"model": "veo2"}, Source("api", ""), created, created
    )
