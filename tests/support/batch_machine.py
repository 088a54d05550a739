"""Execute the shipped state machine of a batch with the real handlers, one row after another, and no waiting."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.functions import Cloud
from tests.support.revisions import lines
from tests.support.states import batch_definition

FUNCTIONS = {"${AcceptRowFunctionArn}": "accept_row", "${ReportBatchFunctionArn}": "report_batch"}


class StateFailed(Exception):
    """A state failed, or a state of the type `Fail` was reached. `str()` is the name of the error."""


@dataclass
class BatchMachine:
    """Executes runs of batches. `generate` runs the workflow of a row, by the name of its execution and its input."""

    cloud: Cloud
    generate: Callable[[str, str], None]
    pauses: list[int] = field(default_factory=list)  # seconds
    accepted: list[dict[str, Any]] = field(default_factory=list)  # answers of AcceptRow

    def run(self, given: dict[str, Any]) -> str:
        """Execute a run from its input. Return the error, or nothing if the execution succeeded."""
        try:
            self._run(batch_definition(), dict(given))
        except StateFailed as failed:
            return str(failed)
        return ""

    def _run(self, machine: dict[str, Any], data: dict[str, Any]) -> None:
        name = machine["StartAt"]
        while name:
            state = machine["States"][name]
            try:
                name = getattr(self, f"_{state['Type'].lower()}")(state, data) or state.get("Next")
            except StateFailed:
                (caught,) = state.get("Catch") or [{}]
                if not caught:
                    raise
                name = caught["Next"]

    def _choice(self, state: dict[str, Any], data: dict[str, Any]) -> str:
        for choice in state["Choices"]:
            value = _at(choice["Variable"], data)
            if value is choice.get("BooleanEquals") or value > choice.get("NumericGreaterThan", value):
                return str(choice["Next"])
        return str(state["Default"])

    def _task(self, state: dict[str, Any], data: dict[str, Any]) -> None:
        parameters = state["Parameters"]
        if state["Resource"].startswith("arn:aws:states:::states:startExecution"):
            given = {name.removesuffix(".$"): _at(path, data) for name, path in parameters["Input"].items()}
            # Step Functions writes JSON without blanks.
            self.generate(_at(parameters["Name.$"], data), json.dumps(given, separators=(",", ":")))
            return
        function = FUNCTIONS[parameters["FunctionName"]]
        answer = self.cloud.invoke(function, data, warm=True)
        selected = {
            name.removesuffix(".$"): _at(path, {"Payload": answer}) for name, path in state["ResultSelector"].items()
        }
        data[state["ResultPath"].removeprefix("$.")] = selected
        if function == "accept_row":
            self.accepted.append(selected)

    def _map(self, state: dict[str, Any], data: dict[str, Any]) -> None:
        failed = 0
        selector = state["ItemSelector"]
        for line in lines(data["bucket"], _at(state["ItemReader"]["Parameters"]["Key.$"], data)):
            context = {"$$.Map.Item.Value": line}
            child = {name.removesuffix(".$"): context.get(path) or _at(path, data) for name, path in selector.items()}
            try:
                self._run(state["ItemProcessor"], child)
            except StateFailed:
                failed += 1
            if failed > state["ToleratedFailureCount"]:
                raise StateFailed("States.ExceedToleratedFailureThreshold")

    def _wait(self, state: dict[str, Any], data: dict[str, Any]) -> None:
        self.pauses.append(_at(state["SecondsPath"], data))

    def _pass(self, _state: dict[str, Any], _data: dict[str, Any]) -> None:
        """It changes nothing that is read afterwards."""

    def _succeed(self, _state: dict[str, Any], _data: dict[str, Any]) -> None:
        """It ends the execution."""

    def _fail(self, state: dict[str, Any], _data: dict[str, Any]) -> None:
        raise StateFailed(state["Error"])


def _at(path: str, data: dict[str, Any]) -> Any:
    found: Any = data
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found
