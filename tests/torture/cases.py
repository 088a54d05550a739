"""The matrix: what goes wrong where, and how the generation may end all the same."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from tests.torture.faults import Fault, Point, What

ROOT = Path(__file__).parents[2]
SDK_ATTEMPTS = 3
COMPLETED, ERROR, DELETED = "completed", "error", "deleted"
ANY = frozenset({COMPLETED, ERROR, DELETED})

Door = Literal["api", "file", "event"]
Script = dict[str, Any]

ELSEWHERE = "https://elsewhere.example/video.mp4"

# What makes a generation pass all functions: of each, a clean one is run first to learn the points of its functions.
LOST: Script = {"reset": True, "accept": True}  # accepted, and the answer is lost
FLOWS: dict[str, Script] = {
    "made": {"seconds": 1},
    "failed": {"seconds": 1, "video": [{"redirect": ELSEWHERE, "repeat": True}]},
    "unknown": {"seconds": 1, "create": [LOST]},
}
DOORS: dict[str, Door] = {"dropped": "file", "sent": "event"}


@dataclass(frozen=True)
class Case:
    """One generation, and what happens to it."""

    group: str  # a row of the report
    name: str
    script: Script = field(default_factory=lambda: FLOWS["made"])
    faults: Sequence[Fault] = ()
    ends: frozenset[str] = frozenset({COMPLETED})
    door: Door = "api"
    is_sent_again: bool = True  # whether its client asks again, with the same idempotency key, when it got no answer
    arrives: int = 1  # how often its file or event does


Learnt = dict[str, list[Point]]  # by flow


def all_cases(learnt: Learnt, commands: "Commands") -> Iterator[Case]:
    """The whole matrix."""
    yield from of_provider()
    for flow, points in learnt.items():
        for point in points:
            yield from at_point(flow, point, commands)
    yield from with_rescues(learnt, commands)
    for name, door in DOORS.items():
        yield Case("its file or event arrives three times", name, door=door, arrives=3)


def of_provider() -> Iterator[Case]:
    """Each call to the provider, in each way in which it can go wrong."""
    refused = {400: ERROR, 401: ERROR, 404: ERROR, 422: ERROR}
    refused |= dict.fromkeys((402, 403, 429, 503), COMPLETED)  # which it waits for
    for status, end in refused.items():
        behaviour = {"status": status, "accept": False, "headers": {"Retry-After": "1"}}
        yield _provider("create", f"answers {status}", behaviour, end)
    for name, behaviour in {
        "answers 500, has accepted": {"status": 500, "accept": True},
        "answers 502, has accepted": {"status": 502, "accept": True},
        "breaks off, has accepted": LOST,
        "answers with half a body": {"truncate": True, "accept": True},
        "answers with garbage": {"garbage": True, "accept": True},
        "redirects, has accepted": {"redirect": "http://127.0.0.1:9/", "accept": True},
    }.items():
        yield _provider("create", name, behaviour, COMPLETED)
    yield _provider("create", "breaks off, has not accepted", {"reset": True, "accept": False}, ERROR)
    yield _provider("create", "answers 500, has failed", {"status": 500, "accept": False, "failed_row": True}, ERROR)
    for status in (401, 403, 404, 429, 500, 502, 503):
        yield _provider("fetch", f"answers {status} three times", {"status": status}, COMPLETED, times=3)
    for name, behaviour in BROKEN.items():
        yield _provider("fetch", f"{name} three times", behaviour, COMPLETED, times=3)
    failed = {"seconds": 1, "outcome": "error"}
    yield Case("provider: fetch", "says that it failed", failed, ends=frozenset({ERROR}))
    for status in (403, 404, 429, 500, 503):
        yield _provider("video", f"answers {status} twice", {"status": status}, COMPLETED, times=2)
    videos: dict[str, Script] = {
        "breaks off": {"reset": True},
        "ends early": {"truncate": 2000},
        "is cut, and its length agrees": {"cut": 2000},
        "is a web page": {"html": True},
        "is empty": {"empty": True},
        "leads elsewhere": {"redirect": ELSEWHERE},
    }
    for name, behaviour in videos.items():
        end = ERROR if "redirect" in behaviour else COMPLETED
        yield _provider("video", f"{name}, twice", behaviour, end, times=2)
    late: dict[str, Script] = {"lists what has ended": {"logged": "at_end"}, "lists it late": {"log_delay": 5}}
    for name, logged in late.items():
        yield Case("provider: log", name, {**FLOWS["unknown"], **logged})
    yield Case("provider: log", "never lists it", {**FLOWS["unknown"], "logged": "never"}, ends=frozenset({ERROR}))


BROKEN: dict[str, Script] = {
    "breaks off": {"reset": True},
    "answers with half a body": {"truncate": True},
    "answers with garbage": {"garbage": True},
    "redirects": {"redirect": "http://127.0.0.1:9/"},
}


def _provider(call: str, name: str, behaviour: dict[str, Any], end: str, *, times: int = 1) -> Case:
    script = {**FLOWS["made"], call: [behaviour] * times}
    return Case(f"provider: {call}", name, script, ends=frozenset({end}))


def at_point(flow: str, point: Point, commands: "Commands") -> Iterator[Case]:
    """What can happen at one point that a function passes.

    A death before a call is one after the effect before it, so deaths are tried after effects only, and at the start.
    """
    script, door = FLOWS.get(flow, FLOWS["made"]), DOORS.get(flow, "api")
    ends = frozenset({ERROR if flow == "failed" else COMPLETED})

    def case(group: str, *faults: Fault, more: frozenset[str] = frozenset(), is_sent_again: bool = True) -> Case:
        name = f"{flow}: {point.function}, {point}"
        return Case(group, name, script, faults, ends | more, door, is_sent_again)

    def fault(do: What, **options: Any) -> Fault:
        return Fault(point.function, str(point), do, **options)

    when, _, call = point.name.partition(" ")
    if when == "before":
        if point.number == 1 and not call.startswith("provider"):
            for group, do in (("AWS throttles", "throttled"), ("AWS fails", "failing")):
                struck = Fault(point.function, point.name, cast("What", do), times=SDK_ATTEMPTS + 1)
                yield case(f"{group}, longer than the SDK tries", struck)
        return
    if when == "invoked":
        yield case("invoked twice at once", fault("twice"))
    elif not call.startswith("provider"):
        yield case("AWS's answer is lost", fault("lost"))
    if when == "invoked" or not READS.search(call):
        # Nobody can know whether a request was sent that was about to be: it may end as SubmissionUnknown.
        more = frozenset({ERROR}) if str(point) == CLAIMED and point.function == "submit" else frozenset()
        yield case("killed", fault("kill"), more=more, is_sent_again=False)
        yield case("killed, and again when it was invoked again", fault("kill", times=2), more=more)
        thaw = fault("thaw", seconds=THAW_SECONDS.get(point.function, 3))
        yield case("goes on after its time was over", thaw, more=more)
    if point.function not in DOORS_OF_CLIENTS:
        for group, command in commands.meanwhile(point.function):
            yield case(group, fault("run", command=command, env=commands.env), more=ANY)


READS = re.compile(r"^(provider GET|\w+ (Get|Head|Describe|List|Query))")
CLAIMED = "after dynamodb UpdateItem 1"
THAW_SECONDS = {"submit": 95.0}  # later than the time after which another invocation takes over
DOORS_OF_CLIENTS = {"api", "authorize", "ingest", "accept_row", "report_batch"}


@dataclass(frozen=True)
class Commands:
    """Commands for `run`, whose `{generation_id}` the runner fills in."""

    env: dict[str, str]

    def meanwhile(self, function: str) -> Iterator[tuple[str, list[str]]]:
        """What others may do while this function is at work: a row of the report, and the command."""
        yield "DELETE meanwhile", [sys.executable, "-c", _DELETE, "1"]
        yield "DELETE twice meanwhile", [sys.executable, "-c", _DELETE, "2"]
        yield "its execution is stopped meanwhile", [sys.executable, "-c", _STOP]
        yield "its execution is stopped meanwhile, and that is told three times", [sys.executable, "-c", _STOP + _TELL]
        if function == "record_failure":
            yield "rescued meanwhile", self.rescue

    @property
    def rescue(self) -> list[str]:
        return [sys.executable, "-m", "promptreel", "rescue", "{generation_id}"]


_DELETE = """
import os, sys, urllib.error, urllib.request
for _ in range(int(sys.argv[1])):
    url = os.environ["TORTURE_API"] + "/v2/video/generations?generation_id={generation_id}"
    headers = {"Authorization": "Bearer " + os.environ["TORTURE_KEY"]}
    asked = urllib.request.Request(url, method="DELETE", headers=headers)
    try:
        urllib.request.urlopen(asked, timeout=30).read()
    except urllib.error.HTTPError as refused:
        refused.read()
"""

_STOP = """
import boto3, os
states = boto3.client("stepfunctions")
try:
    states.stop_execution(executionArn=os.environ["TORTURE_EXECUTIONS"] + ":{generation_id}")
except states.exceptions.ClientError:
    pass
"""

# An event that comes twice, or late: of a generation that is rescued, it is of its old run.
_TELL = """
import boto3, json, os
detail = {"name": "{generation_id}", "status": "FAILED", "error": "States.Runtime", "cause": "torture"}
for _ in range(2):
    boto3.client("lambda").invoke(
        FunctionName=os.environ["TORTURE_RECORD_FAILURE"],
        InvocationType="Event",
        Payload=json.dumps({"detail-type": "Step Functions Execution Status Change", "detail": detail}),
    )
"""


def with_rescues(learnt: Learnt, commands: Commands) -> Iterator[Case]:
    """A generation fails since its video is elsewhere, is rescued at once, and its old run's end is told while the new
    one is at work."""
    script = {"seconds": 1, "video": [{"redirect": ELSEWHERE}]}
    told = [p for p in learnt["failed"] if (p.function, p.name) == ("record_failure", "after dynamodb UpdateItem")][-1]
    rescue = Fault("record_failure", str(told), "run", command=commands.rescue, env=commands.env)
    tell = [sys.executable, "-c", _TELL]
    points = [point for point in learnt["made"] if point.function == "finalize"]
    # Those until the video is asked for are passed by the old run, too, and would be struck there.
    asked = max(at for at, point in enumerate(points) if point.name.endswith("/files"))
    for point in points[asked + 1 :]:
        late = Fault("finalize", str(point), "run", command=tell, env=commands.env)
        yield Case("the end of an old run is told late", f"finalize, {point}", script, (rescue, late))


def sample(cases: Sequence[Case], count: int) -> list[Case]:
    """That many of them, spread over the whole matrix, the same ones each time."""
    return [cases[round(i * (len(cases) - 1) / max(1, count - 1))] for i in range(min(count, len(cases)))]


def as_text(case: Case) -> str:
    """A case in one line, for a report of what broke."""
    faults = [f"{fault.do} at {fault.at}" for fault in case.faults]
    return f"{case.group}: {case.name} ({', '.join(faults) or json.dumps(case.script)})"
