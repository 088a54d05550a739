"""The functions' own code, with its bytecode."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, add_bytecode, bundled

FUNCTIONS = ROOT / "functions"


@dataclass(frozen=True)
class FunctionsCode:
    """What is in functions/, for one Python (as in "3.13")."""

    python: str

    @property
    def key(self) -> str:
        """Names the contents: it changes with any file and the Python."""
        digest = hashlib.sha256(self.python.encode())
        for file in _files():
            digest.update(f"\0{file.relative_to(FUNCTIONS)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:32]

    def build(self) -> Path:
        """A directory laid out as Lambda expects: a module for each function, and what they share."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        for file in _files():
            copy = target / file.relative_to(FUNCTIONS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        add_bytecode(target, self.python, "/var/task")


def _files() -> Iterator[Path]:
    return (file for file in sorted(FUNCTIONS.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)
