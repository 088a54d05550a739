"""Test the simulator's account: documented and scripted charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.simulator_client import AUTHORIZED, PROMPT, Client

if TYPE_CHECKING:
    from tests.support.simulator_client import Clock

COST = 5_000_000


def transactions(client: Client, **query: Any) -> requests.Response:
    return requests.get(client.url + "/v2/billing/transactions", params=query, headers=AUTHORIZED, timeout=10)


def charges(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = transactions(client, direction="CHARGE", **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def balance(client: Client) -> float:
    answer: dict[str, Any] = requests.get(client.url + "/v2/billing", headers=AUTHORIZED, timeout=10).json()
    assert answer["currency"] == "USD"
    return float(answer["current_balance"])


def test_a_video_is_charged_once_it_is_completed_under_its_own_id(either: Client, clock: Clock) -> None:
    before, generation_id = balance(either), either.create().json()["id"]
    assert charges(either) == []
    clock.now += 6
    used = either.fetch(generation_id).json()["meta"]["usage"]["credits_used"]
    assert charges(either) == [
        {
            "created_at": "2023-11-14T22:13:26.000Z",
            "direction": "CHARGE",
            "type": "MODEL_USAGE",
            "amount": {"usd": used / 2_000_000, "credits": used},
            "model": "google/veo2",
            "reference_id": generation_id,
        }
    ]
    assert balance(either) == before - used / 2_000_000
    [paid] = transactions(either, direction="TOPUP").json()["data"]
    assert (paid["type"], paid["amount"]["usd"], paid["model"]) == ("PAYMENT", before, None)


def test_failed_and_endless_jobs_are_not_charged(client: Client, clock: Clock) -> None:
    client.control.script("fails", outcome="error")
    client.control.script("never", outcome="never")
    client.create(prompt="fails")
    client.create(prompt="never")
    clock.now += 3600
    assert charges(client) == []


def test_a_script_says_how_often_how_much_and_when(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, seconds=0, charges=[{}, {"times": 0.5, "delay": 60}, {"times": -1, "delay": 90}])
    generation_id = client.create().json()["id"]
    assert [entry["amount"]["credits"] for entry in charges(client)] == [COST]
    clock.now += 60
    assert [entry["amount"]["credits"] for entry in charges(client)] == [COST // 2, COST]
    clock.now += 30
    refund = transactions(client).json()["data"][0]
    assert (refund["type"], refund["direction"], refund["reference_id"]) == ("REFUND", "TOPUP", generation_id)
    client.control.script(PROMPT, seconds=0, charges=[])
    assert charges(client) == []


@pytest.mark.parametrize("logged", [True, False])
def test_the_account_is_also_charged_for_calls_of_other_keys(client: Client, logged: bool) -> None:
    reference = client.control.charge_others(7, logged=logged)
    [charge] = charges(client)
    assert (charge["reference_id"], charge["amount"]["credits"]) == (reference, 7)
    assert [row["inference_id"] for row in client.rows()] == ([reference] if logged else [])


def test_cursors_continue_correctly_despite_new_charges(client: Client, clock: Clock) -> None:
    references = []
    for _ in range(5):
        clock.now += 1
        references.append(client.control.charge_others(1))
    first = transactions(client, direction="CHARGE", limit=2).json()
    clock.now += 1
    client.control.charge_others(1)
    cursor = first["pagination"]["next_cursor"]
    second = transactions(client, direction="CHARGE", limit=2, cursor=cursor).json()
    last = transactions(client, direction="CHARGE", limit=2, cursor=second["pagination"]["next_cursor"]).json()
    assert [entry["reference_id"] for page in (first, second, last) for entry in page["data"]] == references[::-1]
    assert last["pagination"] == {"next_cursor": None, "has_more": False}


def test_the_window_begins_at_its_start_and_ends_before_its_end(client: Client) -> None:
    reference = client.control.charge_others(1)
    for start, end, count in [
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z", 1),
        ("2023-11-15T00:13:20+02:00", "2023-11-16T00:00:00Z", 1),
        ("2023-11-14T22:13:19Z", "2023-11-14T22:13:20Z", 0),
    ]:
        found = charges(client, **{"from": start, "to": end, "type": "MODEL_USAGE"})
        assert [entry["reference_id"] for entry in found] == [reference] * count


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2023-11-14T22:13:20"},
        {"from": "yesterday"},
        {"from": "2023-11-15T00:00:00Z", "to": "2023-11-15T00:00:00Z"},
        {"limit": 101},
        {"limit": 0},
        {"limit": "ten"},
        {"direction": "OUT"},
        {"type": "FEE"},
        {"offset": 10},
        {"cursor": "WyJ4Il0="},
        {"cursor": "?"},
    ],
)
def test_a_malformed_query_is_rejected(client: Client, query: dict[str, Any]) -> None:
    assert transactions(client, **query).status_code == 400


def test_the_account_needs_a_key_and_a_reset_deletes_everything(client: Client) -> None:
    for path in ("/v2/billing", "/v2/billing/transactions"):
        assert requests.get(client.url + path, timeout=10).status_code == 401
    before = balance(client)
    client.control.charge_others(1)
    client.control.reset()
    assert (charges(client), balance(client)) == ([], before)


def test_calls_fail_as_scripted(client: Client) -> None:
    client.control.script_transactions(None, {"status": 503})
    assert [transactions(client).status_code for _ in range(3)] == [200, 503, 200]
