"""Run many cases at once on the deployed stack until each has ended, then read the world."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from core.batches.identity import batch_id_for
from core.generation import generation_id_for
from tests.support.local_cloud import LocalCloud
from tests.torture.cases import ANY, DELETED, DOORS, FLOWS, LATER_DOORS, Case, Learnt, as_text
from tests.torture.faults import Fault, Plans, Point
from tests.torture.receiver import Receiver
from tests.torture.world import World, items

AT_ONCE = 16
OF_PICTURE, EXTEND = "google/veo-3.1-i2v-fast", "google/veo3-1-extend-video"
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
TRIES = 2  # if its point was not passed: which process grants a slot, and which is new, differs between runs
PATIENCE_SECONDS = 400.0
LOOPS = 3  # a call that an invocation makes more often is part of a loop
SWEEP_EVERY_SECONDS = 5.0
ORDER = [*FLOWS, *DOORS]
SLOTS_SECONDS = 100.0  # a cancelled job's slot is free when the provider must have ended (the local stage: 60 s)


@dataclass
class Running:
    """A running case."""

    case: Case
    token: str
    started: float
    generation_id: str = ""
    seconds: float | None = None  # until it had ended and was announced
    status: str = ""
    struck: int = 0  # how often its faults struck
    was_swept: bool = False
    broken: list[str] = field(default_factory=list)


@dataclass
class Torture:
    """The deployed stack under torture."""

    cloud: LocalCloud
    plans: Plans
    receiver: Receiver
    sweep_after_seconds: float = 120.0  # the sweep has to fix everything that is older
    _swept: float = 0.0

    def learn(self) -> Learnt:
        """Return the points that clean generations of each flow pass."""
        cases = [Case("clean", flow, script, ends=ANY) for flow, script in FLOWS.items()]
        cases += [Case("clean", flow, door=door) for flow, door in DOORS.items()]
        done = self.run(cases)
        learnt: Learnt = {}
        known: set[Point] = set()
        for one in sorted(done, key=lambda one: list(ORDER).index(one.case.name)):
            tokens = (one.token, one.generation_id, self._batch_id(one))
            points = [point for token in dict.fromkeys(tokens) for point in self.plans.points(token)]
            # Points that several flows share are tested in the first of these flows; each door has its own way in.
            is_new = _is_new_point if one.case.name in LATER_DOORS else _is_of_new_function
            learnt[one.case.name] = [point for point in points if is_new(point, known) and point.number <= LOOPS]
            known |= {point for point in points if one.case.name in LATER_DOORS or point.function != "ingest"}
        return learnt

    def run(
        self,
        cases: Sequence[Case],
        say: Callable[[str], object] = lambda _: None,
        meanwhile: Callable[[float], object] = lambda _: None,
    ) -> list[Running]:
        """Run the cases to their ends. The result of each includes its list of broken promises.

        Between polls, `meanwhile` is called with the seconds since the last case was started.
        """
        self.cloud.simulator.log_limit(None)  # sized for a provider's usual load; this is many times that
        todo, running, done = list(cases), list[Running](), list[Running]()
        tried: Counter[str] = Counter()
        while todo or running:
            while todo and len(running) < AT_ONCE:
                running.append(self._start(todo.pop(0)))
            time.sleep(0.5)
            meanwhile(time.monotonic() - max((one.started for one in running), default=0))
            self._look_at(running)
            for one in [one for one in running if one.seconds is not None or _is_late(one)]:
                running.remove(one)
                done.append(one)
                one.struck = self.plans.struck(one.token) + self.plans.struck(one.generation_id)
                tried[repr(one.case)] += 1
                if one.case.faults and not one.struck and tried[repr(one.case)] < TRIES:
                    todo.append(one.case)
                of = len(done) + len(running) + len(todo)
                say(f"{len(done):4} of {of}  {one.status or 'LATE':9} {one.seconds or 0:4.0f} s  {as_text(one.case)}")
        self._judge(done)
        return done

    def _start(self, case: Case) -> Running:
        token = uuid4().hex
        one = Running(case, token, time.monotonic())
        prompt = f"torture {token}"
        self.cloud.simulator.script(prompt, **case.script)
        if case.door not in ("file", "event", "batch"):
            one.generation_id = generation_id_for("demo", "api", token)
        self._plan(one)
        match case.door:
            case "api":
                self._create(one, {"model": "veo2", "prompt": prompt})
            case "upload":
                self._create(one, {"model": OF_PICTURE, "prompt": prompt, "image_url": self._upload()})
            case "chain":
                source = self.cloud.create(f"source of {prompt}", seed=int(token[:6], 16))
                self._create(one, {"model": EXTEND, "prompt": prompt, "video_url": f"generation:{source}"})
            case "webhook":
                self._create(one, {"model": "veo2", "prompt": prompt}, webhook=self.receiver.url)
            case "batch":
                rows = (
                    {"prompt": prompt},
                    {"model": EXTEND, "prompt": f"{prompt} goes on", "video_url": "row:1"},
                    {"prompt": f"{prompt} is wrong", "duration": 60},
                )
                for _ in range(case.arrives):
                    self.cloud.drop(_file_of(one), "".join(f"{json.dumps(row)}\n" for row in rows))
            case "file":
                for _ in range(case.arrives):
                    self.cloud.drop(f"{token}.jsonl", json.dumps({"prompt": prompt}) + "\n")
            case "event":
                detail = json.dumps({"prompt": prompt, "model": "veo2", "idempotency_key": token})
                entry = {"Source": "torture", "DetailType": "Generation Requested", "Detail": detail}
                bus = {"EventBusName": self.cloud.stack.bus_name}
                self.cloud.aws("events").put_events(Entries=[{**entry, **bus}] * case.arrives)
        return one

    def _plan(self, one: Running) -> None:
        faults = [_filled(fault, one.generation_id) for fault in one.case.faults]
        for token in filter(None, {one.token, one.generation_id, self._batch_id(one)}):
            self.plans.write(token, faults)

    def _batch_id(self, one: Running) -> str:
        """Return the id of the batch that the case drops, or an empty text for another door."""
        return batch_id_for(self.cloud.stack.prompts_bucket, _file_of(one)) if one.case.door == "batch" else ""

    def _upload(self) -> str:
        """Upload a picture as any client would, and return its reference."""
        answer = self.cloud.call("POST", "/v2/uploads", json={"content_type": "image/png"}).json()
        form = answer["upload"]
        requests.post(form["url"], data=form["fields"], files={"file": PNG}, timeout=60).raise_for_status()
        return str(answer["reference"])

    def _create(self, one: Running, request: dict[str, Any], **query: str) -> None:
        """Create it as a persistent client does: again with the same key until there is a response."""
        for _ in range(4):
            with suppress(requests.RequestException):
                answer = self.cloud.call("POST", json=request, params=query, headers={"Idempotency-Key": one.token})
                if answer.status_code == 200:
                    assert answer.json()["id"] == one.generation_id
                    return
            recorded = one.generation_id in {str(item["generation_id"]) for item in self._records()}
            if recorded and not one.case.is_sent_again:
                return  # the sweep has to start it

    def _records(self) -> list[dict[str, Any]]:
        return list(items(self.cloud, self.cloud.stack.table_name))

    def _look_at(self, running: list[Running]) -> None:
        records = self._records()
        by_id = {str(item["generation_id"]): item for item in records}
        overdue = False
        for one in running:
            if not one.generation_id:
                one.generation_id = next(
                    (str(item["generation_id"]) for item in records if _prompt_of(item) == f"torture {one.token}"), ""
                )
            record = by_id.get(one.generation_id, {})
            if "deleted_at" in record or (record.get("announced_at") and self._is_told(one, record, records)):
                one.status = DELETED if "deleted_at" in record else record["status"]
                if one.status in one.case.ends:  # otherwise it may be about to be rescued
                    one.seconds = time.monotonic() - one.started
            elif time.monotonic() - one.started > self.sweep_after_seconds and record:
                one.was_swept = overdue = True
                self._make_due(one.generation_id)
        if overdue and time.monotonic() > self._swept + SWEEP_EVERY_SECONDS:
            self.sweep()

    def _is_told(self, one: Running, record: dict[str, Any], records: list[dict[str, Any]]) -> bool:
        """Return whether its webhook has its end, and whether its batch, if it has one, ended and was announced."""
        if one.case.door == "webhook":
            return bool(self.receiver.received(one.generation_id))
        if "batch_id" not in record:
            return True
        rows = [other for other in records if other.get("batch_id") == record["batch_id"]]
        return all(row.get("announced_at") for row in rows) and bool(
            self.cloud.announcements(record["batch_id"], "batch_id")
        )

    def _make_due(self, generation_id: str) -> None:
        """Make the job old enough for a sweep to look at it."""
        dynamodb = self.cloud.aws("dynamodb")
        with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.update_item(
                TableName=self.cloud.stack.table_name,
                Key={"generation_id": {"S": generation_id}},
                UpdateExpression="SET watch_at = :past",
                ConditionExpression="attribute_exists(watch_at)",
                ExpressionAttributeValues={":past": {"S": (datetime.now(UTC) - timedelta(days=1)).isoformat()}},
            )

    def sweep(self) -> None:
        """Run the sweep once, as EventBridge would."""
        self._swept = time.monotonic()
        self.cloud.invoke("sweep", {})

    def settle(self) -> World:
        """Return the world once all jobs have ended and all slots are free, or after the time by which they must."""
        deadline = time.monotonic() + SLOTS_SECONDS
        while time.monotonic() < deadline and self._is_busy():
            time.sleep(2)
            self.sweep()
        return World.of(self.cloud)

    def _is_busy(self) -> bool:
        """Return whether a slot is held, or a job waits for one or has not ended."""
        slots = items(self.cloud, self.cloud.stack.slots_table_name)
        return any(item["pk"] in ("slot", "waiting") for item in slots) or any(
            "status" in item and "announced_at" not in item for item in self._records()
        )

    def _judge(self, done: Sequence[Running]) -> None:
        world = World.of(self.cloud)
        for one in done:
            if one.seconds is None:
                error = world.records.get(one.generation_id, {}).get("error")
                one.broken.append(f"ended as {one.status}: {error}" if one.status else "not ended in time")
            one.broken += world.broken(one.generation_id)
            if one.case.door == "batch":
                one.broken += world.broken_batch(self._batch_id(one))
            if one.case.door == "webhook" and one.status != DELETED:
                one.broken += world.broken_webhook(one.generation_id, self.receiver.received(one.generation_id))


def _file_of(one: Running) -> str:
    return f"torture/{one.token}-rows.jsonl"


def _prompt_of(item: dict[str, Any]) -> str:
    return str(json.loads(item["request"]).get("prompt")) if "request" in item else ""


def _is_new_point(point: Point, known: set[Point]) -> bool:
    return point not in known


def _is_of_new_function(point: Point, known: set[Point]) -> bool:
    return point.function not in {one.function for one in known}


def _is_late(one: Running) -> bool:
    return time.monotonic() - one.started > PATIENCE_SECONDS


def _filled(fault: Fault, generation_id: str) -> Fault:
    command = [part.replace("{generation_id}", generation_id) for part in fault.command]
    return Fault(**{**asdict(fault), "command": command})
