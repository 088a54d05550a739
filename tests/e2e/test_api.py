"""Test the deployed HTTP API as its users see it."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests
from PIL import Image

from tests.support.local_cloud import LocalCloud, eventually, unique

PATHS = ["/v2/video/generations", "/v2/generate/video/google/generation"]


@pytest.mark.parametrize("path", PATHS)
def test_a_prompt_becomes_a_video_with_a_link_that_needs_no_credentials(cloud: LocalCloud, path: str) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)
    created = cloud.call("POST", path, json={"model": "veo2", "prompt": prompt, "aspect_ratio": "9:16"}).json()
    cloud.ended(created["id"])
    fetched = cloud.call("GET", path, params={"generation_id": created["id"]}).json()
    assert fetched["status"] == "completed"
    for link in (fetched["video"]["url"], content_link(cloud, created["id"])):
        video = requests.get(link, timeout=30)
        assert video.content[4:8] == b"ftyp"
        assert len(video.content) == fetched["video"]["file_size"]
        assert video.headers["Content-Type"] == "video/mp4"
        assert (
            f'filename="a-lighthouse-{prompt.split()[-1]}-{created["id"][:8]}.mp4"'
            in video.headers["Content-Disposition"]
        )


def test_a_poster_follows_a_video(cloud: LocalCloud) -> None:
    """The function that makes it may do only what its role allows."""
    prompt = unique("a lighthouse at night")
    cloud.simulator.script(prompt, seconds=0)
    asked = {"model": "google/veo3", "prompt": prompt, "aspect_ratio": "9:16", "duration": 4}
    generation_id = cloud.call("POST", PATHS[0], json=asked).json()["id"]
    cloud.ended(generation_id)
    video = cloud.call("GET", PATHS[0], params={"generation_id": generation_id}).json()["video"]
    facts = {name: video[name] for name in ("width", "height", "duration", "frame_rate", "has_sound")}
    assert facts == {"width": 360, "height": 640, "duration": 4.0, "frame_rate": 12.0, "has_sound": True}
    poster = eventually(lambda: found(video["poster_url"]))
    assert poster.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(poster.content)) as picture:
        assert picture.size == (360, 640)


def found(url: str) -> requests.Response | None:
    answer = requests.get(url, timeout=30)
    assert answer.status_code in (200, 404)
    return answer if answer.ok else None


def content_link(cloud: LocalCloud, generation_id: str) -> str:
    answer = cloud.call("GET", f"{PATHS[0]}/{generation_id}/content", allow_redirects=False)
    assert answer.status_code == 302
    return answer.headers["Location"]


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Bearer pr_00000000_" + "a" * 43])
def test_every_call_without_a_valid_key_is_401(cloud: LocalCloud, key: str) -> None:
    for method in ("POST", "GET", "DELETE"):
        answer = cloud.call(method, headers={"Authorization": key}, params={"generation_id": "x"}, json={})
        assert answer.status_code == 401
        assert answer.json()["message"]


def test_bad_input_is_400_in_the_providers_form(cloud: LocalCloud) -> None:
    answer = cloud.call("POST", json={"model": "veo2", "prompt": "x", "duration": 60})
    assert answer.status_code == 400
    refusal = answer.json()
    said = "`duration` must be one of 5, 6, 7, 8, not 60"
    assert refusal["message"] == f"{said}."
    assert refusal.pop("problems") == [
        {"fields": ["duration"], "message": said, "rule": "enum", "allowed": [5, 6, 7, 8]}
    ]
    assert refusal.keys() == {"message", "remedy", "path", "requestId", "statusCode", "timestamp"}
    assert cloud.call("POST", data="{").status_code == 400


def test_health_and_contract_need_no_key(cloud: LocalCloud) -> None:
    assert requests.get(f"{cloud.stack.api_url}/health", timeout=10).json() == {"status": "ok"}
    assert requests.get(f"{cloud.stack.api_url}/openapi.json", timeout=10).json()["openapi"] == "3.1.0"


def test_fifty_concurrent_requests_with_one_key_pay_for_one_video(cloud: LocalCloud) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)

    def create(_: int) -> str:
        headers = {"Idempotency-Key": prompt.replace(" ", "-")}
        answer = cloud.call("POST", json={"model": "veo2", "prompt": prompt}, headers=headers)
        return str(answer.json()["id"])

    with ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(create, range(50)))
    assert len(ids) == 1
    generation_id = ids.pop()
    cloud.ended(generation_id)
    assert create(0) == generation_id, "also once it has ended"
    assert cloud.creates(prompt) == 1


def test_owners_cannot_see_each_others_jobs(cloud: LocalCloud) -> None:
    """Another owner's job gets the same answer as one that never existed."""
    mine, bob = cloud.create(unique("a secret lighthouse")), {"Authorization": f"Bearer {cloud.key_of(uuid4().hex)}"}

    def asked(generation_id: str) -> list[tuple[int, Any]]:
        calls = [("GET", PATHS[0]), ("GET", PATHS[1]), ("DELETE", PATHS[0])]
        answers = [cloud.call(m, p, headers=bob, params={"generation_id": generation_id}) for m, p in calls]
        answers.append(cloud.call("GET", f"{PATHS[0]}/{generation_id}/content", headers=bob))
        return [(a.status_code, a.json()["message"].replace(generation_id, "ID")) for a in answers]

    assert asked(mine) == asked("0" * 32) == [(404, "There is no generation ID.")] * 4
    assert cloud.call("GET", headers=bob).json()["data"] == []


def test_a_cancelled_job_stops_and_is_announced_and_can_be_deleted(cloud: LocalCloud) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, outcome="never")
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    query = {"generation_id": generation_id}
    cancelled = cloud.call("DELETE", params=query).json()
    assert cancelled["error"]["name"] == "Cancelled"
    assert cloud.execution(generation_id)["status"] == "ABORTED"
    cloud.ended(generation_id)
    assert [message["error"]["name"] for message in cloud.announcements(generation_id)] == ["Cancelled"]
    for _ in range(2):
        assert cloud.call("DELETE", params=query).json() == {"id": generation_id, "deleted": True}
    assert cloud.call("GET", params=query).status_code == 404


def test_deleting_a_generation_removes_its_video(cloud: LocalCloud) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)
    generation_id = cloud.create(prompt)
    cloud.ended(generation_id)
    assert cloud.call("DELETE", params={"generation_id": generation_id}).json()["deleted"] is True
    # A poster that was being drawn may follow. The sweep deletes it, 16 minutes later.
    assert set(cloud.archived(generation_id)) <= {"poster.jpg"}


def test_a_web_page_cannot_use_the_local_aws(cloud: LocalCloud) -> None:
    """The local AWS needs no credentials, so it must reject requests from web pages that a developer visits."""
    for headers in (
        {"Origin": "https://evil.example.com"},
        {"Host": "evil.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = requests.get(f"{cloud.stack.aws_endpoint_url}/_ministack/health", headers=headers, timeout=10)
        assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (403, False)
        assert cloud.call("GET", headers=headers).status_code == 403


def test_a_marked_retry_after_a_lost_answer_makes_one_paid_job(cloud: LocalCloud) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)
    url, key = cloud.stack.api_url + PATHS[0], f"Bearer {cloud.stack.api_key}"

    def post(retries: int) -> requests.Response:
        headers = {"Authorization": key, "x-stainless-retry-count": str(retries)}
        return requests.post(url, json={"model": "veo2", "prompt": prompt}, headers=headers, timeout=120)

    def made() -> Iterator[str]:
        return (one.generation_id for one in cloud.listed() if one.request.get("prompt") == prompt)

    generation_id = post(0).json()["id"]  # the answer that the client does not get
    answer = post(1)
    assert (answer.json()["id"], answer.headers["Promptreel-Repeated"]) == (generation_id, "true")
    cloud.ended(generation_id)
    again = post(2)
    assert (again.json()["id"], again.headers["Promptreel-Repeated"]) == (generation_id, "true")
    assert list(made()) == [generation_id]
    assert cloud.creates(prompt) == 1
