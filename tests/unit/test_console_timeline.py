"""Test how the console reads a job's history: console/timeline.js and console/plot.js, run by Node."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.console import run

START = "2026-01-01T12:00:"


def rows(steps: Sequence[tuple[str, float]], *, status: str = "completed", **more: Any) -> list[str]:
    """Return the lines of a job with these steps, at seconds after its start, and with the seconds of each span."""
    meta = {
        "stage": status,
        "request": {"model": "acme/boats", "prompt": "a boat", **more.get("request", {})},
        "created_at": f"{START}00.000Z",
        "submitted_at": None,
        "generated_at": None,
        "ended_at": None,
        "timeline": [{"step": step, "at": f"{START}{at:06.3f}Z"} for step, at in steps] or None,
        **more.get("meta", {}),
    }
    one = {"id": "1" * 32, "status": status, "video": None, "error": more.get("error"), "meta": meta}
    found: list[str] = run(
        """
        const { rowsOf } = await load("timeline");
        const open = (row) => (row.isOpen ? " so far" : "");
        return rowsOf(GIVEN.one, Date.parse(GIVEN.now)).map((row) => `${row.what} ${row.seconds}${open(row)}`);
        """,
        one=one,
        now=f"{START}50.000Z",
    )
    return found


USUAL = [("accepted", 0), ("admitted", 1), ("sent", 2), ("submitted", 4), ("generated", 40), ("ended", 43)]


def test_a_history_is_the_waits_the_calls_and_the_work_with_their_lengths() -> None:
    assert rows([*USUAL, ("announced", 43.5)]) == [
        "Waiting for a slot 1",
        "Preparing the request 1",
        "Call to the provider 2",
        "Generating at the provider 36",
        "Saving and checking 3",
        "Announcing the end 0.5",
    ]


def test_a_call_is_listed_however_short_it_was() -> None:
    steps = [("accepted", 0), ("admitted", 0.01), ("sent", 0.012), ("submitted", 0.015)]
    assert rows(steps, status="generating") == [
        "Call to the provider 0.003",
        "Generating at the provider 49.985 so far",
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([("accepted", 0)], ["Waiting for a slot 50 so far"]),
        (USUAL[:2], ["Waiting for a slot 1", "Preparing the request 49 so far"]),
        (USUAL[:3], ["Waiting for a slot 1", "Preparing the request 1", "Call to the provider 48 so far"]),
        (
            [("accepted", 0), ("held_back", 5), ("rejected", 5), ("admitted", 25)],
            [
                "Waiting for a slot 5",
                "Rejected: no provider credits 0",
                "Waiting for provider credits 20",
                "Preparing the request 25 so far",
            ],
        ),
        (
            [("accepted", 0), ("admitted", 2), ("held_back", 3), ("rejected", 13)],
            [
                "Waiting for a slot 2",
                "Call to the provider 1",
                "Held back: no provider credits 0",
                "Waiting for provider credits 10",
                "Rejected: no provider credits 0",
                "Waiting for provider credits 37 so far",
            ],
        ),
    ],
)
def test_the_last_span_of_a_running_job_is_open(steps: list[tuple[str, float]], told: list[str]) -> None:
    assert rows(steps, status="queued") == told


def test_a_job_with_an_input_of_another_job_waits_for_it() -> None:
    request = {"video_url": f"generation:{'2' * 32}"}
    assert rows([("accepted", 0)], status="queued", request=request) == ["Waiting for inputs and a slot 50 so far"]


def test_a_prompt_that_begins_like_an_input_is_none() -> None:
    request = {"prompt": "generation: the next one"}
    assert rows([("accepted", 0)], status="queued", request=request) == ["Waiting for a slot 50 so far"]


@pytest.mark.parametrize(
    ("name", "steps", "end"),
    [
        (
            "RequestRefused",
            [*USUAL[:3], ("ended", 4)],
            ["Waiting for the provider's answer 2", "Failed: Rejected by the provider 0"],
        ),
        ("VideoInvalid", USUAL, ["Saving and checking 3", "Failed: Incomplete or damaged video 0"]),
        ("BudgetExceeded", [("accepted", 0), ("ended", 1)], ["Waiting for a slot 1", "Failed: Budget exceeded 0"]),
        ("Cancelled", [*USUAL[:4], ("ended", 9)], ["Generating at the provider 5", "Cancelled 0"]),
        ("Unheard", [*USUAL[:4], ("ended", 9)], ["Generating at the provider 5", "Failed: Unheard 0"]),
    ],
)
def test_a_failure_is_a_line_after_what_failed(name: str, steps: list[tuple[str, float]], end: list[str]) -> None:
    error = {"name": name, "message": "It failed.", "remedy": None}
    assert rows(steps, status="error", error=error)[-2:] == end


def test_a_retried_job_shows_the_time_between_its_end_and_the_retry() -> None:
    steps = [("accepted", 0), ("ended", 3), ("reopened", 10), ("admitted", 12)]
    assert rows(steps, status="queued")[1:] == [
        "Ended, until it was retried 7",
        "Retried 0",
        "Waiting for a slot 2",
        "Preparing the request 38 so far",
    ]


def test_without_its_steps_a_job_shows_the_times_that_lists_have() -> None:
    meta = {"submitted_at": f"{START}04.000Z", "ended_at": f"{START}44.000Z"}
    assert rows([], meta=meta) == ["Waiting for a slot 4", "Generating at the provider 40"]


def test_a_list_does_not_make_a_page_forget_the_steps_it_has_loaded() -> None:
    told = run(
        """
        const { note, video } = await load("videos");
        const one = (stage, timeline) =>
          ({ id: "a", status: stage, video: null, error: null, meta: { stage, timeline, request: {} } });
        const steps = [{ step: "accepted", at: "2026-01-01T12:00:00.000Z" }];
        note(one("generating", steps));
        note(one("generating", null), { isOfList: true });
        const kept = video("a").value.meta.timeline;
        note(one("completed", null), { isOfList: true });
        return [kept, video("a").value.meta.timeline];
        """
    )
    assert told == [[{"step": "accepted", "at": "2026-01-01T12:00:00.000Z"}], None]


@pytest.mark.parametrize(
    ("value", "end"), [(0, 0), (11.2, 12), (0.37, 0.4), (100, 100), (101, 120), (0.0004, 0.0004), (9.99, 10)]
)
def test_an_axis_ends_at_a_short_number_that_holds_every_bar(value: float, end: float) -> None:
    assert run('return (await load("plot")).endOfAxis(GIVEN.value);', value=value) == end
