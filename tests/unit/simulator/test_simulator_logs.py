"""Test the simulator's request log, documented and scripted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.simulator_client import KEY, PROMPT, Client

if TYPE_CHECKING:
    from local.simulator.scripts import ApiBehaviour
    from tests.support.simulator_client import Clock

OURS = {"X-Client-Request-Id": "job-1"}


def test_a_row_has_the_ids_and_the_cost_once_the_generation_is_completed(either: Client, clock: Clock) -> None:
    generation_id = either.create(headers=OURS).json()["id"]
    [in_flight] = either.rows()
    assert in_flight == {
        "created": "2023-11-14T22:13:20.000Z",
        "status": "succeeded",
        "origin": "api",
        "model": "google/veo2",
        "cost": {"usd": 0, "credits": 0},
        "tokens": {"input": 0, "output": 0, "total": 0},
        "request_id": in_flight["request_id"],
        "inference_id": generation_id,
        "client_request_id": "job-1",
    }
    clock.now += 6
    credits_used = either.fetch(generation_id).json()["meta"]["usage"]["credits_used"]
    assert either.rows() == [in_flight | {"cost": {"usd": credits_used / 2_000_000, "credits": credits_used}}]


def test_a_failed_generation_has_a_failed_row_that_costs_nothing(client: Client) -> None:
    client.control.script(PROMPT, seconds=0, outcome="error")
    client.create(headers=OURS)
    client.create(prompt="Another")
    [failed] = client.rows(status="failed")
    assert (failed["client_request_id"], failed["cost"]["credits"]) == ("job-1", 0)
    assert len(client.rows(status=["failed", "succeeded"])) == 2


def test_pages_are_counted_newest_first_up_to_the_last(either: Client, clock: Clock) -> None:
    ids = []
    for _ in range(5):
        clock.now += 1
        ids.append(either.create().json()["id"])
    pages = [either.logs(period="1h", limit=2, offset=offset).json() for offset in (0, 2, 4, 6)]
    assert [[row["inference_id"] for row in page["data"]] for page in pages] == [ids[4:2:-1], ids[2:0:-1], ids[:1], []]
    assert [page["pagination"]["has_more"] for page in pages] == [True, True, False, False]
    assert either.logs(period="1h", limit=2, offset=3).json()["pagination"]["has_more"] is False, "a full last page"
    assert pages[1]["pagination"] == {"limit": 2, "offset": 2, "total": 5, "has_more": True}


def test_other_requests_push_a_row_to_a_later_page(client: Client, clock: Clock) -> None:
    client.create(headers=OURS)
    clock.now += 1
    client.control.log_others(120)
    pages = [client.logs(period="1h", limit=100, offset=offset).json() for offset in (0, 100)]
    assert [(len(page["data"]), page["pagination"]["has_more"]) for page in pages] == [(100, True), (21, False)]
    assert [row["inference_id"] for page in pages for row in page["data"] if row["client_request_id"]] == [
        pages[1]["data"][-1]["inference_id"]
    ]
    assert len(client.rows()) == 50, "the usual page"
    assert client.control.counts().creates == 1


def test_only_the_rows_of_the_window_are_listed(either: Client, clock: Clock) -> None:
    either.create(headers=OURS)
    clock.now += 3601
    assert either.rows(period="1h") == []
    assert len(either.rows(period="1d")) == 1
    for start, end, count in [
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20", 1),
        ("2023-11-15T00:13:20+02:00", "2023-11-16", 1),
        ("2023-11-14T22:13:20.001Z", "2023-11-16", 0),
        ("2023-11-01", "2023-11-14T22:13:19Z", 0),
    ]:
        assert len(either.rows(start=start, end=end)) == count, (start, end)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"period": "1h", "start": "2023-11-14", "end": "2023-11-15"},
        {"start": "2023-11-14"},
        {"start": "2023-11-15", "end": "2023-11-14"},
        {"start": "2023-01-01", "end": "2023-11-14"},
        {"start": "yesterday", "end": "2023-11-14"},
        {"period": "93d"},
        {"period": "999999999d"},
        {"period": "0h"},
        {"period": "1w"},
        {"period": "1h", "limit": 101},
        {"period": "1h", "limit": 0},
        {"period": "1h", "offset": -1},
        {"period": "1h", "status": "succeeded,failed"},
        {"period": "1h", "model": ["veo2"] * 51},
    ],
)
def test_a_malformed_query_is_refused(either: Client, query: dict[str, Any]) -> None:
    assert either.logs(**query).status_code == 400


def test_model_names_are_matched_completely(either: Client) -> None:
    either.create()
    either.create(model="google/veo3")
    for model, count in [("veo2", 1), ("google/veo2", 1), (["veo2", "veo3"], 2), ("veo2,veo3", 0), ("veo", 0)]:
        assert len(either.rows(model=model)) == count, model


def test_a_key_sees_only_its_own_rows(client: Client) -> None:
    client.control.rotate([KEY, "another"])
    client.create(headers=OURS)
    assert client.rows(key="another") == []
    assert len(client.rows(key=KEY, key_prefix=KEY[:3])) == 1
    assert client.logs(key="another", period="1h", key_prefix=KEY[:3]).status_code == 403


def test_more_than_200_calls_in_60_seconds_are_throttled(client: Client, clock: Clock) -> None:
    client.control.rotate([KEY, "another"])
    assert {client.logs(period="1h").status_code for _ in range(200)} == {200}
    clock.now += 59.9
    assert client.logs(period="1h").status_code == 429
    assert client.logs(key="another", period="1h").status_code == 200
    clock.now += 0.1
    assert client.logs(period="1h").status_code == 200
    client.control.log_limit(None)
    assert {client.logs(period="1h").status_code for _ in range(201)} == {200}


@pytest.mark.parametrize("behaviour", [{"reset": True}, {"truncate": True}, {"status": 502}, {"hang": 600}])
def test_a_job_with_a_lost_response_is_found_by_our_id(client: Client, behaviour: ApiBehaviour) -> None:
    client.control.script(PROMPT, create=[behaviour | {"accept": True}])
    try:
        client.create(headers=OURS, timeout=1).json()["id"]
    except (requests.RequestException, KeyError):
        [row] = client.rows()
    else:
        pytest.fail("the client got the id")
    assert row["client_request_id"] == "job-1"
    assert client.fetch(row["inference_id"]).status_code == 200


def test_a_call_that_made_no_job_has_no_row_or_a_failed_one(client: Client) -> None:
    client.control.script(PROMPT, create=[{"status": 500}, {"reset": True, "failed_row": True}])
    assert client.create().status_code == 500
    with pytest.raises(requests.ConnectionError):
        client.create(headers=OURS)
    [row] = client.rows()
    assert (row["client_request_id"], row["status"], row["cost"]["credits"]) == ("job-1", "failed", 0)
    assert client.fetch(row["inference_id"]).status_code == 404
    assert client.control.counts().creates == 0


def test_a_row_can_be_delayed(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, log_delay=30)
    client.create()
    clock.now += 29
    assert client.rows() == []
    clock.now += 1
    assert len(client.rows()) == 1


def test_a_row_can_appear_only_after_the_end_of_its_generation(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, logged="at_end", log_delay=2, seconds=10)
    client.create()
    clock.now += 11
    assert client.rows() == []
    clock.now += 1
    [row] = client.rows()
    assert row["created"] == "2023-11-14T22:13:20.000Z"
    client.control.script(PROMPT, logged="at_end", outcome="never")
    assert client.rows() == []


def test_a_row_can_be_withheld_until_released(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, logged="never")
    client.create()
    clock.now += 1800
    assert client.rows() == []
    client.control.script(PROMPT)
    assert len(client.rows()) == 1


def test_the_log_can_fail_and_recover(client: Client) -> None:
    client.create()
    client.control.script_logs(
        {"status": 503}, {"status": 429, "headers": {"Retry-After": "7"}}, {"garbage": True}, {"reset": True}
    )
    assert client.logs(period="1h").status_code == 503
    assert client.logs(period="1h").headers["Retry-After"] == "7"
    with pytest.raises(requests.JSONDecodeError):
        client.rows()
    with pytest.raises(requests.ConnectionError):
        client.logs(period="1h")
    assert len(client.rows()) == 1
    client.control.script_logs({"hang": 600, "repeat": True})
    for _ in range(2):
        with pytest.raises(requests.ReadTimeout):
            client.logs(period="1h", timeout=0.5)
    client.control.script_logs()
    assert len(client.rows()) == 1


def test_a_misspelt_script_of_the_log_is_refused(client: Client) -> None:
    for method, name, body in [
        ("PUT", "logs", {"behaviours": [{"cut": 1}]}),
        ("POST", "scripts", {"prompt": PROMPT, "logged": "later"}),
        ("POST", "others", {"number": 1}),
    ]:
        assert requests.request(method, f"{client.url}/_simulator/{name}", json=body, timeout=10).status_code == 400


def test_a_reset_clears_the_log_its_scripts_and_calls(client: Client) -> None:
    client.create()
    for _ in range(200):
        client.logs(period="1h")
    client.control.script_logs({"status": 503, "repeat": True})
    client.control.reset()
    assert client.rows() == []
