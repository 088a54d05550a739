"""Test that the state machine, the error classes and the tree in their docstring match."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

import promptreel.errors
from core import errors
from core.errors import names
from promptreel.commands import app

ROOT = Path(__file__).parents[2]
ASL = json.loads((ROOT / "statemachine" / "video_generation.asl.json").read_text("utf-8"))
TASKS = {name: state for name, state in ASL["States"].items() if state["Type"] == "Task"}
# Raised deliberately by a state. RecordFailure sets the others, and the handlers catch GenerationEnded.
RAISED = names().keys() - {
    "Cancelled",
    "GenerationEnded",
    "WorkflowStopped",
    "InternalError",
    "InvalidRequest",
    "InvalidFile",
    "IdempotencyConflict",
    "TooManyRejectedRows",
    "ChoiceRequired",
}


def matched(state: dict[str, Any]) -> list[str]:
    clauses = [*state.get("Retry", []), *state.get("Catch", [])]
    return [name for clause in clauses for name in clause["ErrorEquals"]]


def test_every_name_matched_is_a_class_and_every_class_raised_is_matched() -> None:
    ours = {name for state in TASKS.values() for name in matched(state) if not name.startswith(("States.", "Lambda."))}
    assert RAISED - ours == set(), "name it in a Retry of the state that raises it, or leave it out of RAISED"
    assert ours - RAISED == {"Contention"}


@pytest.mark.parametrize("definition", ["video_generation", "prompt_batch"])
def test_every_state_retries_contention_for_hours(definition: str) -> None:
    """A crowd that lasts must not fail a job or leave out a row of a batch."""
    text = (ROOT / "statemachine" / f"{definition}.asl.json").read_text("utf-8")
    states = json.loads(text)["States"]
    rows = states.get("RunRows", {}).get("ItemProcessor", {}).get("States", {})
    invoking = {name: one for name, one in {**states, **rows}.items() if "lambda:invoke" in one.get("Resource", "")}
    for name, state in invoking.items():
        [attempts] = [clause["MaxAttempts"] for clause in state["Retry"] if "Contention" in clause["ErrorEquals"]]
        assert attempts == 600, name
    assert len(invoking) == text.count("lambda:invoke")


@pytest.mark.parametrize("name", sorted(TASKS.keys() - {"RecordFailure"}))
def test_every_state_that_may_fail_leads_to_record_failure(name: str) -> None:
    last = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "RecordFailure"}
    looked_up = {"ErrorEquals": ["SubmissionUnknown"], "ResultPath": "$.error", "Next": "LookUpSubmission"}
    assert TASKS[name]["Catch"] == ([looked_up, last] if name == "Submit" else [last])


@pytest.mark.parametrize("name", TASKS)
def test_the_catch_all_retry_is_the_last_so_that_each_error_keeps_its_policy(name: str) -> None:
    assert [clause["ErrorEquals"] == ["States.ALL"] for clause in TASKS[name]["Retry"]][-1:] == [True]
    assert sum("States.ALL" in clause["ErrorEquals"] for clause in TASKS[name]["Retry"]) == 1


def test_no_error_after_which_the_provider_may_have_accepted_is_retried() -> None:
    policy = {name: c for c in TASKS["Submit"]["Retry"] for name in c["ErrorEquals"]}
    assert policy["SubmissionUnknown"]["MaxAttempts"] == 0


def test_a_failed_job_is_a_failed_execution() -> None:
    """Except one that its owner cancelled."""
    is_expected = ASL["States"][TASKS["RecordFailure"]["Next"]]
    assert ASL["States"][is_expected["Default"]]["Type"] == "Fail"
    assert {choice["StringEquals"] for choice in is_expected["Choices"]} == {"Cancelled"}


def drawn(tree: str) -> dict[str, str]:
    """Return the tree of a module's docstring: each class and its parent."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in tree.splitlines():
        found = re.match(r"^(?P<indent>[│├└─ ]*)(?P<name>[A-Z]\w+Error|[A-Z]\w+)(?: {2,}|$)", line)
        if found is None:
            continue
        depth = len(found["indent"])
        path = [(d, n) for d, n in path if d < depth]
        if path:
            parents[found["name"]] = path[-1][1]
        path.append((depth, found["name"]))
    return parents


def written(base: type[Exception]) -> dict[str, str]:
    """Return the classes below `base`, each with its nearest public base class."""
    found: dict[str, str] = {}
    for leaf in base.__subclasses__():
        below = written(leaf)
        if leaf.__name__.startswith("_"):
            found |= {name: base.__name__ if above == leaf.__name__ else above for name, above in below.items()}
        else:
            found |= {leaf.__name__: base.__name__, **below}
    return found


@pytest.mark.parametrize("module", [errors, promptreel.errors], ids=["core", "client"])
def test_the_tree_in_the_docstring_is_the_tree_of_the_classes(module: Any) -> None:
    assert drawn(module.__doc__) == written(module.PromptreelError), f"draw it in the docstring of {module.__file__}"


def test_every_error_of_a_generation_is_one_that_it_can_end_with() -> None:
    """An error that names() leaves out is recorded as InternalError, without its message."""
    assert written(errors.GenerationError).keys() <= names().keys(), "derive it directly from GenerationError"


REMEDIES = {name: getattr(errors, name).remedy for name in written(errors.PromptreelError).keys() - {"GenerationError"}}


@pytest.mark.parametrize("name", sorted(REMEDIES))
def test_every_error_has_a_remedy(name: str) -> None:
    assert re.fullmatch(r"[A-Z].+\.", REMEDIES[name]), "sentences"
    assert "{" not in REMEDIES[name].replace("{id}", "")
    assert name in errors.names() or "{id}" not in REMEDIES[name], "nothing inserts an id there"


def test_remedies_name_the_generation() -> None:
    assert str(errors.remedy("SubmissionUnknown", "4d1c")).count("4d1c") == 2
    assert errors.remedy("AnErrorOfAnOlderVersion", "4d1c") is None


def test_remedies_name_existing_commands() -> None:
    group = typer.main.get_command(app)
    commands = re.findall("`promptreel ([a-z]+)", " ".join(REMEDIES.values()))
    assert len(commands) > 10
    for command in commands:
        assert command in group.commands  # type: ignore[attr-defined]  # a group has them
