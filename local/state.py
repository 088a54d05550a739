"""Keep ministack's state when it stops, and the changes that must not be lost even when it is killed (kill -9).

ministack 1.5.33 writes its state only while it is stopping. If a kill -9 lost later changes, a generation could be
paid for twice. So the important changes are also written to journals before they are answered: the writes to
DynamoDB, the values of secrets, and the start and the end of each execution. The next start repeats them on the last
written state. S3 objects are files anyway. A power failure may lose the last seconds.

ministack marks every execution that was running when it stopped as failed. Here such executions start again at their
first state, with the same name and input. This is safe, because every function can be invoked twice. All of this runs
in ministack's own environment.

    <folder>/<number>/                     the state that ministack wrote when it stopped
    <folder>/<number>/<service>.journal    the changes since then, one JSON document per line
"""

import asyncio
import json
import logging
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from local.inside import OK, Handle, ask_states, service
from local.journal import ACTIONS, Journal, repeat, requests_after

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Execution = dict[str, Any]

RESTORING = ("ministack", "persistence")  # the loggers that report a state that cannot be restored

log = logging.getLogger(__name__)


class State:
    """The newest state in a folder, with its journals."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = max((int(path.name) for path in folder.glob("*") if path.name.isdigit()), default=0)
        self._current = folder / str(self._number)
        self._executions = Journal(self._current / "stepfunctions.journal")
        # The executions to start again. They wait until the server answers requests, before which nothing changes.
        self._interrupted: list[Execution] | None = []
        self._strict = _Strict(logging.ERROR)

    def keep(self) -> None:
        """Patch ministack before it starts."""
        server: Any = import_module("ministack.app")
        persistence: Any = import_module("ministack.core.persistence")
        states, queues = service("stepfunctions"), service("sqs")
        service("lambda_svc")  # stores code in the folder that is set when it is imported, for all states
        self._current.mkdir(parents=True, exist_ok=True)
        persistence.STATE_DIR = str(self._current)
        for name, actions in ACTIONS.items():
            one, journal = service(name), Journal(self._current / f"{name}.journal")
            one.load_persisted_state = _repeating(journal, one)
            one.handle_request = _journaled(actions, journal, one.handle_request)
        states.load_persisted_state = self._interrupting(states.load_persisted_state)
        states._emit_execution_status_event = self._noting(states._emit_execution_status_event)
        queues.load_persisted_state = _visible(queues.load_persisted_state)
        server.save_all = self.write_and_end
        for name in RESTORING:
            logging.getLogger(name).addHandler(self._strict)

    def serving(self, app: App) -> App:
        """Return the ASGI application. It starts interrupted executions with the first request, and it stops on SIGTERM
        immediately, before functions fail because they get no answers."""

        async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(app(scope, _shutdown, send)))  # type: ignore[arg-type]
            elif self._interrupted is not None:
                self._serve(self._interrupted)
            await app(scope, receive, send)

        return serve

    def write_and_end(self, services: Mapping[str, Callable[[], Any]]) -> None:
        """Write the state of all services and end the process. The event loop is blocked, so no function gets an answer
        in between."""
        try:
            if self._interrupted is None:
                self._write(_copied(services))
        except Exception:
            log.exception("The state could not be written. The next start repeats the journals instead.")
        os._exit(0)  # threads of executions would wait for answers that never arrive

    def _write(self, states: Mapping[str, Any]) -> None:
        persistence: Any = import_module("ministack.core.persistence")
        part = self._folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        persistence.STATE_DIR = str(part)
        for name, state in states.items():
            persistence.save_state(name, state)  # only logs a failure
            with (part / f"{name}.json").open() as file:
                os.fsync(file.fileno())  # before the old state is deleted
        written = part.rename(self._folder / str(self._number + 1))
        for older in self._folder.glob("[0-9]*"):
            if older != written:
                shutil.rmtree(older)

    def _noting(self, emit: Callable[[Execution], None]) -> Callable[[Execution], None]:
        """Return `emit`, which announces the status of an execution, with an entry in the journal before that."""

        def note_and_emit(execution: Execution) -> None:
            self._executions.note(execution | {"events": []})
            emit(execution)

        return note_and_emit

    def _interrupting(self, restore: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return `restore` without the executions that were running. A Map's parent starts its children again."""

        def restore_and_interrupt(data: Any) -> None:
            executions = data["executions"]
            for one in self._executions.entries():
                executions[one["executionArn"]] = one
            running = [one for one in executions.values() if one["status"] == "RUNNING" and "mapRunArn" not in one]
            for one in running:
                del executions[one["executionArn"]]
            self._interrupted = running
            restore(data)

        return restore_and_interrupt

    def _serve(self, interrupted: list[Execution]) -> None:
        self._interrupted = None
        for name in RESTORING:
            logging.getLogger(name).removeHandler(self._strict)
        for one in interrupted:
            ask_states("StartExecution", stateMachineArn=one["stateMachineArn"], name=one["name"], input=one["input"])


class _Strict(logging.Handler):
    """Ends the process when a state cannot be restored. ministack would continue without the data and seem empty."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger().handle(record)
        os._exit(1)


def _journaled(actions: set[str], journal: Journal, handle: Handle) -> Handle:
    """Return a service's handler that adds successful writes to the journal before it returns the answer."""

    async def handle_and_note(method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        found = await handle(method, path, headers, body, *rest)
        target = headers.get("x-amz-target", "")
        if target.rpartition(".")[2] in actions and found[0] == OK:
            journal.note(requests_after(handle, target, json.loads(body)))  # nothing was awaited since the write
        return found

    return handle_and_note


def _repeating(journal: Journal, one: Any) -> Callable[[Any], None]:
    restore, handle = one.load_persisted_state, one.handle_request

    def restore_and_repeat(data: Any) -> None:
        restore(data)
        repeat(handle, journal.entries())

    return restore_and_repeat


async def _shutdown() -> dict[str, Any]:
    return {"type": "lifespan.shutdown"}


def _copied(services: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return the state of each service that has one."""
    while True:
        with suppress(RuntimeError):  # a thread changed it during the copy
            states = {name: get_state() for name, get_state in services.items()}
            return {name: state for name, state in states.items() if state is not None}


def _visible(restore: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return `restore` of the queues, which makes messages visible that functions had received."""

    def restore_visible(data: Any) -> None:
        for queue in data["queues"].values():
            for message in queue["messages"]:
                if message["receipt_handle"] is not None:
                    message["visible_at"] = 0
        restore(data)

    return restore_visible
