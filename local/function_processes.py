"""Limit how many functions run concurrently on this machine, and end their idle processes.

Like AWS, ministack 1.5.33 starts another process for every call that finds no idle one, and it keeps the first process
of each function forever. A batch of 50 rows used 286 processes and 16 GiB, and the machine was busy only with starting
them. Here calls wait for a permit, the total number of processes is limited, and idle processes are ended. A function's
code is unpacked once instead of once per process, which used to take most of a process's time. This module runs in
ministack's own environment.
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

from local.inside import service

AT_ONCE = 4 * (os.cpu_count() or 1)  # functions of workflows; they mostly wait for ministack, which uses one core
OTHERS_AT_ONCE = AT_ONCE  # HTTP, files and events: users wait for these, so they do not queue behind a batch
PROCESSES = 40  # at most, including idle ones, of about 40 MiB: with fewer, functions start again and again
# Ministack checks every 30 s: no process is left a minute after the last call.
IDLE_SECONDS = float(os.environ.get("FUNCTION_IDLE_SECONDS", "25"))

Execute = Callable[..., Any]

# Whether the caller already has a permit, because a call from a workflow also passes the second limit. A permit is
# enough, since no function waits for another function.
_has_turn: contextvars.ContextVar[bool] = contextvars.ContextVar("has_turn", default=False)


def bound_functions() -> None:
    """Patch ministack before it starts."""
    functions, states = service("lambda_svc"), service("stepfunctions")
    runtime: Any = import_module("ministack.core.lambda_runtime")
    states._call_lambda = in_turn(states._call_lambda, threading.Semaphore(AT_ONCE))
    functions._execute_function_warm = in_turn(functions._execute_function_warm, threading.Semaphore(OTHERS_AT_ONCE))
    acquire = functions.acquire_worker

    def acquire_one_of_few(*arguments: Any, **options: Any) -> Any:
        acquired = acquire(*arguments, **options)
        end_idle(runtime, most=PROCESSES)
        return acquired

    functions.acquire_worker = acquire_one_of_few
    functions.reap_idle_workers = lambda: end_idle(runtime, longer_than=IDLE_SECONDS)
    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})


class UnpackedOnce(zipfile.ZipFile):
    """A zip file whose `extractall` creates a link if a file with the same content was extracted before."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        with Path(file).open("rb") as content:
            name = hashlib.file_digest(content, "sha256").hexdigest()
        self._unpacked = Path(tempfile.gettempdir()) / "unpacked" / name

    def namelist(self) -> list[str]:
        """Return the members to extract, empty if they are already extracted."""
        return [] if self._unpacked.exists() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Replace the empty folder `path` with a link to the extracted files."""
        if not self._unpacked.exists():
            self._unpacked.parent.mkdir(exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=self._unpacked.parent))
            super().extractall(part, members, pwd)
            try:
                part.rename(self._unpacked)
            except OSError:  # another process was faster
                shutil.rmtree(part)
        Path(path).rmdir()
        Path(path).symlink_to(self._unpacked, target_is_directory=True)


def in_turn(execute: Execute, turns: threading.Semaphore) -> Execute:
    """Return `execute` with a permit of `turns`, unless the caller already has a permit."""

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
    """End processes that have been idle for more than `longer_than` seconds, and return how many were ended.

    With `most`, end only the longest idle ones until `most` processes are left. `runtime` is ministack's module with
    the processes of each function.
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
