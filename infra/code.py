"""The functions' own code, with its bytecode."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, add_bytecode, bundled, files_in, hash_of

FUNCTIONS = ROOT / "functions"


@dataclass(frozen=True)
class FunctionsCode:
    """What is in functions/, for one Python (as in "3.13")."""

    python: str

    @property
    def key(self) -> str:
        """Names the contents: it changes with any file and the Python."""
        return hash_of(files_in(FUNCTIONS), FUNCTIONS, self.python)

    def build(self) -> Path:
        """A directory laid out as Lambda expects: a module for each function, and what they share."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        for file in files_in(FUNCTIONS):
            copy = target / file.relative_to(FUNCTIONS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        add_bytecode(target, self.python, "/var/task")
