"""Build the directories that are uploaded to Lambda at deployment, with their bytecode."""

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
    """A bundle could not be built. `str()` is one sentence for the user, followed by uv's output."""


def files_in(directory: Path) -> Iterator[Path]:
    """Return all files of a directory in order, without Python's caches."""
    return (file for file in sorted(directory.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)


def hash_of(files: Iterable[Path], root: Path, made_for: str) -> str:
    """Return a hash of the files' names and contents and of their purpose."""
    digest = hashlib.sha256(made_for.encode())
    for file in files:
        digest.update(f"\0{file.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]


def bundled(key: str, fill: Callable[[Path], None]) -> Path:
    """Return the directory that `fill` creates, and call it only if no directory with this key exists.

    The directory appears only when it is complete, so an interrupted build cannot be mistaken for a finished one.
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
            if not built.exists():  # no other deployment of this checkout has built it since
                raise
    return built


def uv() -> str:
    """Return the path of uv. Raise BundlingFailed if it is missing."""
    found = shutil.which("uv")
    if found is None:
        raise BundlingFailed("The tool uv, which installs packages, is missing. Run `make` to install it.")
    return found


def python_for(version: str) -> str:
    """Return the path of a Python of this version, such as "3.13". Raise BundlingFailed if it is not installed."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    command = [uv(), "python", "find", "--no-project", "--no-python-downloads", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all from this file
    if found.returncode:
        raise BundlingFailed(
            f"Python {version}, which compiles the functions' modules, is not installed: run "
            f"`.venv/bin/uv python install {version}`, then deploy again."
        )
    return found.stdout.strip()


def add_bytecode(target: Path, python: str, loaded_from: str) -> None:
    """Write the bytecode of all modules in a directory for a version of Python, such as "3.13".

    `loaded_from` is the directory on Lambda.

    Lambda cannot write bytecode next to the unpacked modules. Without it, every cold start would compile all modules
    and take more than twice as long. The bytecode must be written by the same version of Python. Raise BundlingFailed
    if that version is not installed.
    """
    # Unchecked, because the files have other modification times on Lambda.
    command = [python_for(python), "-m", "compileall", "-qq", "-j", "0", "-s", str(target), "-p", loaded_from]
    command += ["--invalidation-mode", "unchecked-hash", str(target)]
    subprocess.run(command, check=False)  # noqa: S603 - a module that does not compile is never imported
