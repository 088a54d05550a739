"""Limit what each function imports at its start, because extra imports make every cold start slower."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import wiring

pytestmark = pytest.mark.xdist_group("imports")  # each function is imported once
FUNCTIONS = Path(wiring.__file__).parents[1]

# Every function: boto3 and Powertools' logger, each with its dependencies.
BASE = {"aws_lambda_powertools", "boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six"}
BASE |= {
    "typing_extensions",
    "urllib3",
    "logging",
    "metrics",
    "tracing",
    "shared",
    "warnings",
    "utilities.jmespath_utils",
}
SCHEMAS = {"core.models", "core.models.validation"}  # validates requests; jsonschema is imported with the first of them
SECRETS = {"utilities.parameters"}
PROVIDER = SECRETS | {"requests", "charset_normalizer", "idna"}

EVENTS = {"utilities.data_classes", "middleware_factory"}

BUDGET = {
    "admit": {"core.models"},  # for the inputs of a request: reads nothing at its start
    "submit": PROVIDER,
    "check_status": PROVIDER,
    "finalize": PROVIDER | {"core.models"},  # for the hosts of a model's videos: reads nothing at its start
    "record_failure": EVENTS,
    "api": SCHEMAS | SECRETS | EVENTS | {"event_handler"},
    "authorize": SECRETS | EVENTS,
    "console": set(),
    "ingest": SCHEMAS | EVENTS,
    "accept_row": SCHEMAS,
    "report_batch": set(),
    "sweep": PROVIDER,
    "look_up_submission": PROVIDER,
    "reconcile": PROVIDER,
    "make_poster": EVENTS,  # not PyAV, which only the process that draws imports
    "deliver_webhook": SECRETS | EVENTS | {"standardwebhooks"},
}
# Our own modules that not every function needs.
OWN_COSTLY = {"core.models", "core.models.validation", "core.api.contract.document"}
PROBE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules))))
"""


@cache
def imported(function: str) -> set[str]:
    """Return third-party packages by name, and Powertools' features by theirs, imported in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, function],
        env={"PYTHONPATH": str(FUNCTIONS), "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = [name.split(".") for name in json.loads(done.stdout)]
    own = {path.stem for path in FUNCTIONS.iterdir()}
    packages = {path[0] for path in modules} - sys.stdlib_module_names - own - {"cython_runtime"}
    packages |= {".".join(path) for path in modules} & OWN_COSTLY
    features = {path[1] for path in modules if path[0] == "aws_lambda_powertools" and len(path) > 1}
    features |= {
        ".".join(path[1:3]) for path in modules if path[:2] == ["aws_lambda_powertools", "utilities"] and len(path) > 2
    }
    features -= {"exceptions", "package_logger", "utilities", "utilities.typing"}
    return {name for name in packages if not name.startswith("_")} | features


def test_every_function_has_a_budget() -> None:
    assert {path.stem for path in FUNCTIONS.glob("*.py")} == BUDGET.keys(), "name its imports in BUDGET"


@pytest.mark.parametrize("function", BUDGET)
def test_a_function_imports_at_its_start_only_what_its_budget_names(function: str) -> None:
    assert imported(function) - BASE - BUDGET[function] == set()


@pytest.mark.parametrize("function", BUDGET)
def test_a_budget_contains_no_unneeded_import(function: str) -> None:
    assert BUDGET[function] - imported(function) == set()


def test_the_layers_name_every_package_that_a_function_imports() -> None:
    """Include late imports, which a start does not show, but not dependencies of other packages."""
    files = [FUNCTIONS.parent / "requirements" / name for name in ("layer.in", "poster.in")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    named = {line.partition("==")[0].replace("-", "_") for line in lines if not line.startswith("#")}
    own = {path.stem for path in FUNCTIONS.iterdir()} | set(sys.stdlib_module_names)
    found = {name for path in FUNCTIONS.rglob("*.py") for name in _imports(ast.parse(path.read_text()))}
    assert found - own == named


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield top-level packages, except those imported only for type checkers."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import(names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module)):
            yield module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)
