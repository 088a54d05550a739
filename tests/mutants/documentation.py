"""Mistakes in the documentation and in what is delivered."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A block of a page is not run although no comment says why",
        "tests/support/pages.py",
        'return self.notes.get("not run:", "")',
        'return self.notes.get("not run:", "unknown")',
        noticed_by="tests/unit/test_pages.py",
    ),
    Mutant(
        "A page names an option that no command has",
        "docs/webhooks.md",
        "promptreel webhooks secret --rotate ",
        "promptreel webhooks secret --renew ",
        noticed_by="tests/unit/test_pages.py::test_a_shell_block_parses_and_its_commands_exist",
    ),
    Mutant(
        "A page does not end with its limits",
        "docs/webhooks.md",
        "## Limits\n",
        "## More\n",
        noticed_by="tests/unit/test_pages.py::test_a_page_that_no_program_writes_follows_the_template",
    ),
    Mutant(
        "A page with many sections does not link to one of them",
        "docs/recipes.md",
        "[Slack](#slack)",
        "Slack",
        noticed_by="tests/unit/test_pages.py::test_a_page_that_no_program_writes_follows_the_template",
    ),
    Mutant(
        "The page of the API shows an answer that the API does not give",
        "functions/core/inputs/files.py",
        'return {"id": name, "reference": f"upload:{name}", "upload": upload}',
        'return {"id": name, "reference": f"upload:{name}", "upload": upload, "used": False}',
        noticed_by="tests/functions/test_api_examples.py",
    ),
    Mutant(
        "The wheel does not require a package that it needs",
        "pyproject.toml",
        '"requests>=2.32", ',
        "",
        noticed_by="tests/unit/client/test_wheel.py::test_the_wheel_runs_with_only_what_it_requires",
    ),
)
