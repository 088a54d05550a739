"""How many functions run at once on this machine, and how long their processes stay.

ministack 1.5.33 gives every call that finds no idle process another one, as AWS does, and keeps the first of each
function for good. A batch of 50 rows came to 286 processes, 16 GiB and a machine that did nothing but start them. Here
a call waits for its turn, the processes of all functions together are few, and those that have nothing to do are ended.
What a function is made of is unpacked once and not for each of its processes, which took longer than all else that a
process does. Runs in ministack's own environment.
"""

import contextvars
import hashlib
import os
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

AT_ONCE = 4 * (os.cpu_count() or 1)  # functions of workflows; they mostly wait for ministack, which has one core
OTHERS_AT_ONCE = AT_ONCE  # HTTP, files and events: somebody waits for them, so not behind a batch's workflows
PROCESSES = 8 * AT_ONCE  # at most, with those that are kept warm: 4 GiB on two cores
IDLE_SECONDS = 25.0  # ministack looks every 30: a minute after the last call there is none

Execute = Callable[..., Any]

# Whether this call is made by one that has its turn, and so must not wait for another: it might be for its own.
_has_turn: contextvars.ContextVar[bool] = contextvars.ContextVar("has_turn", default=False)


def bound_functions() -> None:
    """Mend ministack, which is about to start."""
    functions: Any = import_module("ministack.services.lambda_svc")
    states: Any = import_module("ministack.services.stepfunctions")
    runtime: Any = import_module("ministack.core.lambda_runtime")
    states._call_lambda = in_turn(states._call_lambda, threading.Semaphore(AT_ONCE))
    functions._execute_function_warm = in_turn(functions._execute_function_warm, threading.Semaphore(OTHERS_AT_ONCE))

    depth, acquire = functions._inbound_invoke_depth, functions.acquire_worker

    def depth_and_turn(headers: dict[str, str]) -> Any:
        is_awaited = headers.get("x-amz-invocation-type", "RequestResponse") == "RequestResponse"
        # A function's calls carry the header: it waits for this one, in its turn.
        _has_turn.set(is_awaited and functions._INVOKE_DEPTH_HEADER in headers)
        return depth(headers)

    def acquire_one_of_few(*arguments: Any, **options: Any) -> Any:
        acquired = acquire(*arguments, **options)
        end_idle(runtime, most=PROCESSES)
        return acquired

    functions._inbound_invoke_depth = depth_and_turn
    functions.acquire_worker = acquire_one_of_few
    functions.reap_idle_workers = lambda: end_idle(runtime, longer_than=IDLE_SECONDS)
    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})


class UnpackedOnce(zipfile.ZipFile):
    """A zip file whose `extractall` leaves a link to what another one with the same content has extracted."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        with Path(file).open("rb") as content:
            name = hashlib.file_digest(content, "sha256").hexdigest()
        self._unpacked = Path(tempfile.gettempdir()) / "unpacked" / name

    def namelist(self) -> list[str]:
        """What is to be extracted, and so to be looked at before: nothing, if that was done."""
        return [] if self._unpacked.exists() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Put a link in the place of the empty folder `path`."""
        if not self._unpacked.exists():
            self._unpacked.parent.mkdir(exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=self._unpacked.parent))
            super().extractall(part, members, pwd)
            try:
                part.rename(self._unpacked)
            except OSError:  # another one was faster
                shutil.rmtree(part)
        Path(path).rmdir()
        Path(path).symlink_to(self._unpacked, target_is_directory=True)


def in_turn(execute: Execute, turns: threading.Semaphore) -> Execute:
    """Call a function when it is its turn, which lasts for all that it calls and waits for."""

    def called(*arguments: Any) -> Any:
        if _has_turn.get():
            return execute(*arguments)
        with turns:
            token = _has_turn.set(True)
            try:
                return execute(*arguments)
            finally:
                _has_turn.reset(token)

    return called


def end_idle(runtime: Any, *, most: int | None = None, longer_than: float = 0.0) -> int:
    """End the processes that are idle for `longer_than` seconds, the longest first; with `most`, only what is over it.

    Returns how many were ended. `runtime` is ministack's module with its processes by function.
    """
    before = time.time() - longer_than
    with runtime._lock:
        workers = [(worker.last_used, key, worker) for key, group in runtime._workers.items() for worker in group]
        idle = sorted((one for one in workers if not one[2].in_use and one[0] <= before), key=lambda one: one[0])
        if most is not None:
            idle = idle[: max(0, len(workers) - most)]
        for _, key, worker in idle:
            runtime._workers[key].remove(worker)
    runtime.kill_workers([worker for _, _, worker in idle])
    return len(idle)
