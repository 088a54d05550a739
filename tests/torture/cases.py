"""The matrix of cases: the fault, its place, and how the generation may end nevertheless."""

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

Door = Literal["api", "file", "event", "upload", "chain", "webhook", "batch"]
Script = dict[str, Any]

ELSEWHERE = "https://elsewhere.example/video.mp4"

# The flows that pass all functions. A clean generation of each runs first to learn the points of its functions.
LOST: Script = {"reset": True, "accept": True}  # accepted, but the response is lost
FLOWS: dict[str, Script] = {
    "made": {"seconds": 1},
    "failed": {"seconds": 1, "video": [{"redirect": ELSEWHERE, "repeat": True}]},
    "unknown": {"seconds": 1, "create": [LOST]},
}
DOORS: dict[str, Door] = {
    "dropped": "file",
    "sent": "event",
    "pictured": "upload",  # its picture is an uploaded file
    "continued": "chain",  # its input is the video of another generation, which has just begun
    "notified": "webhook",
    "listed": "batch",  # a row of a file, with a row that uses its video and one that is rejected
}
# Their functions are those of other flows, so only the points that no other flow passes belong to them.
LATER_DOORS = {"pictured", "continued", "notified", "listed"}


@dataclass(frozen=True)
class Case:
    """One generation and the faults that strike it."""

    group: str  # a row of the report
    name: str
    script: Script = field(default_factory=lambda: FLOWS["made"])
    faults: Sequence[Fault] = ()
    ends: frozenset[str] = frozenset({COMPLETED})
    door: Door = "api"
    is_sent_again: bool = True  # whether its client repeats the request, with the same key, if it got no response
    arrives: int = 1  # how often its file or event arrives


Learnt = dict[str, list[Point]]  # by flow


def all_cases(learnt: Learnt, commands: "Commands") -> Iterator[Case]:
    """The whole matrix."""
    yield from of_provider()
    for flow, points in learnt.items():
        for point in points:
            yield from at_point(flow, point, commands)
    yield from with_rescues(learnt, commands)
    for name in ("dropped", "sent", "listed"):
        yield Case("its file or event arrives three times", name, door=DOORS[name], arrives=3)


def of_provider() -> Iterator[Case]:
    """Yield every combination of a call to the provider and a way to fail."""
    refused = {400: ERROR, 401: ERROR, 404: ERROR, 422: ERROR}
    refused |= dict.fromkeys((402, 403, 429, 503), COMPLETED)  # the generation whose video it uses
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
    """Yield the faults that can strike at one point that a function passes.

    A death before a call equals a death after the effect before it. Deaths are therefore tried only after effects and
    at the start.
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
        # A request that was about to be sent may or may not have been sent, so the job may end as SubmissionUnknown.
        more = frozenset({ERROR}) if str(point) == CLAIMED and point.function == "submit" else frozenset()
        yield case("killed", fault("kill"), more=more, is_sent_again=False)
        yield case("killed, and again when it was invoked again", fault("kill", times=2), more=more)
        thaw = fault("thaw", seconds=THAW_SECONDS.get(point.function, 3))
        yield case("resumed after its time was over", thaw, more=more)
    if point.function not in DOORS_OF_CLIENTS:
        for group, command in commands.meanwhile(point.function):
            yield case(group, fault("run", command=command, env=commands.env), more=ANY)


READS = re.compile(r"^(provider GET|\w+ (Get|Head|Describe|List|Query))")
CLAIMED = "after dynamodb UpdateItem 1"
THAW_SECONDS = {"submit": 95.0}  # later than the time after which another invocation takes over
DOORS_OF_CLIENTS = {"api", "authorize", "ingest", "accept_row", "report_batch", "deliver_webhook"}


@dataclass(frozen=True)
class Commands:
    """Commands for `run`. The runner fills in their `{generation_id}`."""

    env: dict[str, str]

    def meanwhile(self, function: str) -> Iterator[tuple[str, list[str]]]:
        """Yield what others may do while this function runs: a row of the report, and the command."""
        yield "DELETE during the call", [sys.executable, "-c", _DELETE, "1"]
        yield "DELETE twice during the call", [sys.executable, "-c", _DELETE, "2"]
        yield "its execution is stopped during the call", [sys.executable, "-c", _STOP]
        yield (
            "its execution is stopped during the call, which is reported three times",
            [sys.executable, "-c", _STOP + _TELL],
        )
        if function == "record_failure":
            yield "rescued during the call", self.rescue

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

# A repeated or late event. If the generation is rescued, it belongs to the old run.
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
    """Yield a generation that fails because its video is on another host and is rescued immediately.

    The end of its old run is reported during the new run.
    """
    script = {"seconds": 1, "video": [{"redirect": ELSEWHERE}]}
    announced = ("record_failure", "after dynamodb TransactWriteItems")  # from then on it can be rescued
    told = [p for p in learnt["failed"] if (p.function, p.name) == announced][-1]
    rescue = Fault("record_failure", str(told), "run", command=commands.rescue, env=commands.env)
    tell = [sys.executable, "-c", _TELL]
    points = [point for point in learnt["made"] if point.function == "finalize"]
    # The old run also passes the points before the video is fetched and would be struck there.
    asked = max(at for at, point in enumerate(points) if point.name.endswith("/files"))
    for point in points[asked + 1 :]:
        late = Fault("finalize", str(point), "run", command=tell, env=commands.env)
        yield Case("the end of an old run is reported late", f"finalize, {point}", script, (rescue, late))


def sample(cases: Sequence[Case], count: int) -> list[Case]:
    """Return this many cases, spread over the whole matrix and the same each time."""
    return [cases[round(i * (len(cases) - 1) / max(1, count - 1))] for i in range(min(count, len(cases)))]


def as_text(case: Case) -> str:
    """Return a case as one line, for the report of broken promises."""
    faults = [f"{fault.do} at {fault.at}" for fault in case.faults]
    return f"{case.group}: {case.name} ({', '.join(faults) or json.dumps(case.script)})"
