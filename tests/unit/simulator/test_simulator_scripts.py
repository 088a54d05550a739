"""Test scripted generations, creates and fetches over HTTP."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.simulator_client import AUTHORIZED, NEW_FORM, PROMPT, Client, raw_get

if TYPE_CHECKING:
    from local.simulator.scripts import ApiBehaviour
    from tests.support.simulator_client import Clock


def test_a_generation_can_fail_with_a_scripted_error(client: Client) -> None:
    error = {"name": "ContentPolicy", "message": "No boats."}
    client.control.script(PROMPT, seconds=0, outcome="error", error=error)
    failed = client.finished()
    assert (failed["status"], failed["error"], failed["video"]) == ("error", error, None)
    assert failed["meta"]["usage"]["credits_used"] is None


def test_a_generation_can_run_forever_and_be_released(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, outcome="never")
    generation_id = client.create().json()["id"]
    clock.now += 1_000_000
    assert client.fetch(generation_id).json()["status"] == "generating"
    client.control.script(PROMPT, seconds=0)
    assert client.fetch(generation_id).json()["status"] == "completed"


def test_the_names_of_statuses_can_drift(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, seconds=3, statuses=["waiting", "dreaming", "active", "succeeded"])
    created = client.create().json()
    seen = [created["status"]]
    for _ in range(3):
        clock.now += 1
        seen.append(client.fetch(created["id"]).json()["status"])
    assert seen == ["waiting", "dreaming", "active", "succeeded"]


def test_fields_of_the_video_can_be_replaced_and_removed(client: Client) -> None:
    client.control.script(PROMPT, seconds=0, video_fields={"url": "http://10.0.0.1/x.mp4", "file_size": None})
    video = client.finished()["video"]
    assert video == {"url": "http://10.0.0.1/x.mp4", "content_type": "video/mp4", "file_name": "output.mp4"}


def test_a_misspelt_script_is_refused(client: Client) -> None:
    for script in ({"second": 1}, {"create": [{"cut": 1}]}, {"statuses": ["done"]}, {"fetch": [1]}):
        url = client.url + "/_simulator/scripts"
        assert requests.post(url, json={"prompt": PROMPT, **script}, timeout=10).status_code == 400


def test_scripted_errors_come_in_their_order_and_make_no_job(client: Client) -> None:
    refusals: list[ApiBehaviour | None] = [
        {"status": 429, "headers": {"Retry-After": "7"}},
        {"status": 403, "message": "Out of credits."},
        None,
        {"status": 500},
    ]
    client.control.script(PROMPT, create=refusals)
    throttled, broke, normal, failed, after = (client.create() for _ in range(5))
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert (broke.status_code, broke.json()["message"]) == (403, "Out of credits.")
    assert (normal.status_code, failed.status_code, after.status_code) == (200, 500, 200)
    assert client.control.counts().creates_by_prompt == {PROMPT: 2}
    assert [call.status for call in client.control.calls()] == [429, 403, 200, 500, 200]


def test_a_last_behaviour_can_repeat(client: Client) -> None:
    client.control.script(PROMPT, fetch=[None, {"status": 503, "repeat": True}])
    generation_id = client.create().json()["id"]
    assert [client.fetch(generation_id).status_code for _ in range(4)] == [200, 503, 503, 503]


def test_an_older_success_code_creates_the_job(client: Client) -> None:
    client.control.script(PROMPT, create=[{"status": 201}])
    created = client.create()
    assert created.status_code == 201
    assert client.fetch(created.json()["id"]).status_code == 200


@pytest.mark.parametrize(
    "behaviour", [{"reset": True}, {"truncate": True}, {"garbage": True}, {"status": 502}, {"hang": 600}]
)
def test_a_job_can_be_created_although_the_client_sees_an_error(client: Client, behaviour: ApiBehaviour) -> None:
    client.control.script(PROMPT, create=[behaviour | {"accept": True}])
    try:
        client.create(timeout=1).json()["id"]
    except (requests.RequestException, KeyError):
        assert client.control.counts().creates_by_prompt == {PROMPT: 1}
    else:
        pytest.fail("the client got the id")


@pytest.mark.parametrize("behaviour", [{"reset": True}, {"truncate": True}, {"garbage": True}])
def test_a_broken_response_creates_no_job_by_default(client: Client, behaviour: ApiBehaviour) -> None:
    client.control.script(PROMPT, create=[behaviour])
    with pytest.raises(requests.RequestException):
        client.create().json()
    assert client.control.counts().creates == 0


@pytest.mark.parametrize(
    "word", ["queued", "waiting", "active", "running", "failed", "cancelled", "expired", "rejected", "succeeded", "so?"]
)
def test_a_fetch_can_say_any_word_once(client: Client, word: str) -> None:
    client.control.script(PROMPT, fetch=[{"word": word}])
    generation_id = client.create().json()["id"]
    said, normal = (client.fetch(generation_id).json()["status"] for _ in range(2))
    assert (said, normal) == (word, "queued")


def test_a_fetch_can_be_reset_truncated_garbled_or_redirected(client: Client) -> None:
    elsewhere = client.url + "/elsewhere"
    client.control.script(
        PROMPT, fetch=[{"reset": True}, {"truncate": True}, {"garbage": True}, {"redirect": elsewhere}]
    )
    generation_id = client.create().json()["id"]
    url = f"{client.url}{NEW_FORM}?generation_id={generation_id}"
    with pytest.raises(ConnectionResetError) as reset:
        raw_get(url, AUTHORIZED)
    assert reset.type is ConnectionResetError, "RemoteDisconnected would be an orderly close"
    with pytest.raises(http.client.IncompleteRead) as truncated:
        raw_get(url, AUTHORIZED)
    assert truncated.value.partial
    assert truncated.value.expected
    garbage = client.fetch(generation_id)
    assert garbage.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        garbage.json()
    redirect = client.fetch(generation_id)
    assert (redirect.status_code, redirect.headers["Location"]) == (302, elsewhere)
    assert [call.status for call in client.control.calls()] == [200, None, 200, 200, 302]


def test_a_rotated_key_is_the_only_one_accepted_until_the_reset(client: Client) -> None:
    client.control.rotate(["new"])
    assert client.create().status_code == 401
    assert client.create(headers={"Authorization": "Bearer new"}).status_code == 200
    client.control.reset()
    assert client.control.calls() == []
    assert client.create().status_code == 200


def test_above_its_capacity_a_create_is_throttled(client: Client, clock: Clock) -> None:
    client.control.capacity(2)
    assert [client.create().status_code for _ in range(3)] == [200, 200, 429]
    clock.now += 6
    assert client.create().status_code == 200
    counts = client.control.counts()
    assert (counts.creates, counts.in_flight, counts.in_flight_highest) == (3, 1, 2)
    client.control.capacity(None)
    assert [client.create().status_code for _ in range(2)] == [200, 200]
    assert client.control.counts().in_flight_highest == 3


def test_concurrent_creates_are_all_counted(client: Client) -> None:
    threads = [threading.Thread(target=client.create) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.control.counts().in_flight_highest == 30
