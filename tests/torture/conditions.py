"""Faults of the whole cloud while cases run on it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from local.services import restart_ministack
from local.settings import Checkout, Settings
from tests.support.local_cloud import LocalCloud
from tests.torture.cases import ANY, BROKEN, DOORS, ERROR, FLOWS, Case, Commands
from tests.torture.faults import Fault

RESTART_EVERY_SECONDS = 12.0
QUIET_SECONDS = 2.0  # ministack drops undelivered S3 events when it stops
LOG_FAULTS = 12  # in a row
MISTAKES = 10  # jobs of each kind, many times the slots of the local stage


@dataclass
class Restarts:
    """A condition that restarts the local AWS every twelve seconds."""

    checkout: Checkout
    settings: Settings
    most: int
    count: int = 0
    _last: float = 0.0

    def __call__(self, since_the_last_start: float) -> None:
        self._last = self._last or time.monotonic()
        is_due = self.count < self.most and time.monotonic() > self._last + RESTART_EVERY_SECONDS
        if is_due and since_the_last_start > QUIET_SECONDS:
            restart_ministack(self.checkout, self.settings)
            self.count, self._last = self.count + 1, time.monotonic()


def of_restarts() -> Iterator[Case]:
    """Return generations of each kind that run while the local AWS is restarted."""
    ends = {"failed": ERROR}
    for number in range(6):
        for flow, script in FLOWS.items():
            slow = {**script, "seconds": 6 + 4 * number}
            end = frozenset({ends.get(flow, "completed")})
            yield Case("the local AWS is restarted", f"{flow}, {slow['seconds']} s", slow, ends=end)
        for flow, door in DOORS.items():
            yield Case("the local AWS is restarted", f"{flow} {number}", door=door)


@contextmanager
def events_lost(cloud: LocalCloud) -> Iterator[None]:
    """Drop all events of Step Functions."""
    events = cloud.aws("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"] if "aws.states" in rule.get("EventPattern", "")]
    assert rules, "the stack has a rule for them"
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        yield
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)


def unannounced(commands: Commands) -> Iterator[Case]:
    """Return cases whose executions end without an event."""
    group = "the event of its execution's end is lost"
    stop = dict(commands.meanwhile("check_status"))["its execution is stopped during the call"]
    for function in ("admit", "submit", "check_status", "finalize"):
        fault = Fault(function, "invoked 1", "run", command=stop, env=commands.env)
        yield Case(group, f"it is stopped in {function}", faults=[fault], ends=ANY)
    failing = Fault("record_failure", "invoked 1", "kill", times=12)
    yield Case(group, "record_failure dies each time", FLOWS["failed"], [failing], frozenset({ERROR}))


@contextmanager
def mistakes(cloud: LocalCloud, silence: str) -> Iterator[None]:
    """Run jobs of another owner that the account cannot pay for, and jobs whose webhook never answers, meanwhile."""
    waiting, headers = [], {"Authorization": f"Bearer {cloud.key_of('careless')}"}
    for number in range(MISTAKES):
        prompt = f"a mistake {uuid4().hex}"
        cloud.simulator.script(prompt, create=[{"status": 403, "accept": False, "repeat": True}])
        dear = {"model": "veo2", "prompt": prompt, "duration": 8, "seed": number}
        waiting.append(cloud.call("POST", json=dear, headers=headers).json()["id"])
        asked = {"model": "veo2", "prompt": f"nobody hears {uuid4().hex}", "seed": number}
        assert cloud.call("POST", json=asked, headers=headers, params={"webhook": silence}).ok
    try:
        yield
    finally:
        for generation_id in waiting:
            asked = {"generation_id": generation_id, "only_running": "true"}
            cloud.call("DELETE", headers=headers, params=asked)


def beside_mistakes() -> Iterator[Case]:
    """Return jobs of others, which must not wait for these mistakes."""
    for number in range(12):
        yield Case("others make mistakes", f"made {number}", {"seconds": 1})
        yield Case("others make mistakes", f"notified {number}", {"seconds": 1}, door="webhook")


def broken_logs(cloud: LocalCloud) -> Iterator[list[Case]]:
    """Return cases whose create responses are lost while the provider's log fails many times in different ways."""
    faults: dict[str, Any] = {f"answers {status}": {"status": status} for status in (401, 403, 429, 500, 503)}
    for name, behaviour in {**faults, **BROKEN}.items():
        cloud.simulator.script_logs(*[behaviour] * LOG_FAULTS)
        yield [Case("provider: log", f"{name} {LOG_FAULTS} times", FLOWS["unknown"])]
        cloud.simulator.script_logs()
