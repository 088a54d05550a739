"""What local/emulator.py mends in ministack: the names of errors."""

import traceback

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
