"""The last release is the newest tag before the present commit, and its source is the one of its commit."""

import subprocess
from pathlib import Path

import pytest

from tests.support import released


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with one commit, which is the first from which upgrades are supported."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr(released, "ROOT", root)
    git(root, "init", "--quiet")
    monkeypatch.setattr(released, "FIRST", commit(root, "first"))
    return root


def git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["/usr/bin/env", "git", "-C", str(root), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(root: Path, content: str, tag: str | None = None) -> str:
    (root / "file").write_text(content)
    git(root, "add", "file")
    git(root, "commit", "--quiet", "--message", content)
    if tag:
        git(root, "tag", tag)
    return git(root, "rev-parse", "HEAD")


def test_without_a_tag_it_is_the_first_commit(project: Path) -> None:
    commit(project, "second")
    assert released.last_release() == released.FIRST


def test_it_is_the_newest_tag_before_the_present_commit(project: Path) -> None:
    commit(project, "second", "v0.9.0")
    commit(project, "third", "v0.10.0")
    commit(project, "fourth", "v0.11.0")
    assert released.last_release() == "v0.10.0", "a release is compared with the one before"
    commit(project, "fifth")
    assert released.last_release() == "v0.11.0"


def test_its_source_is_extracted_with_the_tools_of_this_checkout(project: Path, tmp_path: Path) -> None:
    commit(project, "second")
    released.extract(released.FIRST, tmp_path / "source")
    assert (tmp_path / "source" / "file").read_text() == "first"
    assert (tmp_path / "source" / ".venv").readlink() == project / ".venv"


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_shallow_clone_fails_in_ci_and_is_skipped_elsewhere(
    project: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    commit(project, "second")
    monkeypatch.setattr(released, "FIRST", "0" * 40)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="git fetch --unshallow --tags"):
        released.last_release()
