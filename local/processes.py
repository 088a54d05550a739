"""Start, find and stop background processes that outlive the command that started them.

Each is recorded in `<state>/<name>.json` with its start time. A later process with the same id is therefore neither
mistaken for ours nor stopped.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local.settings import LOOPBACK, LocalCloudError

SAME_START_SECONDS = 60.0  # a start time moves when the system's clock is set
POLL_SECONDS = 0.05
READY_SECONDS = 120.0  # enough for ministack to read its state
STOP_SECONDS = 60.0  # enough for ministack to write its state
KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Process:
    """A process that leads its own session and process group, and listens on `port`."""

    name: str
    pid: int
    started: float
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.port}"

    def runs(self) -> bool:
        started = start_time(self.pid)
        return started is not None and abs(started - self.started) < SAME_START_SECONDS


def start_time(pid: int) -> float | None:
    """Return the start time of the process in epoch seconds, or None if it is not running."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child process that has ended would remain as a zombie
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.create_time()
    return None


def choose_port(setting: str, wanted: int | None) -> int:
    """Return the wanted port, or a free one. Raise LocalCloudError, which names `setting`, if `wanted` is in use."""
    with socket.socket() as probe:
        # After a server ends, its port stays in TIME_WAIT. The next server can bind it, so the probe must be able to.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted or 0))
        except OSError as error:
            raise LocalCloudError(
                f"Port {wanted} is not free ({error.strerror}). Set {setting} to another port, or do not set it."
            ) from None
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Server:
    """The command of a server that listens on `port`, with its complete environment."""

    command: Sequence[str | Path]
    port: int
    env: Mapping[str, str]
    scheme: str = "http"


def start(state: Path, name: str, server: Server, is_ready: Callable[[str], bool]) -> Process:
    """Start the server detached from the terminal, and return when it is ready. It logs to `<state>/<name>.log`.

    `is_ready` is called with the URL. If the process ends or is not ready within two minutes, stop it and raise
    LocalCloudError with the last line of its log.
    """
    log = state / f"{name}.log"
    argv = [str(part) for part in server.command]
    # Not subprocess, whose Popen objects expect that someone waits for the process.
    pid = os.posix_spawn(
        argv[0],
        argv,
        server.env,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    process = Process(name, pid, start_time(pid) or 0.0, server.port, server.scheme)
    _record(state, name).write_text(json.dumps(asdict(process)))
    deadline = time.monotonic() + READY_SECONDS
    while process.runs():
        if is_ready(process.url):
            return process
        if time.monotonic() > deadline:
            stop(state, name)
            raise LocalCloudError(f"{name} was not ready after {READY_SECONDS:.0f} s. See {log}.")
        time.sleep(POLL_SECONDS)
    _record(state, name).unlink(missing_ok=True)
    raise LocalCloudError(f"{name} ended while it was starting: {last_line(log)} (see {log}).")


def find(state: Path, name: str) -> Process | None:
    """Return the process that `start` recorded under this name, or None if it is not running."""
    try:
        process = Process(**json.loads(_record(state, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.runs() else None


def stop(state: Path, name: str) -> Process | None:
    """Stop the recorded process and its group, and wait. Return the process, or None if it was not running."""
    process = find(state, name)
    if process:
        os.kill(process.pid, signal.SIGTERM)  # not its group: the process ends its children itself
        _wait_while(process.runs, STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):  # the rest of the group, if any
            os.killpg(process.pid, signal.SIGKILL)
        _wait_while(lambda: process.runs() or _has_members(process.pid), KILL_SECONDS)
    _record(state, name).unlink(missing_ok=True)
    return process


def _wait_while(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while holds() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _has_members(group: int) -> bool:
    """Return whether any process of a group is running. A signal would also find processes that have ended but were
    not reaped."""
    return any(_group(process) == group for process in psutil.process_iter())


def _group(process: psutil.Process) -> int | None:
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    return None


def last_line(log: Path) -> str:
    """Return the last line of a log that is not blank."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it logged nothing"


def _record(state: Path, name: str) -> Path:
    return state / f"{name}.json"
