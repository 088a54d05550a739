"""Run executions of the shipped state machine on a clock that only this module moves."""

import heapq
import itertools
import json
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import boto3

from tests.support.generations import Clock
from tests.support.states import STATES, following

Task = Callable[[dict[str, Any]], Any]  # takes the payload of a function and returns its answer


class Died(BaseException):
    """The end of a function's process. Step Functions invokes the function again."""


class Machine:
    """A Step Functions that runs executions named after their generations. `tasks` are the functions by state."""

    exceptions = boto3.client("stepfunctions", region_name="us-east-1").exceptions

    def __init__(self, clock: Clock, tasks: dict[str, Task]) -> None:
        self.clock, self.tasks = clock, tasks
        self.transitions: Counter[str] = Counter()  # by execution
        self.ended: dict[str, str] = {}  # the last state by execution
        self._ready: deque[tuple[str, str, dict[str, Any]]] = deque()  # the execution, its next state and its input
        self._sleeping: list[tuple[Any, int, tuple[str, str, dict[str, Any]]]] = []
        self._waiting: dict[str, tuple[str, str, dict[str, Any]]] = {}  # by task token
        self._numbers = itertools.count()

    def start(self, execution: str) -> None:
        """Start an execution."""
        self._ready.append((execution, "Admit", {"generation_id": execution}))

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - the SDK's names
        """Continue the execution that waits with this token."""
        assert output == "{}"
        if taskToken not in self._waiting:
            raise self.exceptions.TaskDoesNotExist({"Error": {"Code": "TaskDoesNotExist"}}, "SendTaskSuccess")
        self._ready.append(self._waiting.pop(taskToken))

    def run(self, seconds: float) -> None:
        """Run all executions for this time."""
        end = self.clock.time.timestamp() + seconds
        while True:
            while self._ready:
                self._enter(*self._ready.popleft())
            if not self._sleeping or self._sleeping[0][0] > end:
                break
            self._forward_to(self._sleeping[0][0])
            self._ready.append(heapq.heappop(self._sleeping)[2])
        self._forward_to(end)

    def _forward_to(self, timestamp: float) -> None:
        self.clock.forward(max(0, timestamp - self.clock.time.timestamp()))

    def _enter(self, execution: str, name: str, state: dict[str, Any]) -> None:
        self.transitions[execution] += 1
        definition = STATES[name]
        match definition["Type"]:
            case "Task":
                self._invoke(execution, name, state)
            case "Choice":
                self._ready.append((execution, str(following(name, state)), state))
            case "Pass":
                result = {definition["ResultPath"].removeprefix("$."): definition["Result"]}
                self._ready.append((execution, definition["Next"], {**state, **result}))
            case "Wait":
                given = definition.get("SecondsPath", "").removeprefix("$.")
                at = self.clock.time.timestamp() + (state[given] if given else definition["Seconds"])
                heapq.heappush(self._sleeping, (at, next(self._numbers), (execution, definition["Next"], state)))
            case _:
                self.ended[execution] = name

    def _invoke(self, execution: str, name: str, state: dict[str, Any]) -> None:
        definition = STATES[name]
        token = f"{execution}/{next(self._numbers)}"
        context = {"$$.Execution.Name": execution, "$$.Task.Token": token}
        payload = {
            key.removesuffix(".$"): context[path] if path in context else state[path.removeprefix("$.")]
            for key, path in definition["Parameters"]["Payload"].items()
        }
        waits = definition["Resource"].endswith("waitForTaskToken")
        if waits:
            self._waiting[token] = (execution, definition["Next"], state)
        try:
            answer = self._until_it_lives(self.tasks[name], payload)
        except Exception as error:  # noqa: BLE001 - as Step Functions does
            self._waiting.pop(token, None)
            caught = type(error).__name__, {"errorMessage": str(error)}
            self._ready.append((execution, _catcher(definition, error), {**state, "error": _error(*caught)}))
            return
        if waits:
            return
        if definition.get("End"):
            self.ended[execution] = name
        else:
            output = answer if definition.get("OutputPath") == "$.Payload" else state
            self._ready.append((execution, definition["Next"], output))

    def _until_it_lives(self, task: Task, payload: dict[str, Any]) -> Any:
        while True:
            try:
                return task(payload)
            except Died:
                continue


def _catcher(definition: dict[str, Any], error: Exception) -> str:
    """Return the state that catches an error. Raise an error that the state would retry: no test expects one."""
    name = type(error).__name__
    never = [one for clause in definition["Retry"] if clause["MaxAttempts"] == 0 for one in clause["ErrorEquals"]]
    if name not in never:
        raise error
    for clause in definition["Catch"]:
        if name in clause["ErrorEquals"] or "States.ALL" in clause["ErrorEquals"]:
            return str(clause["Next"])
    raise error


def _error(name: str, cause: dict[str, str]) -> dict[str, str]:
    return {"Error": name, "Cause": json.dumps(cause)}
