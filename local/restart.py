"""Resume the executions that ran in ministack when it was stopped, as if AWS had never been away.

ministack 1.5.33 marks every execution that was running when it stopped as failed. Here such executions start again at
their first state, with the same name and input. This is safe, because every function can be invoked twice. Messages
that functions had received become visible immediately. At a stop, the functions are stopped first, so that nothing
happens after the last snapshot (`local/snapshots.py`). This module runs in ministack's own environment.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from local.snapshots import Snapshots, in_scope_of

_ended = threading.Event()


def go_on_after_restart(snapshots: Snapshots) -> None:
    """Patch ministack before it starts."""
    app: Any = import_module("ministack.app")
    states: Any = import_module("ministack.services.stepfunctions")
    queues: Any = import_module("ministack.services.sqs")
    running: list[tuple[str, str, str]] = []

    restore, restore_queues = states._restore_state, queues._restore_state
    load = app._load_persisted_state

    def restore_running(data: dict[str, Any]) -> None:
        found = _running(data["executions"]) if data else []
        restore(data)
        for account, region, arn in found:
            execution = states._executions._data[account, region, arn]
            execution.update(status="RUNNING", stopDate=None)
            del execution["error"], execution["cause"]
        running.extend(found)

    def restore_taken(data: dict[str, Any]) -> None:
        restore_queues(data)
        for queue in queues._queues._data.values():
            for message in queue["messages"]:
                if message["receipt_handle"] is not None:
                    message["visible_at"] = 0

    def load_and_go_on() -> None:
        try:
            starts = snapshots.load(load)
        except Exception:
            # The server would continue without its data and seem empty.
            logging.getLogger(__name__).exception("The stored state could not be read.")
            os._exit(1)
        snapshots.keep()
        threading.Thread(target=_go_on, args=(states, running, starts), daemon=True).start()

    def save_and_end(_services: dict[str, Any]) -> None:
        _stop_functions()
        snapshots.save()
        os._exit(0)  # threads of executions would wait for responses that never arrive

    states._restore_state, queues._restore_state = restore_running, restore_taken
    app._load_persisted_state, app.save_all = load_and_go_on, save_and_end


def until_the_end(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return `execute`, but never return a result once ministack is stopping."""

    def called(*arguments: Any) -> Any:
        if not _ended.is_set():
            answer = execute(*arguments)
        if _ended.is_set():
            threading.Event().wait()
        return answer

    return called


def _running(executions: Any) -> list[tuple[str, str, str]]:
    """Return the account, region and ARN of each running execution. A Map's parent starts its children again."""
    return [
        key
        for key, execution in executions._data.items()
        if execution["status"] == "RUNNING" and "mapRunArn" not in execution
    ]


def _go_on(states: Any, running: list[tuple[str, str, str]], starts: list[dict[str, Any]]) -> None:
    """Resume running executions, and start those that were started since the last snapshot."""
    _wait_for_server()
    for account, region, arn in running:
        scope = {"account": account, "region": region}
        threading.Thread(target=in_scope_of, args=(scope, states._run_execution, arn), daemon=True).start()
    for start in starts:
        in_scope_of(start, states._start_execution, json.loads(start["body"]))


def _wait_for_server() -> None:
    """Wait for the server, because functions call it."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(os.environ["GATEWAY_PORT"]))) == 0:
                return
        time.sleep(0.05)


def _stop_functions() -> None:
    runtime: Any = import_module("ministack.core.lambda_runtime")
    _ended.set()
    runtime.reset()
