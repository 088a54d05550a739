"""The deployed HTTP API, as its users meet it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.local_cloud import LocalCloud, unique

PATHS = ["/v2/video/generations", "/v2/generate/video/google/generation"]


@pytest.mark.parametrize("path", PATHS)
def test_a_prompt_becomes_a_video_behind_a_link_that_needs_no_credentials(cloud: LocalCloud, path: str) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)
    created = cloud.call("POST", path, json={"model": "veo2", "prompt": prompt, "aspect_ratio": "9:16"}).json()
    cloud.ended(created["id"])
    fetched = cloud.call("GET", path, params={"generation_id": created["id"]}).json()
    assert fetched["status"] == "completed"
    video = requests.get(fetched["video"]["url"], timeout=30)
    assert video.content[4:8] == b"ftyp"
    assert len(video.content) == fetched["video"]["file_size"]
    assert video.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Bearer pr_00000000_" + "a" * 43])
def test_without_a_valid_key_everything_is_401(cloud: LocalCloud, key: str) -> None:
    for method in ("POST", "GET"):
        answer = cloud.call(method, headers={"Authorization": key}, params={"generation_id": "x"}, json={})
        assert answer.status_code == 401
        assert answer.json()["message"]


def test_bad_input_is_400_in_the_providers_form(cloud: LocalCloud) -> None:
    answer = cloud.call("POST", json={"model": "veo2", "prompt": "x", "duration": 60})
    assert answer.status_code == 400
    assert answer.json()["message"] == "`duration` must be one of 5, 6, 7, 8, not 60."
    assert answer.json().keys() == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert cloud.call("POST", data="{").status_code == 400


def test_health_needs_no_key(cloud: LocalCloud) -> None:
    assert requests.get(f"{cloud.stack.api_url}/health", timeout=10).json() == {"status": "ok"}


def test_fifty_repetitions_at_once_with_one_key_are_one_paid_video(cloud: LocalCloud) -> None:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)

    def create(_: int) -> str:
        answer = cloud.call(
            "POST", json={"model": "veo2", "prompt": prompt}, headers={"Idempotency-Key": prompt.replace(" ", "-")}
        )
        return str(answer.json()["id"])

    with ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(create, range(50)))
    assert len(ids) == 1
    cloud.ended(ids.pop())
    assert cloud.creates(prompt) == 1
