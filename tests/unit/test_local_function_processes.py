"""How local/function_processes.py bounds the functions that run at once, and their processes."""

import contextvars
import shutil
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.function_processes import UnpackedOnce, end_idle, in_turn


@dataclass
class Worker:
    name: str
    last_used: float = 0.0
    in_use: bool = False


@dataclass
class Runtime:
    """Of ministack's module only what holds the processes."""

    _workers: dict[str, list[Worker]]
    _lock: Any = field(default_factory=threading.Lock)
    killed: list[str] = field(default_factory=list)

    def kill_workers(self, workers: list[Worker]) -> None:
        assert not self._lock.locked(), "ending one takes seconds, in which nobody could call a function"
        self.killed += [worker.name for worker in workers]


def test_no_more_run_at_once_than_there_are_turns_and_each_has_its_turn() -> None:
    running, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def execute(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait()
        with lock:
            running -= 1
        return number

    called = in_turn(execute, threading.Semaphore(3))
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(called, range(39))) == list(range(39))
    assert most == 3


def test_what_a_function_calls_and_waits_for_runs_in_its_turn() -> None:
    """Else functions that hold all turns would wait for ever for one more."""
    turns = threading.Semaphore(1)
    inner = in_turn(lambda: "done", turns)
    assert in_turn(inner, turns)() == "done"
    # The turn is over with the call: the next one in the same thread waits for one again.
    turns.acquire()
    waiting = threading.Thread(target=contextvars.copy_context().run, args=(inner,), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    turns.release()
    waiting.join()


def test_a_function_that_fails_gives_its_turn_back() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    called = in_turn(fails, threading.Semaphore(1))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            called()


def test_beyond_the_bound_the_processes_that_were_idle_for_longest_are_ended() -> None:
    old, new, busy = Worker("old", 1.0), Worker("new", 2.0), Worker("busy", 0.0, in_use=True)
    runtime = Runtime({"submit": [new, busy], "admit": [old]})
    assert end_idle(runtime, most=2) == 1
    assert runtime.killed == ["old"]
    assert runtime._workers == {"submit": [new, busy], "admit": []}
    assert end_idle(runtime, most=2) == 0


def test_every_process_that_has_been_idle_for_long_is_ended() -> None:
    """The first of each function, too, which ministack keeps for good."""
    now = time.time()
    runtime = Runtime({"submit": [Worker("old", now - 60), Worker("new", now)], "admit": [Worker("busy", 0, True)]})
    end_idle(runtime, longer_than=25)
    assert runtime.killed == ["old"]


def test_what_is_unpacked_once_is_given_to_all_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folders = []
    for number, text in enumerate(["same", "same", "other"]):
        file, folder = tmp_path / f"{number}.zip", tmp_path / f"{number}" / "code"
        with zipfile.ZipFile(file, "w") as writer:
            writer.writestr(zipfile.ZipInfo("code/handler.py"), text)
        folder.mkdir(parents=True)
        with UnpackedOnce(str(file)) as code:
            assert code.namelist() == ([] if number == 1 else ["code/handler.py"])
            code.extractall(str(folder))
        assert (folder / "code/handler.py").read_text() == text
        folders.append(folder.resolve())
    assert folders[0] == folders[1] != folders[2]
    shutil.rmtree(tmp_path / "1")  # as a process is ended
    assert (tmp_path / "0/code/code/handler.py").read_text() == "same"
