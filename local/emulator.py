"""Start ministack with patches that make state machines behave as on AWS, and with a guard against web pages.

This file works around these faults of ministack 1.5.33:

- Every exception of a Python function is called `Runtime.HandlerError`, so no `Retry` or `Catch` would match. Here it
  has the name of the exception.
- `MaxConcurrencyPath` of a Map is ignored.
- A task with a token keeps waiting after the function that should return the token has failed.
- `startExecution.sync` accepts a name that is already in use.
- The HTTP API passes a domain name to functions that only works with DNS, and not the protocol of the request.

`local/function_processes.py` limits how many functions run concurrently, `local/memory.py` limits what is remembered,
`local/state.py` keeps the state on disk and starts interrupted executions again, `local/permissions.py` corrects the
checks of policies, and `local/root.py` offers the HTTP API at the root of the host. All of this runs in ministack's own
environment.
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
from local.guard import refusal, shows_video
from local.inside import OK, ask_states, service
from local.memory import bound_memory
from local.permissions import know_tasks_and_events
from local.root import at_root
from local.state import App, Receive, Send, State

UNNAMED = "Runtime.HandlerError"


def raised(log: str) -> str | None:
    """Return the class name of the exception whose traceback ends a function's log, or None."""
    traceback = log.rpartition("Traceback (most recent call last):\n")[2]
    # Frames are indented. The first line without indentation is the exception: `module.Name: message`.
    line = re.search(r"^(?:\w+\.)*(\w+)(?::|$)", traceback, re.MULTILINE)
    return line and line[1]


def starting_once(
    start: Callable[[dict[str, Any]], Any], is_known: Callable[[str], bool], refusal: Any
) -> Callable[[dict[str, Any]], Any]:
    """Wrap `start`, which starts an execution and waits for its end: return `refusal` if the name is in use."""
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


def addressed(event: Any, origin: str) -> Any:
    """Return an event for a function. One of the HTTP API contains the address at which this machine serves it.

    `origin` is the URL of the local AWS.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict) or "apiId" not in context or "http" not in context:
        return event
    scheme, _, host = origin.partition("://")
    domain = f"{host}/_aws/execute-api/{context['apiId']}/$default"
    headers = {**event.get("headers", {}), "x-forwarded-proto": scheme}
    return {**event, "headers": headers, "requestContext": {**context, "domainName": domain}}


def guarded(app: App) -> App:
    """Return the ASGI application behind the guard, which answers rejected requests itself."""

    async def guard(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reason = refusal(headers)
        if reason is None or shows_video(headers, scope.get("method", ""), scope.get("path", ""), _query(scope)):
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        plain = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 403, "headers": plain})
        await send({"type": "http.response.body", "body": reason.encode()})
        return None

    return guard


def _query(scope: dict[str, Any]) -> str:
    query: bytes = scope.get("query_string", b"")
    return query.decode("latin-1")


def main() -> object:
    """Run ministack until it is stopped."""
    functions, states = service("lambda_svc"), service("stepfunctions")
    execute, execute_map, call = functions._execute_function_warm, states._execute_map, states._call_lambda

    scheme = "https" if os.environ.get("USE_SSL") == "1" else "http"
    origin = f"{scheme}://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"

    def execute_and_name_the_error(function: Any, event: Any, *others: Any) -> Any:
        answer = execute(function, addressed(event, origin), *others)
        if answer.get("error") and answer["body"].get("errorType") == UNNAMED:
            answer["body"]["errorType"] = raised(answer.get("log", "")) or UNNAMED
        return answer

    def execute_map_as_bounded(definition: dict[str, Any], raw_input: Any, *arguments: Any) -> Any:
        path = definition.get("MaxConcurrencyPath")
        if path:
            definition = {**definition, "MaxConcurrency": raw_input[path.removeprefix("$.")]}
        return execute_map(definition, raw_input, *arguments)

    def call_and_fail_the_waiting_task(function: Any, event: Any) -> Any:
        try:
            return call(function, event)
        except Exception as error:
            reported: Any = error
            if hasattr(error, "cause") and isinstance(event, dict) and "task_token" in event:
                ask_states("SendTaskFailure", taskToken=event["task_token"], error=reported.error, cause=reported.cause)
            raise

    functions._execute_function_warm = execute_and_name_the_error
    states._execute_map = execute_map_as_bounded
    states._call_lambda = call_and_fail_the_waiting_task
    states._start_sync_execution = starting_once(
        states._start_sync_execution,
        lambda arn: ask_states("DescribeExecution", executionArn=arn)[0] == OK,
        (400, {}, json.dumps({"__type": "ExecutionAlreadyExists", "message": "An execution with this name exists."})),
    )
    bound_functions()
    bound_memory()
    know_tasks_and_events()
    state = State(Path(os.environ["STATE_DIR"]))
    state.keep()
    server: Any = import_module("ministack.app")
    apis = service("apigateway")._apis  # by account, region and id; the stack has one
    app = at_root(state.serving(server.app), lambda: next((key[-1] for key, _ in apis.all_items()), None))
    server.app = guarded(app)
    return server.main()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[arg-type]  # the value that ministack's own launcher returns
