"""Build the bundle of the sandbox's function, which simulates the provider."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, add_bytecode, bundled, files_in, hash_of

SIMULATOR = "simulate_provider"  # the function's name
SOURCES = ROOT / "sandbox"
_SHARED = ("local/simulator", "functions/core/models/catalogue")


@dataclass(frozen=True)
class SandboxCode:
    """The code in sandbox/ with what it shares with the local cloud's simulator, for one version of Python."""

    python: str

    @property
    def key(self) -> str:
        """Return a hash that changes with any file and with the Python version."""
        return hash_of(self._files(), ROOT, self.python)

    def build(self) -> Path:
        """Return a directory with the layout that Lambda expects."""
        return bundled(self.key, self._fill)

    @staticmethod
    def _files() -> Iterator[Path]:
        yield from files_in(SOURCES)
        yield ROOT / "local" / "__init__.py"
        for folder in _SHARED:
            yield from files_in(ROOT / folder)

    def _fill(self, target: Path) -> None:
        for file in self._files():
            copy = target / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        (target / "sandbox" / f"{SIMULATOR}.py").rename(target / f"{SIMULATOR}.py")
        add_bytecode(target, self.python, "/var/task")
