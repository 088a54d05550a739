"""Test that generated documents are written, and that an outdated one fails the check."""

from pathlib import Path

import pytest

import generated


def test_documents_are_written_and_only_current_ones_pass_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    one, other = tmp_path / "one.md", tmp_path / "other.md"
    monkeypatch.setattr("sys.argv", ["generate_one.py", "--check"])
    with pytest.raises(SystemExit, match=r"^one\.md is out of date: run make docs\.$"):
        generated.write({one: "1", other: "2"})
    assert not one.exists()
    monkeypatch.setattr("sys.argv", ["generate_one.py"])
    generated.write({one: "1", other: "2"})
    monkeypatch.setattr("sys.argv", ["generate_one.py", "--check"])
    generated.write({one: "1", other: "2"})
    with pytest.raises(SystemExit, match=r"^other\.md is out of date: run make docs\.$"):
        generated.write({one: "1", other: "3"})
    assert (one.read_text("utf-8"), other.read_text("utf-8")) == ("1", "2")
