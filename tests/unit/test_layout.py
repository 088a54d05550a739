"""Test modules import no other test, and the domain imports nothing above it and nothing in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import core

TESTS = Path(__file__).parents[1]
FUNCTIONS = Path(core.__file__).parents[1]


def imported(module: Path, root: Path = TESTS.parent) -> Iterator[str]:
    """Return the full names of all that a module imports, inside functions and for type checkers too."""
    package = module.relative_to(root).with_suffix("").parts
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join([*package[: -node.level], ""]) if node.level else ""
            yield from (f"{above}{node.module or ''}.{alias.name}" for alias in node.names)


def is_a_test(name: str) -> bool:
    return name.startswith(("test_", "conftest")) or (
        name.startswith("tests.") and not name.startswith(("tests.support.", "tests.torture.", "tests.mutants."))
    )


def test_no_test_imports_a_test() -> None:
    names = {(module.relative_to(TESTS), name) for module in TESTS.rglob("*.py") for name in imported(module)}
    assert any(name.startswith("tests.support.") for _, name in names), "the names are read"
    assert [f"{module}: {name}" for module, name in names if is_a_test(name)] == []


def test_the_domain_imports_nothing_above_it_and_nothing_in_a_circle() -> None:
    named = {module.relative_to(FUNCTIONS).with_suffix("").parts: module for module in FUNCTIONS.rglob("*.py")}
    modules = {".".join(parts).removesuffix(".__init__"): module for parts, module in named.items()}
    assert "core.records.claim" in modules, "the modules are found"
    imports = {
        name: {one if one in modules else one.rpartition(".")[0] for one in imported(module, FUNCTIONS)}
        & modules.keys()
        for name, module in modules.items()
        if name.startswith("core")
    }
    assert {one for found in imports.values() for one in found if not one.startswith("core")} == set()
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle
