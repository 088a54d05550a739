"""Execute the shipped state machine of a batch with the real handlers."""

import json
from typing import Any

import pytest

from core.batches import run
from core.generation import Failure
from core.workflow import Run
from tests.support.batch_machine import BatchMachine, StateFailed
from tests.support.functions import Doors
from tests.support.inputs import MODEL
from tests.support.revisions import KEY, Week, complete, records

MISSING = {"model": MODEL, "prompt": "it moves", "image_url": "upload:" + "0" * 32}


@pytest.fixture
def week(doors: Doors) -> Week:
    return Week(doors)


def drop(week: Week, *requests: dict[str, Any]) -> dict[str, Any]:
    """Drop a file of these requests and return the input of its execution."""
    body = "".join(json.dumps(one) + "\n" for one in requests)
    assert week.doors.take(week.doors.drop(KEY, body)) == []
    given: dict[str, Any] = week.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    return given


def completing(week: Week) -> BatchMachine:
    """Return a machine whose rows are completed at once."""

    def generate(execution: str, given: str) -> None:
        assert given == Run.of(execution).input
        complete(week.cloud, Run.of(execution).generation_id)

    return BatchMachine(week.cloud, generate)


def statuses(week: Week, given: dict[str, Any]) -> list[str]:
    return [row["status"] for row in week.report(given)]


def test_rows_run_and_others_are_rejected(week: Week) -> None:
    given = drop(week, {"prompt": "a"}, {"prompt": ""}, MISSING, {"prompt": "b"})
    machine = completing(week)
    assert (machine.run(given), machine.pauses) == ("", [])
    assert statuses(week, given) == ["completed", "error", "error", "completed"]
    latest = records().run(given["run"])
    assert (latest.is_complete, latest.rows, latest.rejected) == (True, 4, 2)


def test_a_file_whose_rows_were_all_rejected_is_reported(week: Week) -> None:
    given = drop(week, {"prompt": ""})
    machine = completing(week)
    assert (machine.run(given), machine.accepted) == ("", [])
    assert statuses(week, given) == ["error"]


def test_a_failed_row_does_not_stop_the_others(week: Week) -> None:
    given = drop(week, {"prompt": "a"}, {"prompt": "b"})

    def generate(execution: str, _: str) -> None:
        week.cloud.ledger.fail(Run.of(execution), Failure("RequestRefused", "no"))
        raise StateFailed("States.TaskFailed")

    machine = BatchMachine(week.cloud, generate)
    assert (machine.run(given), machine.pauses) == ("", [10, 10])
    assert statuses(week, given) == ["error", "error"]


def test_a_row_whose_workflow_was_started_by_someone_else_is_polled_until_it_ends(week: Week) -> None:
    given = drop(week, {"prompt": "a"})
    polls: list[str] = []

    def generate(execution: str, _: str) -> None:
        polls.append(execution)
        if len(polls) == 3:
            complete(week.cloud, Run.of(execution).generation_id)
        raise StateFailed("StepFunctions.ExecutionAlreadyExistsException")

    machine = BatchMachine(week.cloud, generate)
    assert (machine.run(given), len(machine.pauses)) == ("", 3)
    assert statuses(week, given) == ["completed"]


def test_a_run_that_stopped_ends_its_map_and_is_no_error_of_the_operator(
    week: Week, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that may not start costs an invocation, so most of them are not even tried."""
    monkeypatch.setattr(run, "MAX_REJECTED", 1)
    given = drop(week, {"prompt": "a"}, MISSING, *({"prompt": f"boat {number}"} for number in range(150)))
    machine = completing(week)
    assert machine.run(given) == ""
    assert [one["stopped"] for one in machine.accepted] == [False, False, *[True] * 101]
    assert statuses(week, given) == ["completed", "error", *["not started"] * 150]
    latest = records().run(given["run"])
    assert (latest.is_complete, bool(latest.ended_at)) == (False, True)


def test_a_batch_that_broke_off_is_a_failed_execution(week: Week) -> None:
    given = drop(week, {"prompt": "a"})
    machine = completing(week)
    records().hold_back(given["run"], "no money")
    assert machine.run({**given, "staged_rows": 0}) == "BatchIncomplete"
