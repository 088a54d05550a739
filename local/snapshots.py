"""Store ministack's state on disk, so that neither a stop nor a kill -9 loses it.

ministack 1.5.33 writes its state only when it is stopped normally. Here a forked copy of the process writes a snapshot
a few seconds after a change, while the process continues. The fork makes the snapshot consistent. Losing even a second
of some changes could mean that a generation is paid for twice, so these are also written to a journal: every DynamoDB
write before its response is sent, and every started execution. S3 objects are files anyway. A power failure may lose
the last seconds. This module runs in ministack's own environment.

    <folder>/<number>/          a snapshot; its file `complete` is written last, with the time of the snapshot
    <folder>/<number>.journal   the changes after that snapshot
"""

import asyncio
import contextvars
import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

COMPLETE = "complete"
SHORTEST_SECONDS = 10.0  # between two snapshots
REST = 20  # pause between snapshots, as a multiple of their duration, because they slow down the jobs
COPY_SECONDS = 60  # a forked copy may block on a lock forever; it is ended, and the next one tries again
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
START = "StartExecution"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Handle = Callable[..., Coroutine[Any, Any, Any]]


class Snapshots:
    """The snapshots and journals in a folder. The state is the newest complete snapshot plus all journals since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changes = self._seen = 0
        self._number = 0
        self._journal: int | None = None

    def load(self, restore: Callable[[], None]) -> list[dict[str, Any]]:
        """Let ministack `restore` the newest snapshot, repeat the later writes, and return the executions to start."""
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.parent.name) for path in self._folder.glob(f"*/{COMPLETE}")]
        newest = max(numbers, default=0)
        persistence: Any = import_module("ministack.core.persistence")
        persistence.STATE_DIR = str(self._folder / str(newest))
        restore()
        starts = []
        for entry in self._entries(newest):
            if entry["action"] == START:
                starts.append(entry)
            else:
                in_scope_of(entry, _write_again, entry)
        self._number = max([newest, *(int(path.stem) for path in self._folder.glob("*.journal"))])
        self._open_journal()
        return starts

    def keep(self) -> None:
        """Start writing snapshots. Call this from ministack's event loop."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._keep, args=(loop,), daemon=True).start()

    def journaled(self, handle: Handle) -> Handle:
        """Return a service's handler that adds successful writes to the journal before it returns the response."""
        responses: Any = import_module("ministack.core.responses")

        async def handle_and_write(method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            entry = {
                "account": responses.get_account_id(),
                "region": responses.get_region(),
                "target": headers.get("x-amz-target", ""),
                "action": action,
                "body": bytes(body).decode(),
            }
            if action == START:  # before, because it runs from now on; its name prevents a second start
                self._write(entry)
            answer = await handle(method, path, headers, body, *rest)
            if action in WRITES and answer[0] == 200:  # noqa: PLR2004 - HTTP
                self._write(entry)  # in order, because ministack does not await anything during a write
            return answer

        return handle_and_write

    def watching(self, app: App) -> App:
        """Return the ASGI application with a count of requests that may change the state: all but health checks."""

        async def watched(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            self._changes += scope.get("path") != "/_ministack/health"

        return watched

    def save(self) -> None:
        """Write a snapshot in this process, which is stopping."""
        self._number += 1
        self._open_journal()
        _save(self._folder / str(self._number), time.time())
        self._forget_older()

    def _keep(self, loop: asyncio.AbstractEventLoop) -> None:
        rest = SHORTEST_SECONDS
        while True:
            time.sleep(rest)
            if self._changes == self._seen:
                continue
            started = time.monotonic()
            copied: list[int] = []
            done = threading.Event()

            def copy() -> None:
                copied.append(self._copy())  # noqa: B023 - the loop waits for the call
                done.set()  # noqa: B023

            loop.call_soon_threadsafe(copy)
            done.wait()
            os.waitpid(copied[0], 0)
            self._forget_older()
            rest = max(SHORTEST_SECONDS, REST * (time.monotonic() - started))

    def _copy(self) -> int:
        """Fork a copy of this process that writes a snapshot, and return its process id.

        Call this on the event loop, where no write is in progress."""
        self._seen = self._changes
        self._number += 1
        self._open_journal()
        moment = time.time()
        process = os.fork()
        if process:
            return process
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(COPY_SECONDS)
            os.closerange(3, 1 << 16)  # the port belongs to the parent and must be free after the parent ends
            logging.disable(logging.INFO)
            _save(self._folder / str(self._number), moment)
        finally:
            os._exit(0)

    def _open_journal(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
        path = self._folder / f"{self._number}.journal"
        self._journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._journal is None:  # while the journals are replayed, which already contain the entry
            return
        os.write(self._journal, json.dumps(entry).encode() + b"\n")

    def _entries(self, since: int) -> Iterator[dict[str, Any]]:
        for number in sorted(int(path.stem) for path in self._folder.glob("*.journal")):
            if number >= since:
                for line in (self._folder / f"{number}.journal").read_text().splitlines():
                    with suppress(ValueError):  # the last line, if the process was killed while it was writing
                        yield json.loads(line)

    def _forget_older(self) -> None:
        """Remove snapshots and journals that are older than the newest complete snapshot."""
        newest = max((int(path.parent.name) for path in self._folder.glob(f"*/{COMPLETE}")), default=0)
        for path in self._folder.iterdir():
            if path.stem.isdigit() and int(path.stem) < newest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def in_scope_of(entry: dict[str, Any], call: Callable[..., Any], *arguments: Any) -> Any:
    """Call `call` with the account and region of a journal entry, and return the result."""
    responses: Any = import_module("ministack.core.responses")
    context = contextvars.copy_context()
    context.run(responses._request_account_id.set, entry["account"])
    context.run(responses._request_region.set, entry["region"])
    return context.run(call, *arguments)


def _write_again(entry: dict[str, Any]) -> None:
    service: Any = import_module("ministack.services.dynamodb")
    handling = service.handle_request("POST", "/", {"x-amz-target": entry["target"]}, entry["body"].encode(), {})
    with suppress(StopIteration):  # it does not await anything
        handling.send(None)


def _save(folder: Path, moment: float) -> None:
    app: Any = import_module("ministack.app")
    persistence: Any = import_module("ministack.core.persistence")
    persistence.STATE_DIR = str(folder)
    for name, state_of in app._build_persistence_save_dict().items():
        state = state_of()
        if state is not None:
            persistence.save_state(name, state)  # only logs a failure
            if not (folder / f"{name}.json").exists():
                raise OSError(f"The state of {name} could not be written.")
    part = folder / f"{COMPLETE}.part"
    part.write_text(str(moment))
    part.replace(folder / COMPLETE)
