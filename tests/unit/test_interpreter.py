"""Run the shipped definition of a job in an interpreter of the Amazon States Language that others wrote.

The functions' answers have the form that tests/functions/test_states.py checks with the functions themselves.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.states import MACHINE

SCRIPT = Path(__file__).parents[1] / "support" / "interpreter.mjs"
ID = "0" * 32
SENT = {"generation_id": ID, "status": "generating", "wait_seconds": 20, "pending_seconds": 0}
PENDING = SENT | {"pending_seconds": 21, "wait_seconds": 3}
HELD_BACK, QUEUED = SENT | {"status": "held_back"}, SENT | {"status": "queued"}
MADE, ENDED = SENT | {"status": "archiving"}, SENT | {"status": "ended"}
UNSENT, UNKNOWN = SENT | {"status": "unsent"}, SENT | {"status": "unknown"}
DONE = {"generation_id": ID, "status": "completed"}
FAILED = {"generation_id": ID, "status": "error", "error": {"name": "VideoForbidden", "message": "no"}}
CANCELLED = {"generation_id": ID, "status": "error", "error": {"name": "Cancelled", "message": "no"}}


def error(name: str) -> dict[str, str]:
    return {"raises": name}


def run(**answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a job whose functions give these answers, and all others those of a job without problems."""
    usual = {"Admit": [{}], "Submit": [SENT], "CheckStatus": [MADE], "Finalize": [DONE], "RecordFailure": [FAILED]}
    given = {
        "definition": json.loads(MACHINE.read_text("utf-8")),
        "input": {"generation_id": ID},
        "answers": usual | answers,
    }
    node = shutil.which("node") or "node"
    command = [node, str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60)
    ended: dict[str, Any] = json.loads(done.stdout)
    return ended


HAPPY = ["Admit", "Submit", "IsSubmitted?", "Wait", "CheckStatus", "IsFinished?", "Finalize"]
LOOK_UP = ["LookUpSubmission", "IsFound?"]
POLL = ["Wait", "CheckStatus", "IsFinished?"]


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        pytest.param({}, HAPPY, id="without problems"),
        pytest.param({"CheckStatus": [PENDING, PENDING, MADE]}, [*HAPPY[:3], *POLL * 3, "Finalize"], id="pending"),
        pytest.param(
            {"Submit": [error("SubmissionUnknown")], "LookUpSubmission": [UNKNOWN, SENT]},
            [
                "Admit",
                "Submit",
                "LookUpSubmission",
                "IsFound?",
                "WaitToLookUp",
                "LookUpSubmission",
                "IsFound?",
                *HAPPY[3:],
            ],
            id="unknown, then found",
        ),
        pytest.param(
            {"Submit": [error("SubmissionUnknown"), SENT], "LookUpSubmission": [UNSENT]},
            ["Admit", "Submit", *LOOK_UP, *HAPPY[1:]],
            id="unknown, then sent",
        ),
        pytest.param(
            {"Submit": [QUEUED, SENT], "CheckStatus": [QUEUED, MADE]},
            [*HAPPY[:6], *HAPPY[1:]],
            id="queued, then submitted",
        ),
        pytest.param({"Submit": [HELD_BACK, SENT]}, [*HAPPY[:3], *HAPPY], id="without credits, then submitted"),
        pytest.param({"Submit": [error("ProviderUnavailable")] * 20 + [SENT]}, HAPPY, id="throttled"),
        pytest.param({"Finalize": [error("VideoIncomplete")] * 30 + [DONE]}, HAPPY, id="incomplete, then complete"),
    ],
)
def test_a_job_is_made(answers: dict[str, list[dict[str, Any]]], path: list[str]) -> None:
    ended = run(**answers)
    assert (ended["path"], ended.get("output")) == (path, DONE)


@pytest.mark.parametrize(
    ("answers", "calls"),
    [
        ({"Submit": [error("RequestRefused")]}, {"Submit": 1}),
        ({"Submit": [error("Unexpected")]}, {"Submit": 9}),
        ({"CheckStatus": [error("GenerationFailed")]}, {"CheckStatus": 1}),
        ({"Finalize": [error("VideoForbidden")]}, {"Finalize": 1}),
        ({"Finalize": [error("VideoInvalid")]}, {"Finalize": 7}),
        ({"Submit": [error("SubmissionUnknown")], "LookUpSubmission": [error("SubmissionUnknown")]}, {"Submit": 1}),
    ],
    ids=["rejected", "unexpected", "failed", "forbidden", "invalid", "unknown for ever"],
)
def test_a_failure_is_recorded_and_retried_only_if_that_can_help(
    answers: dict[str, list[dict[str, Any]]], calls: dict[str, int]
) -> None:
    ended = run(**answers)
    assert ended["path"][-3:] == ["RecordFailure", "IsExpected?", "Failed"]
    assert "output" not in ended
    assert {state: len(ended["payloads"][state]) for state in calls} == calls
    (recorded,) = ended["payloads"]["RecordFailure"]
    assert recorded["error"]["Error"] in str(answers)


def test_a_cancelled_job_ends_without_an_error() -> None:
    ended = run(CheckStatus=[ENDED], RecordFailure=[CANCELLED])
    assert ended["path"] == [*HAPPY[:6], "HasEnded", "RecordFailure", "IsExpected?", "Ended"]
    assert "error" not in ended


def test_each_function_gets_what_its_state_promises() -> None:
    payloads = run(CheckStatus=[PENDING, MADE])["payloads"]
    assert payloads["Admit"] == [{"generation_id": ID, "execution": ID, "task_token": "token"}]
    assert payloads["Submit"] == payloads["Finalize"] == [{"generation_id": ID, "execution": ID}]
    assert [one["wait_seconds"] for one in payloads["CheckStatus"]] == [20, 3]
