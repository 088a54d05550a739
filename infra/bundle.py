"""Bundles: directories made at deployment that are uploaded as they are, with the bytecode that Lambda loads."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "cdk.out" / "bundles"


class BundlingFailed(Exception):
    """A bundle could not be made; `str()` is one sentence for the user, then what uv said."""


def files_in(directory: Path) -> Iterator[Path]:
    """All files of a directory, in order, but what Python leaves behind."""
    return (file for file in sorted(directory.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)


def hash_of(files: Iterable[Path], root: Path, made_for: str) -> str:
    """Names files' names and contents, and what they are used for."""
    digest = hashlib.sha256(made_for.encode())
    for file in files:
        digest.update(f"\0{file.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]


def bundled(key: str, fill: Callable[[Path], None]) -> Path:
    """The directory that `fill` makes, made only if the one of this key is not there yet.

    It appears whole or not at all, so that an interrupted build is not mistaken for a finished one.
    """
    built = CACHE / key
    if built.exists():
        return built
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        partial = Path(scratch) / "bundle"
        fill(partial)
        try:
            partial.rename(built)
        except OSError:
            if not built.exists():  # another deployment of this checkout was not faster, either
                raise
    return built


def uv() -> str:
    """Where uv is."""
    found = shutil.which("uv")
    if found is None:
        raise BundlingFailed("The tool uv, which bundles what the functions load, is missing: `make` installs it.")
    return found


def add_bytecode(target: Path, python: str, loaded_from: str) -> None:
    """Write the bytecode of all modules in a directory, for a Python (as in "3.13"), as it is `loaded_from` there.

    Lambda cannot keep bytecode beside what it unpacks: without it every start would compile all that it loads, and take
    more than twice as long. Only a Python of the same version writes bytecode that it reads.
    """
    program = sys.executable
    if python != ".".join(map(str, sys.version_info[:2])):
        command = [uv(), "python", "find", "--no-project", "--no-python-downloads", python]
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all from this file
        if found.returncode:
            raise BundlingFailed(
                f"Python {python}, which compiles what the functions load at every start, was not found: "
                f"install it (`uv python find {python}` has to find it), and deploy again."
            )
        program = found.stdout.strip()
    # Never compared with its source, whose time is another on Lambda.
    command = [program, "-m", "compileall", "-qq", "-s", str(target), "-p", loaded_from]
    command += ["--invalidation-mode", "unchecked-hash", str(target)]
    subprocess.run(command, check=False)  # noqa: S603 - what no Python can compile, none imports
