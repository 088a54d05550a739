"""Find the last release and extract its source."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Upgrades are supported from 0.2.0 on. This commit, "Release 0.2.0", counts as the last release until there is a tag.
FIRST = "7b84957140b44b4ce5f7a079fdbd014b1b27bdf1"


def last_release() -> str:
    """Return the newest tag before the present commit, or `FIRST`.

    Fail if the history does not reach so far. Outside of CI, skip the test instead.
    """
    tags = _git("tag", "--list", "v*", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname")
    found = tags.decode().split("\n")[0] or FIRST
    if not _git("cat-file", "-t", f"{found}^{{commit}}"):
        problem = f"This checkout does not contain {found}. Run `git fetch --unshallow --tags` in a clone."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    return found


def extract(release: str, folder: Path) -> None:
    """Write the source of a release to a new folder, which uses the tools of this checkout."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", release))) as source:
        source.extractall(folder, filter="data")
    for tools in (".venv", "node_modules"):
        (folder / tools).symlink_to(ROOT / tools)


def _git(*arguments: str) -> bytes:
    """Return what git prints, or nothing if the command fails."""
    return subprocess.run(["/usr/bin/env", "git", "-C", str(ROOT), *arguments], capture_output=True, check=False).stdout
