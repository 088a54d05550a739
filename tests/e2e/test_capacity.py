"""Run many jobs at once on the deployed stack: within the limit, in order, fairly, and despite killed functions."""

import contextlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from core.generation import Status
from core.slots.table import SlotsTable
from infra.config import stage_named
from local.function_processes import PROCESSES
from tests.support.local_cloud import LocalCloud, eventually, unique

LIMIT = stage_named("local", provider_url="http://simulator").slots


def create(cloud: LocalCloud, prompt: str, count: int) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: cloud.create(prompt), range(count)))


def in_flight(cloud: LocalCloud) -> int:
    return len(SlotsTable(cloud.aws("dynamodb"), cloud.stack.slots_table_name, cloud.stack.table_name).held())


@pytest.mark.alone
def test_jobs_beyond_the_limit_are_queued_and_all_complete(cloud: LocalCloud) -> None:
    eventually(lambda: in_flight(cloud) == 0 or None, patience=200)  # wait for jobs of other tests
    cloud.simulator.reset()  # jobs that other tests cancelled are still running there, but hold no slot
    prompt = unique("a crowd")
    cloud.simulator.script(prompt, outcome="never")
    ids = create(cloud, prompt, LIMIT + 5)
    eventually(lambda: in_flight(cloud) == LIMIT or None)
    eventually(lambda: cloud.creates(prompt) == LIMIT or None)
    stages = [cloud.ledger.get(generation_id).status for generation_id in ids]
    assert stages.count(Status.QUEUED) >= 5
    waiting = next(i for i in ids if cloud.ledger.get(i).slot is None)
    cancelled = cloud.call("DELETE", params={"generation_id": waiting}).json()
    assert cancelled["error"]["message"] == "Cancelled by its owner before it was sent to the provider."
    cloud.simulator.script(prompt, seconds=0)
    ends = [cloud.ended(generation_id).status for generation_id in ids]
    assert sorted(ends) == [Status.COMPLETED] * (LIMIT + 4) + [Status.ERROR]
    assert cloud.creates(prompt) == LIMIT + 4
    assert cloud.simulator.counts().in_flight_highest <= LIMIT
    eventually(lambda: in_flight(cloud) == 0 or None)


@pytest.mark.alone
def test_nothing_is_lost_when_functions_are_killed(cloud: LocalCloud) -> None:
    """Kill function processes at random while jobs run, as the kernel would."""
    prompt = unique("a storm")
    cloud.simulator.script(prompt, outcome="never")
    ids = create(cloud, prompt, 8)
    random.seed(1)
    kills = 0
    for _ in range(200):
        kills += kill_a_function(cloud)
        if kills == 12:
            break
        time.sleep(0.3)
    assert kills == 12
    cloud.simulator.script(prompt, seconds=0)
    for generation_id in ids:
        record = cloud.ended(generation_id, patience=200)  # the claim of a dead Submit expires after 90 s
        assert record.status is Status.COMPLETED or (record.error and record.error.name) == "SubmissionUnknown"
        assert record.status is not Status.COMPLETED or "video.mp4" in cloud.archived(generation_id)
    assert cloud.simulator.counts().creates_by_prompt[prompt] <= len(ids)
    eventually(lambda: in_flight(cloud) == 0 or None, patience=200)


@pytest.mark.alone
def test_many_jobs_need_only_a_few_processes(cloud: LocalCloud) -> None:
    """Without a limit, 30 simultaneous jobs would start more than a hundred processes of 60 MiB each."""
    prompt = unique("a rush")
    cloud.simulator.script(prompt, seconds=0)
    highest = 0
    with ThreadPoolExecutor(30) as pool:
        created = [pool.submit(cloud.create, prompt) for _ in range(30)]
        while not all(one.done() for one in created):
            highest = max(highest, len(processes_of_functions(cloud)))
            time.sleep(0.2)
    for one in created:
        assert cloud.ended(one.result(), patience=200).status is Status.COMPLETED
        highest = max(highest, len(processes_of_functions(cloud)))
    assert 0 < highest <= PROCESSES
    # The sweep runs every minute, so its process may be there.
    eventually(lambda: len(processes_of_functions(cloud)) <= 1 or None, patience=90)


def kill_a_function(cloud: LocalCloud) -> bool:
    """Kill one of the processes that run functions, if there is one."""
    workers = processes_of_functions(cloud)
    if workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            random.choice(workers).kill()
    return bool(workers)


def processes_of_functions(cloud: LocalCloud) -> list[psutil.Process]:
    """Return the processes that run functions."""
    workers = []
    for child in psutil.Process(cloud.ministack_pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended but may not be reaped yet
            if any("_worker.py" in part for part in child.cmdline()):
                workers.append(child)
    return workers
