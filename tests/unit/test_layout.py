"""No test imports another test. The domain imports nothing above it, and neither modules nor folders in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import core

TESTS = Path(__file__).parents[1]
FUNCTIONS = Path(core.__file__).parents[1]


def imported(module: Path, root: Path = TESTS.parent) -> Iterator[str]:
    """Return the full names of all imports of a module, including those in functions and for type checkers."""
    package = module.relative_to(root).with_suffix("").parts
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join([*package[: -node.level], ""]) if node.level else ""
            yield from (f"{above}{node.module or ''}.{alias.name}" for alias in node.names)


def is_a_test(name: str) -> bool:
    return name.startswith(("test_", "conftest")) or (
        name.startswith("tests.")
        and not name.startswith(("tests.support.", "tests.compatibility.", "tests.torture.", "tests.mutants."))
    )


def test_no_test_imports_a_test() -> None:
    names = {(module.relative_to(TESTS), name) for module in TESTS.rglob("*.py") for name in imported(module)}
    assert any(name.startswith("tests.support.") for _, name in names), "the names are read"
    assert [f"{module}: {name}" for module, name in names if is_a_test(name)] == []


def imports_of_core() -> dict[str, set[str]]:
    """Return the modules of functions/ that each module of core imports."""
    named = {module.relative_to(FUNCTIONS).with_suffix("").parts: module for module in FUNCTIONS.rglob("*.py")}
    modules = {".".join(parts).removesuffix(".__init__"): module for parts, module in named.items()}
    assert "core.records.claim" in modules, "the modules are found"
    return {
        name: {one if one in modules else one.rpartition(".")[0] for one in imported(module, FUNCTIONS)}
        & modules.keys()
        for name, module in modules.items()
        if name.startswith("core")
    }


def test_the_domain_imports_nothing_above_it_and_nothing_in_a_circle() -> None:
    imports = imports_of_core()
    assert {one for found in imports.values() for one in found if not one.startswith("core")} == set()
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_the_description_of_the_domain_names_each_part() -> None:
    parts = {path.name if path.is_dir() else path.stem for path in Path(core.__file__).parent.iterdir()}
    assert [part for part in sorted(parts) if not part.startswith("__") and part not in (core.__doc__ or "")] == []


def test_the_folders_of_the_domain_import_each_other_in_one_direction() -> None:
    folders: dict[str, set[str]] = {}
    for name, found in imports_of_core().items():
        folder = folder_of(name)
        folders.setdefault(folder, set()).update({folder_of(one) for one in found} - {folder})
    assert "core.inputs" in folders["core.intake"], "the folders are found"
    TopologicalSorter(folders).prepare()  # raises CycleError, which names the circle


def folder_of(module: str) -> str:
    """Return the folder or the file of core that holds a module."""
    return ".".join(module.split(".")[:2])
