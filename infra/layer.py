"""Build the layers with the functions' third-party packages from their lock files, without Docker."""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, BundlingFailed, add_bytecode, bundled, uv

LOCK_FILE = ROOT / "requirements" / "layer.txt"
POSTER_LOCK_FILE = ROOT / "requirements" / "poster.txt"  # PyAV, for the function that makes posters

# Tests are never used. Scripts and the list with their hashes differ between machines.
_UNUSED = (".lock", "bin", "**/tests", "*.dist-info/RECORD")
# botocore's descriptions of 400 services would be two thirds of the layer. Only these services are used.
_AWS_SERVICES = ("dynamodb", "events", "s3", "secretsmanager", "sns", "sqs", "stepfunctions", "sts")


@dataclass(frozen=True)
class Layer:
    """Packages for one version of Python, such as "3.13", on one platform (uv's name, or None for this machine)."""

    python: str
    platform: str | None
    lock_file: Path = LOCK_FILE

    @property
    def key(self) -> str:
        """Return a hash that changes with the lock file, the target and the excluded files."""
        parts = (self.lock_file.read_text(), self.python, self.platform or sysconfig.get_platform())
        return hashlib.sha256("\n".join(parts + _UNUSED + _AWS_SERVICES).encode()).hexdigest()[:32]

    def build(self) -> Path:
        """Return a directory with the layout that Lambda expects (python/<package>)."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        packages = target / "python"
        self._install(packages)
        services = (path for path in packages.glob("botocore/data/*") if path.is_dir())
        unused = [path for path in services if path.name not in _AWS_SERVICES]
        unused += [path for pattern in _UNUSED for path in packages.glob(pattern)]
        for path in unused:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        add_bytecode(packages, self.python, "/opt/python")

    def _install(self, target: Path) -> None:
        command = [uv(), "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        command += ["--requirements", str(self.lock_file), "--target", str(target)]
        command += ["--python", sys.executable, "--python-version", self.python]
        if self.platform:
            command += ["--python-platform", self.platform]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all from this file
        if done.returncode:
            raise BundlingFailed(
                f"Bundling {self.lock_file.name} for Python {self.python} failed:\n{done.stderr.strip()}"
            )
