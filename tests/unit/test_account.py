"""Test reading the provider's account over HTTP: completely or not at all."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import ProviderUnavailable
from core.provider.account import MAX_TEXT, LoggedCall, Movement, Unreadable
from core.provider.client import Provider
from tests.support.account import Key
from tests.support.wire import Answer, http, serving

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTRY: dict[str, Any] = {
    "created_at": "2026-11-24T10:30:00.000Z",
    "direction": "CHARGE",
    "type": "MODEL_USAGE",
    "amount": {"usd": 2.5, "credits": 5_000_000},
    "model": "google/veo2",
    "reference_id": "p1",
}
ROW: dict[str, Any] = {"inference_id": "p1", "status": "succeeded", "client_request_id": "g1.a"}


def page(*rows: object, **pagination: object) -> Answer:
    return http(200, {"data": list(rows), "pagination": {"has_more": False, **pagination}})


def movements(*answers: Answer) -> list[Movement | Unreadable]:
    with serving(*answers) as wire:
        return list(Provider(wire.url, Key()).movements(START, START + HOUR))


def calls(*answers: Answer) -> list[LoggedCall]:
    with serving(*answers) as wire:
        return list(Provider(wire.url, Key()).log(START, START + HOUR))


def test_movements_are_requested_by_time_and_then_by_the_cursor() -> None:
    back = {**ENTRY, "direction": "TOPUP", "type": "REFUND", "model": None}
    with serving(page(ENTRY, has_more=True, next_cursor="a=b&c"), page(back)) as wire:
        found = list(Provider(wire.url, Key()).movements(START, START + HOUR))
    at = START + HOUR / 2
    assert found == [
        Movement(at, "MODEL_USAGE", 5_000_000, "p1", "google/veo2"),
        Movement(at, "REFUND", -5_000_000, "p1", None),
    ]
    first, second = (request.partition(b" HTTP")[0] for request in wire.requests)
    window = b"from=2026-11-24T10%3A00%3A00.000Z&to=2026-11-24T11%3A00%3A00.000Z&limit=100"
    assert first == b"GET /v2/billing/transactions?" + window
    assert second == first + b"&cursor=a%3Db%26c"


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": "soon"},
        {"created_at": 7},
        {"created_at": "0001-01-01T00:00:00+23:00"},
        {"direction": "SIDEWAYS"},
        {"amount": None},
        {"amount": {"credits": 0.4}},
        {"amount": {"credits": "0.4"}},
        {"amount": {"credits": "many"}},
        {"amount": {"credits": "1e400"}},
        {"amount": {"credits": float("nan")}},
        {"amount": {"credits": True}},
        {"amount": {"credits": -1}},
        {"amount": {"credits": 10**30}},
        {"amount": {"usd": 1}},
    ],
)
def test_an_unreadable_entry_is_reported_and_the_others_are_read(changes: dict[str, Any]) -> None:
    first, odd, last = movements(page(ENTRY, {**ENTRY, **changes}, ENTRY))
    assert isinstance(odd, Unreadable)
    assert json.loads(odd.text).keys() == ENTRY.keys()
    assert isinstance(first, Movement)
    assert first == last


@pytest.mark.parametrize("row", [None, 7, "a row", [], {}, {"created_at": "x" * 5000}])
def test_an_entry_that_is_no_entry_is_reported_in_short(row: object) -> None:
    [odd] = movements(page(row))
    assert isinstance(odd, Unreadable)
    assert len(odd.text) <= MAX_TEXT


@pytest.mark.parametrize("credits_", [5_000_000, 5_000_000.0, "5000000", "5000000.00", "5e6"])
def test_credits_may_be_any_whole_number(credits_: object) -> None:
    [movement] = movements(page({**ENTRY, "amount": {"credits": credits_}}))
    assert isinstance(movement, Movement)
    assert movement.credits == 5_000_000


@pytest.mark.parametrize("at", ["2026-11-24T09:30:00Z", "2026-11-24T11:30:00Z"])
def test_a_list_of_another_time_is_an_error(at: str) -> None:
    with pytest.raises(ProviderUnavailable, match="outside the requested time"):
        movements(page({**ENTRY, "created_at": at}))


def test_unknown_entries_do_not_stop_the_reading() -> None:
    [odd] = movements(page({**ENTRY, "reference_id": "\ud800" + "x" * 1000, "model": "", "type": "NEW"}))
    assert isinstance(odd, Movement)
    assert odd.reference == "?" + "x" * 499
    assert (odd.model, odd.kind) == (None, "NEW")
    rows = [{**ROW, "client_request_id": 7}, {"status": "succeeded"}, None, {**ROW, "status": "failed"}]
    assert calls(page(*rows)) == [LoggedCall("p1", False), LoggedCall("p1", True, "g1.a")]


@pytest.mark.parametrize(
    "answers",
    [
        [page(ENTRY, has_more=True)],
        [page(ENTRY, has_more=True, next_cursor=None)],
        [page(ENTRY, has_more=True, next_cursor=""), page(ENTRY)],
        [page(ENTRY, has_more=True, next_cursor="a"), page(ENTRY, has_more=True, next_cursor="a")],
        [page(has_more="yes")],
        [http(200, {"data": {}, "pagination": {"has_more": False}})],
        [http(200, {"data": []})],
        [http(200, b"[]")],
        [http(403, {"message": "a management key"})],
    ],
)
def test_a_list_without_its_next_cursor_is_incomplete(answers: list[Answer]) -> None:
    with pytest.raises(ProviderUnavailable):
        movements(*answers)


def test_a_log_that_announces_more_rows_but_has_none_is_incomplete() -> None:
    with pytest.raises(ProviderUnavailable):
        calls(page(ROW, has_more=True), page(has_more=True))


def test_a_cursor_that_was_seen_before_is_refused() -> None:
    """A list that loops would be read until time is over, every night."""
    pages = [page(ENTRY, has_more=True, next_cursor=cursor) for cursor in "abab"]
    with pytest.raises(ProviderUnavailable, match="no new cursor"):
        movements(*pages, page(ENTRY))


def test_a_log_that_returns_a_page_again_is_refused() -> None:
    pages = [page({**ROW, "inference_id": one}, has_more=True) for one in "aba"]
    with pytest.raises(ProviderUnavailable, match="repeats"):
        calls(*pages)


def test_a_row_that_moved_to_the_next_page_is_read_again() -> None:
    pages = page(ROW, {**ROW, "inference_id": "p2"}, has_more=True), page({**ROW, "inference_id": "p2"})
    assert [call.provider_id for call in calls(*pages)] == ["p1", "p2", "p2"]
