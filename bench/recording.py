"""Record the events, calls and responses of every function on a separate local cloud.

The recorded jobs are a request over HTTP, a job that waits for its slot, a rejected job, a job whose response is lost,
a dropped file and a batch.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.calls import Invocation, invocation_of
from bench.production import production
from core.generation import Generation, Source, Status, Submission, iso
from core.learned.times import FEW
from core.slots.table import Slot, SlotsTable
from local.services import throw_away
from local.settings import Checkout, Settings
from local.up import up
from tests.support.local_cloud import LocalCloud, eventually
from wiring import now

ROOT = Path(__file__).parents[1]
HOOK = Path(__file__).with_name("hook")
MODEL = "google/veo3"  # of the jobs whose cost is shown; the others take a second, which would be learned
WARM_SECONDS = "600"  # how long an idle function is kept, as on AWS; the local cloud usually ends it sooner
SWEPT_AFTER_MINUTES = (1, 2, 4, 8, 16, 32)  # when, in its first hour, core.sweep looks at what waits


@dataclass(frozen=True)
class Job:
    """The invocations and workflow states of one job."""

    invocations: list[Invocation]
    states: list[str]


@dataclass(frozen=True)
class Recording:
    """All recorded jobs. `first` contains the first invocation of each function, with the responses to its calls."""

    seconds: int  # that a job took at the provider
    alone: Job
    cold: Job
    queued: Job  # the job's invocations, and those of the sweep while it waited
    row: Job  # of a batch
    sweep: Invocation  # with nothing to do
    first: dict[str, dict[str, Any]]
    memory: dict[str, int]  # MiB, by function
    alarms: int


@cache
def record(quick: bool = False) -> Recording:
    """Deploy, run and stop. This takes three minutes.

    A quick run takes half a minute: its jobs take a second and are polled as often as on the local stage.
    """
    checkout = Checkout(ROOT, ".local/bench")
    throw_away(checkout)
    checkout.make_state()
    calls = checkout.state / "calls"
    shutil.rmtree(calls, ignore_errors=True)
    calls.mkdir()
    # Waits are not measured, so they keep their real length.
    environment = {"RECORD_CALLS": str(calls), "PYTHONPATH": str(HOOK), "FUNCTION_IDLE_SECONDS": WARM_SECONDS}
    settings = Settings(functions_see=environment)
    try:
        stack = up(checkout, settings)
        return _Recorded(LocalCloud(stack, 0), calls, seconds=1 if quick else 45).record()
    finally:
        throw_away(checkout)


@dataclass(frozen=True)
class _Recorded:
    cloud: LocalCloud
    folder: Path
    seconds: int  # at the provider, for the jobs whose cost is shown

    def record(self) -> Recording:
        if self.seconds > 1:
            self._be_as_patient_as_in_production()
        cold = self._job("cold")
        first = {**self._others(), **self._first()}
        row = self._batch_row()
        sweep = self._sweep()
        self._learn()
        alone = self._job("alone", self.seconds, MODEL)
        queued = self._queued()
        memory = {one["Handler"].partition(".")[0]: one["MemorySize"] for one in self._functions()}
        alarms = self.cloud.aws("cloudwatch").get_paginator("describe_alarms").paginate()
        count = sum(len(page["MetricAlarms"]) for page in alarms)
        return Recording(self.seconds, alone, cold, queued, row, sweep, {**first, **self._first()}, memory, count)

    def _functions(self) -> list[Any]:
        found: list[Any] = self.cloud.aws("lambda").list_functions()["Functions"]
        return found

    def _be_as_patient_as_in_production(self) -> None:
        """Poll as rarely as in production. The local stage polls sooner and more often."""
        stage = production()
        prod = vars(stage) | {"poll_stay_seconds": stage.stay_seconds}
        lambdas = self.cloud.aws("lambda")
        for function in self._functions():
            variables = function["Environment"]["Variables"]
            patient = {
                name: str(prod[name.lower()]) for name in variables if name.startswith("POLL_") and name.lower() in prod
            }
            if patient:
                lambdas.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": {**variables, **patient}}
                )

    def _learn(self) -> None:
        """Run jobs until the times of the model are known, as they are in any deployment after its first few jobs."""
        since = time.time()
        prompts = [f"learn {uuid4().hex}" for _ in range(FEW)]
        for prompt in prompts:
            self.cloud.simulator.script(prompt, seconds=self.seconds)
        ids = [self.cloud.create(prompt, model=MODEL) for prompt in prompts]
        for generation_id in ids:
            self.cloud.ended(generation_id, patience=180)
        eventually(lambda: self._has("make_poster", since, FEW))

    def _job(self, name: str, seconds: float = 1, model: str = "veo2") -> Job:
        prompt = f"{name} {uuid4().hex}"
        self.cloud.simulator.script(prompt, seconds=seconds)
        since = time.time()
        generation_id = self.cloud.create(prompt, model=model)
        self.cloud.ended(generation_id, patience=180)
        eventually(lambda: self._has("make_poster", since))
        return Job(self._invocations(since), self._states(generation_id))

    def _others(self) -> dict[str, dict[str, Any]]:
        """Run jobs through the functions that a successful job never invokes."""
        refused, lost = f"refused {uuid4().hex}", f"lost {uuid4().hex}"
        self.cloud.simulator.script(refused, create=[{"status": 400}])
        self.cloud.simulator.script(lost, create=[{"reset": True, "accept": True}], seconds=1)
        ids = [self.cloud.create(refused), self.cloud.create(lost)]
        self.cloud.drop(f"{uuid4().hex}.txt", f"dropped {uuid4().hex}")
        for generation_id in ids:
            self.cloud.ended(generation_id, patience=180)
        self._sweep()
        return self._first()

    def _batch_row(self) -> Job:
        prompt = f"row {uuid4().hex}"
        self.cloud.simulator.script(prompt, seconds=1)
        since = time.time()
        body = json.dumps({"model": "veo2", "prompt": prompt})
        ref = self.cloud.drop(f"{uuid4().hex}.jsonl", body)
        generation = self.cloud.of_owner(ref)
        eventually(lambda: self._has("report_batch", since))
        return Job(self._invocations(since), self._states(generation.generation_id))

    def _has(self, function: str, since: float, times: int = 1) -> bool | None:
        return sum(invocation.function == function for invocation in self._invocations(since)) >= times or None

    def _sweep(self) -> Invocation:
        since = time.time()
        self.cloud.invoke("sweep", {})
        return next(invocation for invocation in self._all(since) if invocation.function == "sweep")

    def _queued(self) -> Job:
        """Run a job that finds every slot held, waits, is checked by the sweep, and is admitted in the end."""
        dynamodb, stack = self.cloud.aws("dynamodb"), self.cloud.stack
        table = SlotsTable(dynamodb, stack.slots_table_name, stack.table_name)
        limit = int(self._variables("admit")["IN_FLIGHT_LIMIT"])
        holder = uuid4().hex
        self.cloud.ledger.add(_generating(holder))
        taken = [Slot(number, holder, "other", now()) for number in range(limit)]
        for slot in taken:
            dynamodb.put_item(**table._new(slot))
        prompt = f"queued {uuid4().hex}"
        self.cloud.simulator.script(prompt, seconds=self.seconds)
        since = time.time()
        generation_id = self.cloud.create(prompt, model=MODEL)
        eventually(lambda: self._has("admit", since))
        for minutes in SWEPT_AFTER_MINUTES:
            self._age(generation_id, minutes)
            self.cloud.invoke("sweep", {})
        for slot in taken:
            table.release(slot)
        self.cloud.invoke("sweep", {})
        self.cloud.ended(generation_id, patience=180)
        eventually(lambda: self._has("make_poster", since))
        return Job(self._all(since), self._states(generation_id))

    def _age(self, generation_id: str, minutes: int) -> None:
        """Make a job so many minutes old, and due for the next sweep."""
        self.cloud.aws("dynamodb").update_item(
            TableName=self.cloud.stack.table_name,
            Key={"generation_id": {"S": generation_id}},
            UpdateExpression="SET created_at = :then, watch_at = :due",
            ExpressionAttributeValues={
                ":then": {"S": iso(now() - timedelta(minutes=minutes))},
                ":due": {"S": iso(now() - timedelta(seconds=1))},
            },
        )

    def _variables(self, function: str) -> dict[str, str]:
        found: dict[str, str] = next(
            one["Environment"]["Variables"] for one in self._functions() if one["Handler"] == f"{function}.handler"
        )
        return found

    def _states(self, generation_id: str) -> list[str]:
        self.cloud.execution(generation_id)
        arn = self.cloud.stack.video_generation_state_machine_arn.replace(":stateMachine:", ":execution:")
        pages = self.cloud.aws("stepfunctions").get_paginator("get_execution_history")
        events = [event for page in pages.paginate(executionArn=f"{arn}:{generation_id}") for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def _invocations(self, since: float) -> list[Invocation]:
        """Return the invocations since then, except the sweep's, which runs every minute anyway."""
        return [invocation for invocation in self._all(since) if invocation.function != "sweep"]

    def _all(self, since: float) -> list[Invocation]:
        time.sleep(0.5)  # an invocation is written once its worker waits for the next one
        return sorted(
            (invocation_of(line) for line in self._lines() if line["at"] >= since), key=lambda invocation: invocation.at
        )

    def _first(self) -> dict[str, dict[str, Any]]:
        return {line["function"]: line for line in reversed(list(self._lines())) if "answers" in line}

    def _lines(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self.folder.glob("*.jsonl")):
            # A worker may be writing its last line just now: that one comes the next time.
            yield from map(json.loads, file.read_text().rpartition("\n")[0].splitlines())


def _generating(generation_id: str) -> Generation:
    return Generation(
        generation_id=generation_id,
        owner="other",
        request={"model": "veo2", "prompt": "x"},
        source=Source("api", "x"),
        created_at=now(),
        updated_at=now(),
        status=Status.GENERATING,
        submission=Submission.SUBMITTED,
        provider_id="x",
        submitted_at=now(),
    )
