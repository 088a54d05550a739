"""Build the input and output of the shipped state machine's function states."""

import json
from pathlib import Path
from typing import Any

MACHINE = Path(__file__).parents[2] / "statemachine" / "video_generation.asl.json"
STATES = json.loads(MACHINE.read_text("utf-8"))["States"]


def payload(function: str, state: dict[str, Any], execution: str = "", token: str = "token") -> dict[str, Any]:
    """Return the payload that `function` gets from its state, if `state` is the state's input.

    The execution is by default the first of its generation. `token` is the task token of the state that waits for one.
    """
    passed: dict[str, Any] = _definition(function)["Parameters"]["Payload"]
    context = {"$$.Execution.Name": execution or state["generation_id"], "$$.Task.Token": token}
    return {
        name.removesuffix(".$"): context[path] if path in context else state[path.removeprefix("$.")]
        for name, path in passed.items()
    }


def output(function: str, state: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return the input of the next state if the function returned this."""
    return answer if _definition(function).get("OutputPath") == "$.Payload" else state


def caught(error: str, message: str) -> dict[str, Any]:
    """Return what a `Catch` adds to the state after a function raised this error."""
    return {"error": {"Error": error, "Cause": json.dumps({"errorMessage": message, "errorType": error})}}


def _definition(function: str) -> dict[str, Any]:
    definition: dict[str, Any] = STATES["".join(word.capitalize() for word in function.split("_"))]
    return definition


def batch_states() -> dict[str, Any]:
    """Return the states of the shipped state machine of a batch that each row passes through."""
    states: dict[str, Any] = batch_definition()["States"]["RunRows"]["ItemProcessor"]["States"]
    return states


def batch_definition() -> dict[str, Any]:
    """Return the shipped state machine of a batch."""
    definition: dict[str, Any] = json.loads((MACHINE.parent / "prompt_batch.asl.json").read_text("utf-8"))
    return definition


def following(name: str, state: dict[str, Any]) -> str | None:
    """Return the name of the state after this one, with the state's output, or None after the last one."""
    definition = STATES[name]
    for choice in definition.get("Choices", ()):
        if _value(choice["Variable"], state) == choice["StringEquals"]:
            return str(choice["Next"])
    following_name: str | None = definition.get("Default", definition.get("Next"))
    return following_name


def _value(path: str, state: dict[str, Any]) -> Any:
    value: Any = state
    for name in path.removeprefix("$.").split("."):
        value = value[name]
    return value
