"""Mistakes that make the documentation say what is not so."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The picture of the state machine shows errors as caught that nobody catches",
        "docs/generate_statemachine.py",
        'if drawn.states[name]["Type"] == "Task" and not any(',
        "if not drawn.states and not any(",
        noticed_by="tests/unit/test_statemachine_picture.py::test_a_state_whose_errors_nobody_catches_stops_the_picture",
    ),
    Mutant(
        "Any branch and environment of a repository may deploy",
        "examples/github.yaml",
        "repo:${Repository}:environment:${Environment}",
        "repo:${Repository}:*",
        noticed_by="tests/infra/test_github.py::test_only_one_environment_of_one_repository_may_use_the_role",
    ),
    Mutant(
        "An address from pyproject.toml is put into the console's page as HTML",
        "infra/console.py",
        'content="{escape(address)}"',
        'content="{address}"',
        noticed_by="tests/functions/test_console.py::test_the_page_names_the_documentation_of_the_project",
    ),
)
