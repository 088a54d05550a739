"""The functions' third-party packages, from the lock file, for where they will run, without Docker."""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK_FILE = ROOT / "requirements" / "layer.txt"
CACHE = ROOT / "cdk.out" / "layers"

# Tests are dead weight; scripts, and the list that holds their hashes, differ between machines.
_UNUSED = (".lock", "bin", "**/tests", "*.dist-info/RECORD")
# botocore describes 400 services, which is two thirds of the layer: unpacked at every cold start, for these few.
_AWS_SERVICES = ("dynamodb", "events", "s3", "secretsmanager", "sns", "sqs", "stepfunctions", "sts")


class BundlingFailed(Exception):
    """The layer could not be built; `str()` is one sentence for the user, then what uv said."""


@dataclass(frozen=True)
class Layer:
    """Packages for one Python (as in "3.13") on one platform (uv's name; None is this machine's)."""

    python: str
    platform: str | None

    @property
    def key(self) -> str:
        """Names the contents: it changes with the lock file, the target and what is left out."""
        parts = (LOCK_FILE.read_text(), self.python, self.platform or sysconfig.get_platform())
        return hashlib.sha256("\n".join(parts + _UNUSED + _AWS_SERVICES).encode()).hexdigest()[:32]

    def build(self) -> Path:
        """A directory laid out as Lambda expects (python/<package>), built only if it is not there yet.

        It appears whole or not at all, so that an interrupted build is not mistaken for a finished one.
        """
        built = CACHE / self.key
        if built.exists():
            return built
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            partial = Path(scratch) / "layer"
            self._install(partial / "python")
            try:
                partial.rename(built)
            except OSError:
                if not built.exists():  # another deployment of this checkout was not faster, either
                    raise
        return built

    def _install(self, target: Path) -> None:
        uv = shutil.which("uv")
        if uv is None:
            raise BundlingFailed("The tool uv, which bundles the functions' packages, is missing: `make` installs it.")
        command = [uv, "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        command += ["--requirements", str(LOCK_FILE), "--target", str(target)]
        command += ["--python", sys.executable, "--python-version", self.python]
        if self.platform:
            command += ["--python-platform", self.platform]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all from this file
        if done.returncode:
            raise BundlingFailed(f"Bundling {LOCK_FILE.name} for Python {self.python} failed:\n{done.stderr.strip()}")
        services = (path for path in target.glob("botocore/data/*") if path.is_dir())
        unused = [path for path in services if path.name not in _AWS_SERVICES]
        unused += [path for pattern in _UNUSED for path in target.glob(pattern)]
        for path in unused:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._compile(uv, target)

    def _compile(self, uv: str, target: Path) -> None:
        """Lambda cannot keep bytecode beside a layer's files: without it every start would compile them, and take more
        than twice as long. Only a Python of the same version writes bytecode that it reads."""
        python = sys.executable
        if self.python != ".".join(map(str, sys.version_info[:2])):
            command = [uv, "python", "find", "--no-project", "--no-python-downloads", self.python]
            found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all from this file
            if found.returncode:
                raise BundlingFailed(
                    f"Python {self.python}, which compiles what the functions load at every start, was not found: "
                    f"install it (`uv python find {self.python}` has to find it), and deploy again."
                )
            python = found.stdout.strip()
        # Compiled under the name that it has on Lambda, and never compared with its source.
        command = [python, "-m", "compileall", "-qq", "-s", str(target), "-p", "/opt/python"]
        command += ["--invalidation-mode", "unchecked-hash", str(target)]
        subprocess.run(command, check=False)  # noqa: S603 - what no Python can compile, none imports
