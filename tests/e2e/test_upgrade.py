"""Deploy this version over the last release while work is in progress. All of it ends as it should, paid once.

Running executions keep their definition, here as on AWS. So the old state machines call the new functions, and the new
functions read the old records, rows and messages.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from unittest.mock import patch

import pytest

from core.batches.identity import batch_id_for
from core.generation import Generation, Status
from local import deploy, services
from local.processes import Process
from local.provision import provision
from local.settings import Checkout, Settings
from local.simulator.scripts import Script, VideoBehaviour
from local.stack import Stack
from tests.support.local_cloud import LocalCloud, eventually, unique
from tests.support.released import ROOT, extract, last_release
from tests.torture.receiver import Receiver
from tests.torture.world import World, items

CHECKOUT = Checkout(ROOT, ".local/tests-upgrade")
SETTINGS = Settings(wait_scale="0.05", is_strict=True)
SLOTS = 10  # of the local stage
PATIENCE = 900.0  # a webhook's fifth attempt is ten minutes after its fourth

EXTEND = "google/veo3-1-extend-video"
QUICK: Script = {"seconds": 0}
ENDLESS: Script = {"outcome": "never"}
FAILING: Script = {"seconds": 0, "outcome": "error"}
PADDED = 40 << 20  # the size of a video of several parts
A_PART: VideoBehaviour = {"size": PADDED, "truncate": 9 << 20}
GONE: VideoBehaviour = {"size": PADDED, "status": 410, "hang": 10, "repeat": True}  # after the first part was stored
BROKEN_OFF: Script = {"seconds": 0, "video": [A_PART, A_PART, A_PART, GONE]}
WHOLE: Script = {"seconds": 0, "video": [{"size": PADDED, "repeat": True}]}
NOT_NOW: Script = {"create": [{"status": 503, "accept": False, "headers": {"Retry-After": "1"}, "repeat": True}]}


@dataclass
class Deployment:
    """A local cloud on which two versions are deployed one after the other, in the running local AWS."""

    release: Checkout
    receiver: Receiver

    @cached_property
    def cloud(self) -> LocalCloud:
        """Return the cloud on which the last release was deployed first."""
        ministack = services.ensure_ministack(CHECKOUT, SETTINGS)
        return LocalCloud(self.put(self.release), ministack.pid)

    def prepare(self) -> None:
        """Do all of the upgrade that changes nothing, because jobs at the provider have only minutes until they end."""
        deploy.synthesize(CHECKOUT, *self._servers())

    def put(self, version: Checkout, *, is_prepared: bool = False) -> Stack:
        """Deploy a version."""
        ministack, provider_url = self._servers()
        deploy.deploy(version, ministack, provider_url, is_synthesized=is_prepared)
        stack = provision(
            deploy.outputs(CHECKOUT),
            ministack.url,
            provider_url=provider_url,
            provider_key=services.simulator_key(CHECKOUT),
            known_api_key=services.api_key(CHECKOUT),
        )
        services.keep_api_key(CHECKOUT, stack.api_key)
        return stack

    def _servers(self) -> tuple[Process, str]:
        ministack = services.ensure_ministack(CHECKOUT, SETTINGS)
        return ministack, services.ensure_simulator(CHECKOUT, SETTINGS).url


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """Provide a local cloud for this test, with the servers and tools of this checkout."""
    release = last_release()
    source = CHECKOUT.state / "released"
    services.throw_away(CHECKOUT)
    shutil.rmtree(source, ignore_errors=True)
    CHECKOUT.make_state()
    extract(release, source)
    receiver = Receiver()
    with patch.dict(os.environ):  # which decides what this process trusts
        os.environ.pop("PYTHONPATH", None)  # each version imports its own modules
        try:
            yield Deployment(Checkout(source, str(CHECKOUT.state)), receiver)
        finally:
            receiver.close()
            services.throw_away(CHECKOUT)
            shutil.rmtree(source)


@dataclass
class Work:
    """The work that the last release has begun: jobs, named after their step at the upgrade, and batches."""

    cloud: LocalCloud
    jobs: dict[str, str] = field(default_factory=dict)  # ids
    prompts: dict[str, str] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)  # how often each prompt has to be paid in the end
    batches: dict[str, str] = field(default_factory=dict)  # ids

    def prompt(self, name: str, script: Script, *, paid: int = 1) -> str:
        """Return a new prompt that the provider handles as the script says."""
        self.prompts[name] = unique(name)
        self.paid[name] = paid
        self.become(name, script)
        return self.prompts[name]

    def become(self, name: str, script: Script) -> None:
        """Let the provider handle a prompt in another way."""
        self.cloud.simulator.script(self.prompts[name], **script)

    def job(self, name: str, script: Script, query: dict[str, str] | None = None, **fields: Any) -> str:
        """Start a job, whose name is also its idempotency key."""
        request = {"model": "veo2", "prompt": self.prompt(name, script), **fields}
        return self.send(name, request, query)

    def send(self, name: str, request: dict[str, Any], query: dict[str, str] | None = None) -> str:
        """Send a request with its idempotency key."""
        key = {"Idempotency-Key": name.replace(" ", "-")}
        answer = self.cloud.call("POST", json=request, params=query, headers=key)
        assert answer.status_code == 200, answer.text
        self.jobs[name] = str(answer.json()["id"])
        return self.jobs[name]

    def file(self, name: str, *rows: dict[str, Any]) -> None:
        """Drop a file of requests, which starts a batch."""
        self.cloud.drop(f"{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows), max_concurrency="2")
        self.batches[name] = batch_id_for(self.cloud.stack.prompts_bucket, f"{name}.jsonl")

    def record(self, name: str) -> Generation:
        return self.cloud.ledger.get(self.jobs[name])

    def creates(self, name: str) -> int:
        """Return how often a prompt was sent to the provider."""
        return self.cloud.creates(self.prompts[name])

    def totals(self, name: str) -> list[tuple[int, int]]:
        """Return how many rows were completed and failed, for each announcement of a batch."""
        told = self.cloud.announcements(self.batches[name], "batch_id")
        return [(one["totals"]["completed"], one["totals"]["failed"]) for one in told]

    def reaches(self, name: str, is_there: Callable[[Generation], object]) -> None:
        """Wait until a job is where the upgrade is to meet it. It must not have ended before."""

        def look() -> bool | None:
            record = self.record(name)
            assert not record.status.ended, record.error
            return bool(is_there(record)) or None

        eventually(look)


@pytest.mark.nightly
def test_work_in_progress_ends_as_it_should_and_is_paid_once(deployment: Deployment) -> None:
    work, receiver = Work(deployment.cloud), deployment.receiver
    deployment.prepare()
    receiver.status = 500
    begin(work, receiver)

    deployment.put(CHECKOUT, is_prepared=True)

    assert [name for name in work.jobs if work.record(name).status.ended] == ["made", "notified"]
    receiver.status = 200
    let_end(work)
    check_ends(work, receiver)
    check_world(work)
    check_old_records(work)
    go_back(deployment, work)


def begin(work: Work, receiver: Receiver) -> None:
    """Start work on the last release, and wait until each part of it has reached its step."""
    hook = {"webhook": receiver.url}
    work.job("made", QUICK)
    work.file("retried", {"prompt": work.prompt("retried", FAILING, paid=2)})
    work.job("notified", QUICK, hook)  # its webhook fails, and is sent again after the upgrade
    eventually(lambda: work.totals("retried") or None)
    assert [work.cloud.ended(work.jobs[name]).status for name in ("made", "notified")] == [Status.COMPLETED] * 2
    eventually(lambda: receiver.received(work.jobs["notified"]) or None)

    work.become("retried", ENDLESS)
    assert work.cloud.call("POST", f"/v2/batches/{work.batches['retried']}/retry").json()["status"] == "running"
    work.file(
        "rows",
        {"prompt": work.prompt("first row", QUICK)},
        *({"prompt": work.prompt(f"{name} row", ENDLESS)} for name in ("second", "third", "fourth")),
        {"prompt": work.prompt("last row", QUICK), "model": EXTEND, "video_url": "row:2"},
    )
    work.job("archiving", BROKEN_OFF)
    work.job("at the provider", ENDLESS, hook)
    work.job("failing", ENDLESS)
    work.job("source", ENDLESS)
    work.job("continued", QUICK, model=EXTEND, video_url=f"generation:{work.jobs['source']}")
    eventually(lambda: work.creates("retried") == 2 or None)
    eventually(lambda: work.creates("third row") or None)
    for name in ("at the provider", "failing", "source"):
        work.reaches(name, lambda record: record.status is Status.GENERATING)
    work.reaches("archiving", lambda record: record.upload)
    work.job("rejected for now", NOT_NOW)
    eventually(lambda: work.creates("rejected for now") or None)

    crowd = work.prompt("crowd", ENDLESS, paid=SLOTS)
    for seed in range(SLOTS):
        work.send(f"crowd {seed}", {"model": "veo2", "prompt": crowd, "seed": seed})
    eventually(lambda: held(work.cloud) == SLOTS or None)
    queued = [name for name in work.jobs if work.record(name).status is Status.QUEUED]
    assert len([name for name in queued if name.startswith("crowd")]) > 2
    assert "continued" in queued
    assert work.creates("fourth row") == 0, "the batch is in the middle of its rows"
    work.file("late", {"prompt": work.prompt("late", QUICK)})  # may be read by either version


def let_end(work: Work) -> None:
    """Let the provider finish everything, and continue what the last release had made."""
    for name in work.prompts:
        work.become(name, FAILING if name == "failing" else QUICK)
    work.become("archiving", WHOLE)
    work.job("afterwards", QUICK, model=EXTEND, video_url=f"generation:{work.jobs['made']}")


def check_ends(work: Work, receiver: Receiver) -> None:
    """Wait until all has ended, and check how."""
    for name, generation_id in work.jobs.items():
        ended = work.cloud.ended(generation_id, PATIENCE)
        assert (name, ended.status) == (name, Status.ERROR if name == "failing" else Status.COMPLETED), ended.error
    error = work.record("failing").error
    assert error
    assert error.name == "GenerationFailed"
    ends = {"retried": [(0, 1), (1, 0)], "rows": [(5, 0)], "late": [(1, 0)]}
    eventually(lambda: {name: work.totals(name) for name in ends} == ends or None, PATIENCE)
    notified = [work.jobs[name] for name in ("notified", "at the provider")]
    eventually(lambda: all(delivered(work.cloud, generation_id) for generation_id in notified) or None, PATIENCE)
    kinds = {message["type"] for generation_id in notified for message in receiver.received(generation_id)}
    assert kinds == {"generation.completed"}


def check_world(work: Work) -> None:
    """Check that no promise is broken: paid and announced once, archived whole, holds closed, slots free."""
    eventually(lambda: settled(work.cloud) or None, 200)
    world = World.of(work.cloud)
    assert {name: world.created.get(prompt, 0) for name, prompt in work.prompts.items()} == work.paid
    broken = {name: list(world.broken(generation_id)) for name, generation_id in work.jobs.items()}
    # The torture has one job for each prompt, and does not know of padded videos.
    excused = {name: ["paid twice"] for name in work.jobs if name.startswith("crowd")}
    excused["archiving"] = ["completed, and the video is not what the provider made"]
    assert {name: problems for name, problems in broken.items() if problems} == excused
    video = work.record("archiving").video
    assert video
    assert video.size == PADDED == len(world.objects[video.key])
    assert list(world.broken_as_a_whole()) == []
    [row] = [row for row in rows_of(world, work.batches["retried"]) if world.records[row]["status"] == Status.ERROR]
    failed = {one["name"] for one in world.executions if one["status"] not in ("SUCCEEDED", "RUNNING")}
    assert failed == {work.jobs["failing"], row}


def held(cloud: LocalCloud) -> int:
    """Return how many slots are in use."""
    return sum(item["pk"] == "slot" for item in items(cloud, cloud.stack.slots_table_name))


def delivered(cloud: LocalCloud, generation_id: str) -> bool:
    """Return whether the webhook of a generation was delivered."""
    found = cloud.call("GET", "/v2/webhooks/deliveries").json()["data"]
    return "delivered" in [one["status"] for one in found if one["generation_id"] == generation_id]


def settled(cloud: LocalCloud) -> bool:
    """Return whether no slot is held and no job is queued, after a sweep."""
    cloud.invoke("sweep", {})
    return not [item for item in items(cloud, cloud.stack.slots_table_name) if item["pk"] in ("slot", "waiting")]


def rows_of(world: World, batch_id: str) -> list[str]:
    """Return the generations of a batch."""
    return [key for key, record in world.records.items() if record.get("batch_id") == batch_id]


def check_old_records(work: Work) -> None:
    """Fetch, repeat and delete a generation that the last release had completed."""
    cloud, made = work.cloud, work.jobs["made"]
    fetched = cloud.call("GET", params={"generation_id": made}).json()
    assert fetched["status"] == "completed"
    assert fetched["video"]["url"]
    listed = cloud.call("GET", params={"text": work.prompts["made"]}).json()["data"]
    assert [one["id"] for one in listed] == [made]
    assert work.send("made", {"model": "veo2", "prompt": work.prompts["made"]}) == made, "the same key, not paid again"
    assert cloud.creates(work.prompts["made"]) == 1
    assert cloud.call("DELETE", params={"generation_id": made}).json() == {"id": made, "deleted": True}
    assert set(cloud.archived(made)) <= {"poster.jpg"}


def go_back(deployment: Deployment, work: Work) -> None:
    """Deploy the last release over this version. It continues a job that this version has begun."""
    work.job("begun later", ENDLESS)
    work.reaches("begun later", lambda record: record.status is Status.GENERATING)
    deployment.put(deployment.release)
    work.become("begun later", QUICK)
    assert work.cloud.ended(work.jobs["begun later"], PATIENCE).status is Status.COMPLETED
    assert work.creates("begun later") == 1
    for name in ("begun later", "afterwards"):
        fetched = work.cloud.call("GET", params={"generation_id": work.jobs[name]})
        assert fetched.json().get("status") == "completed", fetched.text
