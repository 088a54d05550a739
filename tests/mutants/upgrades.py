"""Mistakes that break callers, or work in progress, when a release is deployed over another one."""

from tests.mutants.mutant import Mutant

CONTRACT = "tests/infra/test_released_contract.py::test_this_version_keeps_the_contract_of_the_last_release"

MUTANTS = (
    Mutant(
        "A field of an answer is renamed",
        "functions/core/api/contract/batches.py",
        '        "made_before": {\n            "type": ["integer", "null"],\n',
        '        "reused": {\n            "type": ["integer", "null"],\n',
        noticed_by=CONTRACT,
    ),
    Mutant(
        "A request needs a field that it did not need before",
        "functions/core/api/contract/batches.py",
        '        query("max_concurrency", {"type": "integer", "minimum": 1, "maximum": 10000}),\n',
        '        query("max_concurrency", {"type": "integer", "minimum": 1, "maximum": 10000}, required=True),\n',
        noticed_by=CONTRACT,
    ),
    Mutant(
        "A table is renamed, so a deployment replaces it by an empty one",
        "infra/money.py",
        'table(scope, "Money", stage',
        'table(scope, "Budgets", stage',
        noticed_by=CONTRACT,
    ),
    Mutant(
        "A part of a record with a field of a later release cannot be read",
        "functions/core/stored.py",
        "    return form(**{name: value for name, value in fields.items() if name in form.__annotations__})\n",
        "    return form(**fields)\n",
        noticed_by="tests/unit/test_stored.py::test_a_field_of_a_later_release_is_ignored",
    ),
)
