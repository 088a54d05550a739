"""What ministack holds is on the disk, so that neither a stop nor a kill -9 loses it.

ministack 1.5.33 writes what it holds when it is told to end, and only then. Here a copy of the process writes it, some
seconds after a change, while the process itself goes on; the copy is of one moment, which it would not be if it were
written piece by piece. What must not be lost for even a second, since a generation could be paid for twice, is also in
a journal: every write to DynamoDB before it is answered, and every execution that is started. Objects in S3 are files
anyway. A power failure may take the last seconds. Runs in ministack's own environment.

    <folder>/<number>/          all that was held at one moment, which its file `complete` tells once all is there
    <folder>/<number>.journal   what changed after it
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
SHORTEST_SECONDS = 10.0  # between two copies
REST = 20  # times as long as a copy takes, nothing is copied: what it takes, the jobs lack
COPY_SECONDS = 60  # a copy can meet a lock that nobody will give back: it ends, and the next one tries again
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
START = "StartExecution"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Handle = Callable[..., Coroutine[Any, Any, Any]]


class Snapshots:
    """The snapshots and journals in a folder: the newest complete snapshot, with all journals since, is the truth."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changes = self._seen = 0
        self._number = 0
        self._journal: int | None = None

    def load(self, restore: Callable[[], None]) -> list[dict[str, Any]]:
        """Let ministack `restore` the newest snapshot and make the writes since; returns the executions to start."""
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
        """From now on write what changes; called where ministack's event loop runs."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._keep, args=(loop,), daemon=True).start()

    def journaled(self, handle: Handle) -> Handle:
        """A service's handler whose successful writes are in the journal before they are answered."""
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
            if action == START:  # before: it runs from here on, and is told by its name, so twice is once
                self._write(entry)
            answer = await handle(method, path, headers, body, *rest)
            if action in WRITES and answer[0] == 200:  # noqa: PLR2004 - HTTP
                self._write(entry)  # nothing has come in between: ministack awaits nothing in a write
            return answer

        return handle_and_write

    def watching(self, app: App) -> App:
        """The ASGI application, of which every request may change what ministack holds: who waits asks for health."""

        async def watched(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            self._changes += scope.get("path") != "/_ministack/health"

        return watched

    def save(self) -> None:
        """Write a snapshot in this process, which is about to end."""
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
                copied.append(self._copy())  # noqa: B023 - it is waited for
                done.set()  # noqa: B023

            loop.call_soon_threadsafe(copy)
            done.wait()
            os.waitpid(copied[0], 0)
            self._forget_older()
            rest = max(SHORTEST_SECONDS, REST * (time.monotonic() - started))

    def _copy(self) -> int:
        """Start a copy of this process that writes what it holds: its process id. No write is under way meanwhile."""
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
            os.closerange(3, 1 << 16)  # the port is its parent's: whoever follows it must find it free
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
        if self._journal is None:  # while the journals are read: it is in one of them
            return
        os.write(self._journal, json.dumps(entry).encode() + b"\n")

    def _entries(self, since: int) -> Iterator[dict[str, Any]]:
        for number in sorted(int(path.stem) for path in self._folder.glob("*.journal")):
            if number >= since:
                for line in (self._folder / f"{number}.journal").read_text().splitlines():
                    with suppress(ValueError):  # the last one, if the process was killed in the middle of it
                        yield json.loads(line)

    def _forget_older(self) -> None:
        """Remove what the newest complete snapshot has made superfluous."""
        newest = max((int(path.parent.name) for path in self._folder.glob(f"*/{COMPLETE}")), default=0)
        for path in self._folder.iterdir():
            if path.stem.isdigit() and int(path.stem) < newest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def in_scope_of(entry: dict[str, Any], call: Callable[..., Any], *arguments: Any) -> Any:
    """Call it as for the account and region of an entry."""
    responses: Any = import_module("ministack.core.responses")
    context = contextvars.copy_context()
    context.run(responses._request_account_id.set, entry["account"])
    context.run(responses._request_region.set, entry["region"])
    return context.run(call, *arguments)


def _write_again(entry: dict[str, Any]) -> None:
    service: Any = import_module("ministack.services.dynamodb")
    handling = service.handle_request("POST", "/", {"x-amz-target": entry["target"]}, entry["body"].encode(), {})
    with suppress(StopIteration):  # it awaits nothing
        handling.send(None)


def _save(folder: Path, moment: float) -> None:
    app: Any = import_module("ministack.app")
    persistence: Any = import_module("ministack.core.persistence")
    persistence.STATE_DIR = str(folder)
    for name, state_of in app._build_persistence_save_dict().items():
        state = state_of()
        if state is not None:
            persistence.save_state(name, state)  # logs what it cannot write, and goes on
            if not (folder / f"{name}.json").exists():
                raise OSError(f"The state of {name} could not be written.")
    part = folder / f"{COMPLETE}.part"
    part.write_text(str(moment))
    part.replace(folder / COMPLETE)
