"""Background processes that outlive the command that started them: start, find again, stop.

Each is recorded in `<state>/<name>.json` with its start time, so that a process that merely got the same id
later is neither taken for ours nor stopped.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from local.settings import LOOPBACK, LocalCloudError

PROC = Path("/proc")
LINUX = (PROC / "self/stat").exists()  # elsewhere ps tells
POLL_SECONDS = 0.05
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Process:
    """A process that leads a session, and so a process group, of its own; it listens on `port`."""

    name: str
    pid: int
    started: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def runs(self) -> bool:
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """When the process started, in the system's own unit and only to be compared; None if it does not run."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended would stay as a zombie
    if LINUX:
        fields = _proc_stat(pid)
        return fields[19] if fields else None
    ps = subprocess.run(  # noqa: S603 - a number is all that varies
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = ps.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def choose_port(setting: str, wanted: int | None) -> int:
    """The wanted port, or any free one; raises if `wanted` is taken, and names the `setting` to change."""
    with socket.socket() as probe:
        # A server that has just ended leaves its port waiting; the next one may bind it, so may the probe.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted or 0))
        except OSError as error:
            raise LocalCloudError(
                f"Port {wanted} is not free ({error.strerror}): set {setting} to another, or leave it out."
            ) from None
        port: int = probe.getsockname()[1]
        return port


def start(
    state: Path,
    name: str,
    command: Sequence[str | Path],
    *,
    port: int,
    env: Mapping[str, str],
    is_ready: Callable[[str], bool],
) -> Process:
    """Start `command` detached from the terminal, log to `<state>/<name>.log`; return when it is ready.

    `is_ready` is asked with the URL. Raises if the process ends, with the last line of its log, or is not ready
    in 60 seconds; it is stopped then.
    """
    log = state / f"{name}.log"
    argv = [str(part) for part in command]
    # Not subprocess: its Popen objects insist on being waited for.
    pid = os.posix_spawn(
        argv[0],
        argv,
        env,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    process = Process(name, pid, start_time(pid) or "", port)
    _record(state, name).write_text(json.dumps(asdict(process)))
    deadline = time.monotonic() + READY_SECONDS
    while process.runs():
        if is_ready(process.url):
            return process
        if time.monotonic() > deadline:
            stop(state, name)
            raise LocalCloudError(f"{name} did not get ready in {READY_SECONDS:.0f} s; its log is {log}.")
        time.sleep(POLL_SECONDS)
    _record(state, name).unlink(missing_ok=True)
    raise LocalCloudError(f"{name} ended as soon as it was started: {last_line(log)} (the log is {log}).")


def find(state: Path, name: str) -> Process | None:
    """The process `start` recorded under this name, if it still runs."""
    try:
        process = Process(**json.loads(_record(state, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.runs() else None


def stop(state: Path, name: str) -> Process | None:
    """Stop the recorded process with its whole group, wait for its end, and return it if it ran."""
    process = find(state, name)
    if process:
        os.killpg(process.pid, signal.SIGTERM)
        _wait_while(process.runs, STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):  # what is left of the group, if anything is
            os.killpg(process.pid, signal.SIGKILL)
        _wait_while(lambda: process.runs() or _has_members(process.pid), KILL_SECONDS)
    _record(state, name).unlink(missing_ok=True)
    return process


def _wait_while(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while holds() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _has_members(group: int) -> bool:
    """Whether anything of a process group still runs."""
    if LINUX:  # asking by signal would count those that ended and wait for process 1 to notice
        stats = (_proc_stat(int(path.name)) for path in PROC.glob("[0-9]*"))
        return any(fields and fields[2] == str(group) for fields in stats)
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _proc_stat(pid: int) -> list[str] | None:
    """What Linux says of a process, from its state on; None if it does not run. See proc_pid_stat(5)."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # before it comes the name, in parentheses, which may hold anything
    return None if fields[0] == "Z" else fields


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"


def _record(state: Path, name: str) -> Path:
    return state / f"{name}.json"
