"""Build the bundle of the functions' own code, with its bytecode."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, add_bytecode, bundled, files_in, hash_of

FUNCTIONS = ROOT / "functions"


@dataclass(frozen=True)
class FunctionsCode:
    """The code in functions/ for one version of Python, such as "3.13"."""

    python: str

    @property
    def key(self) -> str:
        """Return a hash that changes with any file and with the Python version."""
        return hash_of(files_in(FUNCTIONS), FUNCTIONS, self.python)

    def build(self) -> Path:
        """Return a directory with the layout that Lambda expects: one module per function, and the shared packages."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        for file in files_in(FUNCTIONS):
            copy = target / file.relative_to(FUNCTIONS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        add_bytecode(target, self.python, "/var/task")
