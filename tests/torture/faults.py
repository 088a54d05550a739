"""Plan faults for one token. `hook/sitecustomize.py` applies them in the functions of the local cloud."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

HOOK = Path(__file__).parent / "hook"
What = Literal["kill", "thaw", "lost", "throttled", "failing", "twice", "run"]


@dataclass(frozen=True)
class Fault:
    """What happens to a function at a point that it passes.

    `kill` ends its process as the kernel would. `thaw` does the same, but the process continues after `seconds`, when
    nothing waits for it any more. `lost` loses the response of a completed call. `throttled` and `failing` are error
    responses of AWS instead of the call. `twice` invokes the function a second time concurrently. `run` runs a command,
    and then the function continues.
    """

    function: str
    at: str  # the name of a point for each time it is passed, or with a number, only that time in an invocation
    do: What
    times: int = 1
    seconds: float = 0
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A point that a function passed: `before` or `after` a call, and the ordinal of the call in this invocation."""

    function: str
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


@dataclass(frozen=True)
class Plans:
    """The folder with the plans that the functions of a local cloud read."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that the functions need."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {"TORTURE_PLANS": str(self.folder), "PYTHONPATH": str(HOOK)}

    def clear(self) -> None:
        """Delete all plans and all records of points and faults."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, token: str, faults: Sequence[Fault] = ()) -> None:
        """Plan these faults for the token. Without faults, only the points are recorded."""
        (self.folder / token).write_text(json.dumps([asdict(fault) for fault in faults]))

    def points(self, token: str) -> list[Point]:
        """Return the points passed with this token, in order, each once."""
        path = self.folder / f"{token}.points"
        lines = path.read_text().splitlines() if path.exists() else []
        found = dict.fromkeys(Point(*_split(line)) for line in lines)  # in order, each once
        return list(found)

    def struck(self, token: str) -> int:
        """Return how often a fault struck with this token."""
        return len(list(self.folder.glob(f"{token}.*.*")))


def _split(line: str) -> tuple[str, str, int]:
    function, _, point = line.partition("\t")
    name, _, number = point.rpartition(" ")
    return function, name, int(number)
