"""Starts ministack with some things mended, so that the state machines behave as on AWS, and with a guard in front.

ministack 1.5.33 calls every exception of a Python function `Runtime.HandlerError`, so that no `Retry` or `Catch` in
the state machine would match: here it has the name of what was raised. It does not know `MaxConcurrencyPath` of a Map,
goes on waiting for a task's token when the function that should answer it has failed, and lets a workflow start
another one (`startExecution.sync`) under a name that is taken. Functions run a few at once
(`local/function_processes.py`), what it holds is kept (`local/snapshots.py`), what ran when it was stopped goes on
(`local/restart.py`), and what it enforces of policies is what they say (`local/permissions.py`). All of this runs in
ministack's own environment.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from local.function_processes import bound_functions
from local.guard import refusal
from local.permissions import know_tasks_and_events
from local.restart import go_on_after_restart, until_the_end
from local.snapshots import App, Receive, Send, Snapshots

UNNAMED = "Runtime.HandlerError"


def raised(log: str) -> str | None:
    """The class name of the exception whose traceback ends the log of a function."""
    traceback = log.rpartition("Traceback (most recent call last):\n")[2]
    # Frames are indented; the exception is the first line that is not: `module.Name: message`.
    line = re.search(r"^(?:\w+\.)*(\w+)(?::|$)", traceback, re.MULTILINE)
    return line and line[1]


def starting_once(
    start: Callable[[dict[str, Any]], Any], is_known: Callable[[str], bool], refusal: Any
) -> Callable[[dict[str, Any]], Any]:
    """Start an execution and wait for its end, if there is none of its name: else `refusal` is the answer."""
    lock = threading.Lock()
    starting: set[str] = set()

    def start_once(data: dict[str, Any]) -> Any:
        arn = f"{data['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{data.get('name')}"
        with lock:
            if data.get("name") and (arn in starting or is_known(arn)):
                return refusal
            starting.add(arn)
        try:
            return start(data)
        finally:
            with lock:
                starting.discard(arn)

    return start_once


def guarded(app: App) -> App:
    """The ASGI application behind the guard: what is refused does not reach it."""

    async def guard(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reason = refusal(headers)
        if reason is None:
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        plain = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 403, "headers": plain})
        await send({"type": "http.response.body", "body": reason.encode()})
        return None

    return guard


def main() -> object:
    """Run ministack until it is told to end."""
    functions: Any = import_module("ministack.services.lambda_svc")
    execute = functions._execute_function_warm

    def execute_and_name_the_error(*arguments: Any) -> Any:
        answer = execute(*arguments)
        if answer.get("error") and answer["body"].get("errorType") == UNNAMED:
            answer["body"]["errorType"] = raised(answer.get("log", "")) or UNNAMED
        return answer

    functions._execute_function_warm = until_the_end(execute_and_name_the_error)

    states: Any = import_module("ministack.services.stepfunctions")
    execute_map = states._execute_map

    def execute_map_as_bounded(definition: dict[str, Any], raw_input: Any, *arguments: Any) -> Any:
        path = definition.get("MaxConcurrencyPath")
        if path:
            definition = {**definition, "MaxConcurrency": raw_input[path.removeprefix("$.")]}
        return execute_map(definition, raw_input, *arguments)

    states._execute_map = execute_map_as_bounded

    call = states._call_lambda

    def call_and_fail_the_waiting_task(function: Any, event: Any) -> Any:
        try:
            return call(function, event)
        except states._ExecutionError as error:
            for token in event.values() if isinstance(event, dict) else ():
                task = states._task_tokens.get(token) if isinstance(token, str) else None
                if task and not task["event"].is_set():
                    task["error"] = {"Error": error.error, "Cause": error.cause}
                    task["event"].set()
            raise

    states._call_lambda = call_and_fail_the_waiting_task
    states._start_sync_execution = starting_once(
        states._start_sync_execution,
        lambda arn: arn in states._executions,
        (400, {}, json.dumps({"__type": "ExecutionAlreadyExists", "message": "There is one of this name."})),
    )
    bound_functions()
    know_tasks_and_events()
    server: Any = import_module("ministack.app")
    snapshots = Snapshots(Path(os.environ["STATE_DIR"]))
    for name in ("dynamodb", "stepfunctions"):
        service: Any = import_module(f"ministack.services.{name}")
        service.handle_request = snapshots.journaled(service.handle_request)
    server.app = guarded(snapshots.watching(server.app))
    go_on_after_restart(snapshots)
    return server.main()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[arg-type]  # whatever ministack's own launcher passes on
