"""Call ministack's services from inside its process. This module runs in ministack's own environment."""

import json
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

OK = 200
Handle = Callable[..., Coroutine[Any, Any, Any]]


def service(name: str) -> Any:
    """Return ministack's module of a service."""
    return import_module(f"ministack.services.{name}")


def answer(handle: Handle, target: str, body: bytes) -> tuple[int, Any]:
    """Return the status and the body of a service's answer. Its handler must not wait for anything."""
    handling = handle("POST", "/", {"x-amz-target": target}, body, {})
    try:
        handling.send(None)
    except StopIteration as done:
        status, _, text = done.value
        return status, json.loads(text or "{}")
    raise RuntimeError(f"{target} waits for something. Call it through the server.")


def ask_states(action: str, **body: Any) -> tuple[int, Any]:
    """Return the status and the body of Step Functions' answer."""
    return answer(service("stepfunctions").handle_request, f"AWSStepFunctions.{action}", json.dumps(body).encode())
