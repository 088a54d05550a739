"""Test that bundles are built completely, once, or not at all, and with bytecode.

The deployed tests show that they work.
"""

import sys
from pathlib import Path

import pytest

from infra import bundle, code, layer
from infra.bundle import BundlingFailed, add_bytecode
from infra.code import FunctionsCode
from infra.layer import Layer

THIS_PYTHON = ".".join(map(str, sys.version_info[:2]))
LAYER = Layer("3.13", None)
CHECKED = 0b10  # the flag for bytecode that is validated against its source


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundle, "CACHE", tmp_path / "bundles")
    return tmp_path / "bundles"


def test_a_layer_is_named_after_the_lock_file_and_the_target(tmp_path: Path) -> None:
    names = {LAYER.key, Layer("3.12", None).key, Layer("3.13", "aarch64-manylinux2014").key}
    assert Layer("3.13", None).key in names
    changed = tmp_path / "layer.txt"
    changed.write_text(layer.LOCK_FILE.read_text() + "# changed\n")
    assert len(names | {Layer("3.13", None, changed).key, Layer("3.13", None, layer.POSTER_LOCK_FILE).key}) == 5


def test_an_existing_layer_is_not_built_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv is not available, so a build would fail."""
    monkeypatch.setenv("PATH", "")
    (cache / LAYER.key).mkdir(parents=True)
    assert LAYER.build() == cache / LAYER.key


def test_a_missing_uv_is_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BundlingFailed, match=r"^The tool uv, .* is missing\. Run `make` to install it\.$"):
        LAYER.build()


def test_a_failed_build_leaves_nothing_that_looks_like_a_layer(cache: Path, tmp_path: Path) -> None:
    """uv's message is passed on. Here the requirement has no hash."""
    unlocked = tmp_path / "layer.txt"
    unlocked.write_text("certifi==2026.10.18\n")
    with pytest.raises(BundlingFailed, match="hash"):
        Layer("3.13", None, unlocked).build()
    assert list(cache.iterdir()) == []


def test_the_slower_of_two_concurrent_deployments_uses_the_others_layer(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_while_another_one_does(_: Layer, target: Path) -> None:
        for built in (target / "python", cache / LAYER.key / "python"):
            built.mkdir(parents=True)
            (built / "package.py").touch()

    monkeypatch.setattr(Layer, "_fill", fill_while_another_one_does)
    assert (LAYER.build() / "python" / "package.py").exists()
    assert list(cache.iterdir()) == [cache / LAYER.key]


def test_bytecode_is_compiled_by_the_python_that_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any Python may deploy, but the version that the functions use compiles.

    Without that version, nothing is built.
    """
    module = tmp_path / "package" / "module.py"
    module.parent.mkdir()
    module.write_text("ANSWER = 42\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho {sys.executable}\n')
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    add_bytecode(tmp_path, "2.7", "/opt/python")
    assert "python find" in (tmp_path / "asked").read_text()
    (compiled,) = (module.parent / "__pycache__").iterdir()
    assert not _flags(compiled) & CHECKED, "it is not validated against the source, whose time differs on Lambda"
    assert b"/opt/python/package/module.py" in compiled.read_bytes()
    uv.write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(BundlingFailed, match=r"^Python 2\.7, .* is not installed: run `.* deploy again\.$"):
        add_bytecode(tmp_path, "2.7", "/opt/python")


def test_every_module_of_the_functions_has_its_bytecode() -> None:
    built = FunctionsCode(THIS_PYTHON).build()
    modules = {path.relative_to(built) for path in built.rglob("*.py")}
    assert modules == {path.relative_to(code.FUNCTIONS) for path in code.FUNCTIONS.rglob("*.py")}
    compiled = [path for path in built.rglob("*.pyc") if not _flags(path) & CHECKED]
    assert len(compiled) == len(modules)


def test_the_functions_code_is_named_after_its_whole_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode left by another run of Python is not included."""
    monkeypatch.setattr(code, "FUNCTIONS", tmp_path)
    (tmp_path / "core").mkdir()
    data = tmp_path / "core" / "data.json"
    data.write_text("1")
    names = {FunctionsCode("3.13").key, FunctionsCode("3.12").key}
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "left.pyc").touch()
    assert FunctionsCode("3.13").key in names
    data.write_text("2")
    names.add(FunctionsCode("3.13").key)
    data.rename(tmp_path / "data.json")
    assert len(names | {FunctionsCode("3.13").key}) == 4


def _flags(compiled: Path) -> int:
    return int.from_bytes(compiled.read_bytes()[4:8], "little")
