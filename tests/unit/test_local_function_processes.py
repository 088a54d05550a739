"""Test how local/function_processes.py limits concurrent functions and their processes."""

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
    """The part of ministack's module that contains the processes."""

    _workers: dict[str, list[Worker]]
    _lock: Any = field(default_factory=threading.Lock)
    killed: list[str] = field(default_factory=list)

    def kill_workers(self, workers: list[Worker]) -> None:
        assert not self._lock.locked(), "ending one takes seconds, during which no function could be called"
        self.killed += [worker.name for worker in workers]


def test_no_more_functions_run_than_allowed_and_all_get_to_run() -> None:
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


def test_a_call_that_has_a_turn_does_not_wait_for_another_one() -> None:
    """Each call of a workflow runs through both limits."""
    turns = threading.Semaphore(1)
    inner = in_turn(lambda: "done", turns)
    assert in_turn(inner, turns)() == "done"
    # The turn ends with the call: the next call in the same thread waits again.
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


def test_above_the_limit_the_longest_idle_processes_are_ended() -> None:
    old, new, busy = Worker("old", 1.0), Worker("new", 2.0), Worker("busy", 0.0, in_use=True)
    runtime = Runtime({"submit": [new, busy], "admit": [old]})
    assert end_idle(runtime, most=2) == 1
    assert runtime.killed == ["old"]
    assert runtime._workers == {"submit": [new, busy], "admit": []}
    assert end_idle(runtime, most=2) == 0


def test_every_process_that_has_been_idle_for_long_is_ended() -> None:
    """This includes the first process of each function, which ministack keeps forever."""
    now = time.time()
    runtime = Runtime({"submit": [Worker("old", now - 60), Worker("new", now)], "admit": [Worker("busy", 0, True)]})
    end_idle(runtime, longer_than=25)
    assert runtime.killed == ["old"]


def test_code_is_unpacked_once_and_linked_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    shutil.rmtree(tmp_path / "1")  # what happens when a process is ended
    assert (tmp_path / "0/code/code/handler.py").read_text() == "same"
