"""The layer is built whole, once, or not at all. (That it works is what the deployed tests show.)"""

import sys
from pathlib import Path

import pytest

from infra import layer
from infra.layer import BundlingFailed, Layer

LOCAL = Layer("3.13", None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layer, "CACHE", tmp_path / "layers")
    return tmp_path / "layers"


def test_a_layer_is_named_after_the_lock_file_and_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {LOCAL.key, Layer("3.12", None).key, Layer("3.13", "aarch64-manylinux2014").key}
    assert Layer("3.13", None).key in names
    changed = tmp_path / "layer.txt"
    changed.write_text(layer.LOCK_FILE.read_text() + "# changed\n")
    monkeypatch.setattr(layer, "LOCK_FILE", changed)
    assert len(names | {LOCAL.key}) == 4


def test_a_layer_that_is_there_is_not_built_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no uv to be found, building would fail."""
    monkeypatch.setenv("PATH", "")
    (cache / LOCAL.key).mkdir(parents=True)
    assert LOCAL.build() == cache / LOCAL.key


def test_a_missing_uv_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BundlingFailed, match=r"^The tool uv, .* is missing: `make` installs it\.$"):
        LOCAL.build()


def test_a_failed_build_leaves_nothing_that_looks_like_a_layer(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What uv says about it is passed on. Here: a requirement without a hash."""
    unlocked = tmp_path / "layer.txt"
    unlocked.write_text("requests==2.34.2\n")
    monkeypatch.setattr(layer, "LOCK_FILE", unlocked)
    with pytest.raises(BundlingFailed, match="hash"):
        LOCAL.build()
    assert list(cache.iterdir()) == []


def test_of_two_deployments_at_once_the_slower_one_takes_the_others_layer(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install_while_another_one_does(_: Layer, target: Path) -> None:
        for built in (target, cache / LOCAL.key / "python"):
            built.mkdir(parents=True)
            (built / "package.py").touch()

    monkeypatch.setattr(Layer, "_install", install_while_another_one_does)
    assert (LOCAL.build() / "python" / "package.py").exists()
    assert list(cache.iterdir()) == [cache / LOCAL.key]


def test_a_layer_of_another_python_is_compiled_by_that_python(tmp_path: Path) -> None:
    """The Python that deploys may be any: the one that the functions run on compiles. Without one, nothing is built."""
    module = tmp_path / "package" / "module.py"
    module.parent.mkdir()
    module.write_text("ANSWER = 42\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho {sys.executable}\n')
    uv.chmod(0o755)
    Layer("2.7", None)._compile(str(uv), tmp_path)
    assert "python find" in (tmp_path / "asked").read_text()
    (compiled,) = (module.parent / "__pycache__").iterdir()
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01, "it is not compared with the source, whose time is another on Lambda"
    assert b"/opt/python/package/module.py" in compiled.read_bytes()
    uv.write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(BundlingFailed, match=r"^Python 2\.7, .* was not found: install it .* deploy again\.$"):
        Layer("2.7", None)._compile(str(uv), tmp_path)
