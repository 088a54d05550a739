"""Fetch the pinned commits of repositories into a folder that is kept for the next run."""

import subprocess
from pathlib import Path

from tests.compatibility.clients import Repository


def fetch(repository: Repository, folder: Path) -> Path:
    """Return a checkout of the pinned commit. Raise `CalledProcessError` if it cannot be fetched."""
    checkout = folder / repository.name
    checkout.mkdir(parents=True, exist_ok=True)
    if not (checkout / ".git").exists():
        _git(checkout, "init", "--quiet")
    if _git(checkout, "rev-parse", "--quiet", "--verify", "HEAD", check=False) != repository.commit:
        _git(checkout, "fetch", "--quiet", "--depth", "1", repository.url, repository.commit)
        _git(checkout, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    return checkout


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    command: list[str | Path] = ["git", "-C", folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=check)
    return done.stdout.strip()
