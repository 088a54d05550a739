"""Test what local/emulator.py fixes in ministack: the names of errors and of executions."""

import threading
import traceback
from typing import Any

import pytest

from core.errors import SubmissionUnknown
from local import emulator


@pytest.mark.parametrize("error", [SubmissionUnknown("Sent: \nthe answer is not known."), ValueError()])
def test_an_error_is_named_after_the_class_that_was_raised_last(error: Exception) -> None:
    try:
        raise error from KeyError("first")
    except type(error):
        log = f"warning: logged before\n{traceback.format_exc()}"
    assert emulator.raised(log) == type(error).__name__


def test_a_log_without_a_traceback_names_no_error() -> None:
    assert emulator.raised("Task timed out after 3.00 seconds") is None


def test_of_several_executions_with_one_name_only_the_first_runs() -> None:
    begun, may_end = threading.Event(), threading.Event()
    known: list[str] = []

    def start(data: dict[str, Any]) -> str:
        begun.set()
        may_end.wait()
        known.append(f"arn:execution:m:{data.get('name')}")
        return "ended"

    start_once = emulator.starting_once(start, known.__contains__, "refused")
    asked = {"stateMachineArn": "arn:stateMachine:m", "name": "a"}
    first = threading.Thread(target=start_once, args=(asked,))
    first.start()
    begun.wait()
    assert start_once(asked) == "refused", "while it runs"
    may_end.set()
    first.join()
    assert start_once(asked) == "refused", "when it has ended"
    assert start_once({**asked, "name": "b"}) == "ended"
    assert [start_once({"stateMachineArn": "arn:stateMachine:m"}) for _ in range(2)] == ["ended", "ended"]


def test_an_event_of_the_http_api_contains_an_address_that_works_without_dns() -> None:
    context = {"apiId": "a1", "domainName": "a1.execute-api.localhost", "http": {"method": "GET"}}
    event = emulator.addressed({"headers": {"host": "x"}, "requestContext": context}, "https://127.0.0.1:4566")
    assert event["requestContext"]["domainName"] == "127.0.0.1:4566/_aws/execute-api/a1/$default"
    assert event["requestContext"]["http"] == {"method": "GET"}
    assert event["headers"] == {"host": "x", "x-forwarded-proto": "https"}


@pytest.mark.parametrize("event", [{"generation_id": "g1"}, {"requestContext": None}, {"Records": []}, [], "x"])
def test_other_events_are_passed_unchanged(event: object) -> None:
    assert emulator.addressed(event, "https://127.0.0.1:4566") is event
