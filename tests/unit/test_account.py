"""Test reading the provider's account over HTTP: completely or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import ProviderUnavailable
from core.provider.account import LoggedCall, Movement
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


def movements(*answers: Answer) -> list[Movement]:
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
        {"created_at": "2026-11-24T09:30:00Z"},  # outside of the requested time
        {"created_at": "2026-11-24T11:30:00Z"},
        {"direction": "SIDEWAYS"},
        {"amount": None},
        {"amount": {"credits": 1.5}},
        {"amount": {"credits": True}},
        {"amount": {"credits": -1}},
        {"amount": {"credits": 10**30}},
        {"amount": {"usd": 1}},
    ],
)
def test_an_invalid_entry_is_not_skipped(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        movements(page(ENTRY, {**ENTRY, **changes}))


def test_unknown_entries_do_not_stop_the_reading() -> None:
    [odd] = movements(page({**ENTRY, "reference_id": "\ud800" + "x" * 1000, "model": "", "type": "NEW"}))
    assert odd.reference == "?" + "x" * 499
    assert (odd.model, odd.kind) == (None, "NEW")
    rows = [{**ROW, "client_request_id": 7}, {"status": "succeeded"}, None, {**ROW, "status": "failed"}]
    assert calls(page(*rows)) == [LoggedCall("p1", False), LoggedCall("p1", True, "g1.a")]


@pytest.mark.parametrize(
    "answers",
    [
        [page(ENTRY, has_more=True)],
        [page(ENTRY, has_more=True, next_cursor=None)],
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
