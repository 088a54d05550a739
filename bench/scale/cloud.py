"""Measure the deployed stack on a separate local cloud: creates, overhead, batches and crowds."""

import json
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests

from core.generation import Generation, Source, Status, generation_id_for
from core.intake.accept import Envelope, Intake
from core.models import offered
from core.money import CREDITS_PER_USD
from core.money.accounts import Accounts, Tables
from core.money.budgets import Limits
from core.records.ledger import Ledger
from core.workflow import Workflow
from infra.config import stage_named
from local.processes import find
from local.services import MINISTACK, throw_away
from local.settings import Checkout, Settings, isolate
from local.simulator.control import SimulatorControl
from local.stack import Stack, client
from local.up import up

CHECKOUT = Checkout(Path(__file__).parents[2], ".local/bench")
LIMIT = stage_named("local", provider_url="http://simulator").slots
JOB_SECONDS = 2.0  # at the provider
CLIENTS = 8


@dataclass(frozen=True)
class Cloud:
    """A running local cloud whose waits take a twentieth of their time."""

    stack: Stack
    process: psutil.Process

    @property
    def simulator(self) -> SimulatorControl:
        return SimulatorControl(self.stack.provider_url)

    @property
    def ledger(self) -> Ledger:
        dynamodb = client("dynamodb", self.stack.aws_endpoint_url)
        return Ledger(dynamodb, self.stack.table_name, lambda: datetime.now(UTC))

    @property
    def accounts(self) -> Accounts:
        dynamodb, now = client("dynamodb", self.stack.aws_endpoint_url), self.ledger.now
        tables = Tables(money=self.stack.money_table_name, slots=self.stack.slots_table_name)
        return Accounts.at(dynamodb, tables, now, Limits(), CREDITS_PER_USD)

    def create(self, prompt: str) -> tuple[str, float]:
        """Create a generation over the HTTP API. Return its id and the seconds until it was accepted.

        A 503 is answered if too many creates at once change the deployment's budget. A client sends it again.
        """
        started = time.monotonic()
        while True:
            answer = requests.post(
                f"{self.stack.api_url}/v2/video/generations",
                json={"model": "veo2", "prompt": prompt},
                headers={"Authorization": f"Bearer {self.stack.api_key}"},
                timeout=300,
            )
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        answer.raise_for_status()
        return answer.json()["id"], time.monotonic() - started

    def ended(self, generation_id: str) -> Generation:
        """Return the generation once its end has been announced."""
        while True:
            generation = self.ledger.get(generation_id)
            if generation.announced_at:
                return generation
            time.sleep(0.5)


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Deploy the stack to an empty local cloud and delete it at the end."""
    isolate(os.environ)
    throw_away(CHECKOUT)
    try:
        stack = up(CHECKOUT, Settings(wait_scale="0.05"))
        ministack = find(CHECKOUT.state, MINISTACK)
        yield Cloud(stack, psutil.Process(ministack.pid if ministack else None))
    finally:
        throw_away(CHECKOUT)


def prompt_of(cloud: Cloud, seconds: float) -> str:
    """Return a prompt of this measurement whose generations take `seconds` at the provider."""
    prompt = f"A measurement {uuid4().hex}"
    cloud.simulator.script(prompt, seconds=seconds)
    return prompt


def creates(cloud: Cloud, count: int) -> dict[str, Any]:
    """Return how many creates per second the clients achieve together, and the seconds that one takes."""
    prompt = prompt_of(cloud, 0)
    cloud.create(prompt)  # the functions have started
    started = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        made = list(clients.map(lambda _: cloud.create(prompt), range(count)))
    seconds = time.monotonic() - started
    taken = sorted(each for _, each in made)
    for generation_id, _ in made:
        cloud.ended(generation_id)
    return {
        "count": count,
        "clients": CLIENTS,
        "per_second": count / seconds,
        "latency": {"median": statistics.median(taken), "p95": taken[int(len(taken) * 0.95)], "highest": taken[-1]},
    }


def overhead(cloud: Cloud, count: int) -> dict[str, Any]:
    """Return the seconds from the provider's `completed` until it is noticed, archived and announced.

    Jobs run one by one.
    """
    spans: dict[str, list[float]] = {"noticed": [], "archived": [], "announced": []}
    prompt = prompt_of(cloud, JOB_SECONDS)
    for _ in range(count):
        one = cloud.ended(cloud.create(prompt)[0])
        call = next(c for c in cloud.simulator.calls() if c.method == "POST" and c.generation_id == one.provider_id)
        completed = datetime.fromtimestamp(call.time, UTC) + timedelta(seconds=JOB_SECONDS)
        for name, at in (
            ("noticed", one.generated_at),
            ("archived", one.ended_at),
            ("announced", one.announced_at),
        ):
            if at:
                spans[name].append((at - completed).total_seconds())
    return {
        "count": count,
        **{
            name: {"median": statistics.median(each), "lowest": min(each), "highest": max(each)}
            for name, each in spans.items()
        },
    }


def batch(cloud: Cloud, rows: int) -> dict[str, Any]:
    """Run a file of this many rows from upload to report, and compare the time with the bound set by the limit."""
    prompt = prompt_of(cloud, JOB_SECONDS)
    lines = "".join(json.dumps({"model": "veo2", "prompt": prompt, "seed": row}) + "\n" for row in range(rows))
    stepfunctions = client("stepfunctions", cloud.stack.aws_endpoint_url)
    before = {run["executionArn"] for run in _executions(cloud, stepfunctions)}
    with _watching(cloud) as seen:
        started = time.monotonic()
        client("s3", cloud.stack.aws_endpoint_url).put_object(
            Bucket=cloud.stack.prompts_bucket, Key=f"{uuid4().hex}.jsonl", Body=lines
        )
        runs: list[Any] = []
        while not runs or runs[0]["status"] == "RUNNING":
            time.sleep(0.5)
            runs = [run for run in _executions(cloud, stepfunctions) if run["executionArn"] not in before]
        seconds = time.monotonic() - started
    made = cloud.simulator.counts().creates_by_prompt.get(prompt, 0)
    bound = rows * JOB_SECONDS / LIMIT
    return {
        "rows": rows,
        "limit": LIMIT,
        "job_seconds": JOB_SECONDS,
        "seconds": seconds,
        "bound": bound,
        "ratio": seconds / bound,
        "status": runs[0]["status"],
        "creates": made,
        **seen,
    }


def _executions(cloud: Cloud, stepfunctions: Any) -> list[Any]:
    found: list[Any] = stepfunctions.list_executions(stateMachineArn=cloud.stack.prompt_batch_state_machine_arn)[
        "executions"
    ]
    return found


def crowd(cloud: Cloud, owners: int, jobs: int) -> dict[str, Any]:
    """Run many jobs for each owner, one owner after the other, and report whether all promises were kept.

    Jobs are accepted by core.intake.accept as in the API, without the HTTP layer.
    """
    prompt = prompt_of(cloud, JOB_SECONDS)
    workflow = Workflow(
        client("stepfunctions", cloud.stack.aws_endpoint_url), cloud.stack.video_generation_state_machine_arn
    )
    no_inputs: Any = None  # which the request does not name
    intake = Intake(offered((), ()), cloud.ledger, no_inputs, cloud.accounts, workflow)
    request = {"model": "veo2", "prompt": prompt}
    names = [f"owner{number}" for number in range(owners)]
    with _watching(cloud) as seen:
        started = time.monotonic()
        ids = []
        for name in names:
            for number in range(jobs):
                generation_id = generation_id_for(name, "bench", f"{prompt}{number}")
                intake.accept(request, Envelope(generation_id, name, Source("api", "bench")))
                ids.append(generation_id)
        accepted = time.monotonic() - started
        ended = [cloud.ended(generation_id) for generation_id in ids]
        seconds = time.monotonic() - started
    counts = cloud.simulator.counts()
    return {
        "owners": owners,
        "jobs": jobs,
        "limit": LIMIT,
        "seconds": seconds,
        "accepted_in": accepted,
        "completed": sum(one.status is Status.COMPLETED for one in ended),
        "creates": counts.creates_by_prompt.get(prompt, 0),
        "in_flight_highest": counts.in_flight_highest,
        **fairness(ended),
        **seen,
    }


def fairness(ended: list[Generation]) -> dict[str, Any]:
    """Return how many jobs each owner ran and had queued whenever a slot was granted, from the times in the ledger."""
    events: list[tuple[datetime, int, str]] = []  # (when, 0 arrives / 1 leaves its slot / 2 is admitted, owner)
    for one in ended:
        if one.admitted_at is None or one.generated_at is None:
            continue
        events += [(one.created_at, 0, one.owner), (one.admitted_at, 2, one.owner), (one.generated_at, 1, one.owner)]
    waiting: Counter[str] = Counter()
    held: Counter[str] = Counter()
    most, behind, unfair = 0, 0, 0
    for _, kind, owner in sorted(events):
        if kind == 0:
            waiting[owner] += 1
        elif kind == 1:
            held[owner] -= 1
        else:
            fewest = min(held[other] for other, count in waiting.items() if count)
            behind = max(behind, held[owner] - fewest)
            unfair += held[owner] > fewest
            waiting[owner] -= 1
            held[owner] += 1
            most = max(most, sum(held.values()))
    last = {owner: max(one.ended_at for one in ended if one.owner == owner and one.ended_at) for owner in held}
    first = min(one.created_at for one in ended)
    ends = sorted((at - first).total_seconds() for at in last.values())
    return {
        "held_highest": most,
        "granted_to_one_who_held_more": unfair,
        "more_by": behind,
        "owners_ended_after": {"first": ends[0], "median": statistics.median(ends), "last": ends[-1]},
    }


@contextmanager
def _watching(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """Return the highest number of processes and MiB that the local AWS and its functions use during the block.

    Memory that several processes share is counted once.
    """
    seen = {"processes": 0, "mib": 0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            sizes = []
            for process in [cloud.process, *cloud.process.children(recursive=True)]:
                try:
                    sizes.append(process.memory_full_info().pss)
                except psutil.NoSuchProcess:
                    continue
            seen["processes"] = max(seen["processes"], len(sizes))
            seen["mib"] = max(seen["mib"], sum(sizes) >> 20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
