"""No test module imports another: shared code is in tests/support, tests/torture or tests/mutants."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported(module: Path) -> Iterator[str]:
    """The full names of all that a module imports, inside functions too."""
    package = module.relative_to(TESTS.parent).with_suffix("").parts
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
