"""Faults, planned for one token and struck by `hook/sitecustomize.py` in the functions of the local cloud."""

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

    `kill` ends its process as the kernel would. `thaw` does, too, and goes on after so many `seconds` where nobody
    waits for it any more. `lost` loses the answer of a call that was made. `throttled` and `failing` are AWS's answers
    instead of the call. `twice` invokes the function once more at the same time. `run` runs a command, and then the
    function goes on.
    """

    function: str
    at: str  # the name of a point, each time it is passed; or with a number, that time in an invocation of the function
    do: What
    times: int = 1
    seconds: float = 0
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A point that a function passed: `before` or `after` a call, and the how manieth such call of this invocation."""

    function: str
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


@dataclass(frozen=True)
class Plans:
    """The folder of plans that the functions of a local cloud look into."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the functions have to see."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {"TORTURE_PLANS": str(self.folder), "PYTHONPATH": str(HOOK)}

    def clear(self) -> None:
        """Forget all that was planned, passed and struck."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, token: str, faults: Sequence[Fault] = ()) -> None:
        """Strike these where the token is; with none, only the points are noted."""
        (self.folder / token).write_text(json.dumps([asdict(fault) for fault in faults]))

    def points(self, token: str) -> list[Point]:
        """What was passed where the token was, in order, each once."""
        path = self.folder / f"{token}.points"
        lines = path.read_text().splitlines() if path.exists() else []
        found = dict.fromkeys(Point(*_split(line)) for line in lines)  # in order, each once
        return list(found)

    def struck(self, token: str) -> int:
        """How often a fault struck where the token was."""
        return len(list(self.folder.glob(f"{token}.*.*")))


def _split(line: str) -> tuple[str, str, int]:
    function, _, point = line.partition("\t")
    name, _, number = point.rpartition(" ")
    return function, name, int(number)
