"""Test the wheel as its users get it: in an empty environment, with nothing but what it says that it needs."""

import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [made] = folder.glob("*.whl")
    return made


class Environment:
    """A new virtual environment with the wheel, and with the packages of this one that it requires."""

    def __init__(self, folder: Path, wheel: Path, *extras: str) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        [self.packages] = folder.glob("lib/python*/site-packages")
        self.uv("pip", "install", "--offline", "--no-deps", str(wheel))
        [metadata] = self.packages.glob("promptreel-*.dist-info")
        for package in {one.name: one for one in _required(Distribution.at(metadata), extras)}.values():
            for top in {file.parts[0] for file in package.files or () if file.parts[0] != ".."}:
                (self.packages / top).symlink_to(Path(str(package.locate_file(top))))

    def uv(self, *arguments: str) -> None:
        environment = {**os.environ, "VIRTUAL_ENV": str(self.folder)}
        subprocess.run(["/usr/bin/env", "uv", "--quiet", *arguments], env=environment, check=True, capture_output=True)

    def run(self, program: str, *arguments: str, code: int = 0) -> str:
        """Run a program of the environment, which finds no other package, and return what it prints."""
        ran = subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.folder,
            env={"PATH": os.defpath, "HOME": str(self.folder), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


def _required(package: Distribution, extras: tuple[str, ...] = ()) -> Iterator[Distribution]:
    """Yield the installed packages that a package requires, directly or indirectly."""
    for text in package.requires or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found = distribution(needed.name)
            assert needed.specifier.contains(found.version), f"{text}, but this environment has {found.version}"
            yield found
            yield from _required(found, tuple(needed.extras))


def test_the_wheel_runs_with_only_what_it_requires(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv", wheel)
    assert environment.run("promptreel", "--version").split()[-1] == VERSION
    assert "create" in environment.run("promptreel", "--help")
    assert "PROMPTREEL_URL" in environment.run("promptreel", "list", code=3)
    assert "operator" in environment.run("promptreel", "keys", "list", code=3), "the extra to install"
    listed = {path.name for path in environment.packages.iterdir() if path.name.startswith("promptreel")}
    assert listed == {"promptreel", f"promptreel-{VERSION}.dist-info"}
    assert (environment.packages / "promptreel" / "py.typed").exists()
    environment.run("python", "-c", "from promptreel import AsyncClient, Client; Client('https://x.example', 'pr_1')")


def test_operators_get_the_code_of_the_functions_with_the_wheel(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv", wheel, "operator")
    load = "import promptreel.operator.keys as k, promptreel.operator.rescue, core; print(k.__file__, core.__path__[0])"
    assert environment.run("python", "-c", load).count(str(environment.folder)) == 2
