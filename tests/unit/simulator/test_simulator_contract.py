"""Test that the simulator keeps the provider's contract."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import av
import pytest
import requests

from core.archive.check import Check
from core.archive.containers import CONTENT_TYPES
from core.archive.download import Allowed
from core.models import containers_of, known
from local.simulator import clips, process, videos
from local.simulator.clips import Clip
from local.simulator.models import VEO, asked_by
from tests.support.simulator_client import AUTHORIZED, KEY, NEW_FORM, OLD_FORM, PROMPT, Client, download

if TYPE_CHECKING:
    from tests.support.simulator_client import Clock


@pytest.mark.parametrize("path", [NEW_FORM, OLD_FORM])
def test_a_generation_moves_with_time_from_queued_to_completed(either: Client, clock: Clock, path: str) -> None:
    created = either.create(path=path)
    assert created.status_code == 200
    assert created.headers["x-simulator"] == "no AI involved"
    generation_id = created.json()["id"]
    assert generation_id.endswith(":veo2")
    assert created.headers["x-inference-id"] == generation_id
    assert (created.json()["status"], created.json()["video"]) == ("queued", None)

    clock.now += 4
    assert either.fetch(generation_id, path).json()["status"] == "generating"
    clock.now += 2
    fetched = either.fetch(generation_id, path)
    done = fetched.json()
    assert (done["status"], done["error"]) == ("completed", None)
    assert str(done["meta"]["usage"]["credits_used"]) == fetched.headers["x-aimlapi-credits-used"]
    file = either.download(done["video"]["url"])
    assert file.headers["Content-Type"] == done["video"]["content_type"] == "video/mp4"
    assert len(file.content) == done["video"]["file_size"]


@pytest.mark.parametrize("authorization", [{"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {}])
def test_every_call_needs_a_known_key(either: Client, authorization: dict[str, str]) -> None:
    for method, path in [("POST", NEW_FORM), ("GET", NEW_FORM), ("POST", OLD_FORM), ("GET", "/v2/logs")]:
        refused = requests.request(method, either.url + path, headers=authorization, timeout=10)
        assert refused.status_code == 401
        assert set(refused.json()) == {"message", "path", "requestId", "statusCode", "timestamp"}
        assert (refused.json()["statusCode"], refused.json()["path"]) == (401, path)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        pytest.param("[" * 100_000, id="deeply nested"),
        '{"model": "veo2"}',
        '{"prompt": "x"}',
        '{"prompt": 1}',
    ],
)
def test_a_body_without_prompt_and_model_is_refused(either: Client, body: str) -> None:
    assert requests.post(either.url + NEW_FORM, data=body, headers=AUTHORIZED, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "nobody/knows"}, 404),
        ({"duration": 4}, 400),
        ({"duration": [5]}, 400),
        ({"aspect_ratio": "1:1"}, 400),
        ({"model": "google/veo-3.1-i2v"}, 400),
    ],
)
def test_a_request_the_model_cannot_serve_is_refused(either: Client, fields: dict[str, Any], status: int) -> None:
    assert either.create(**fields).status_code == status
    assert either.rows() == []


@pytest.mark.exhaustive
def test_every_model_serves_a_whole_video_for_each_example_of_the_reference(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video has the requested container if a model makes several. Its content is not checked."""
    rendered = {name: videos.render(Clip("any", "any", 1, container=name)) for name in clips.CONTENT_TYPES}
    monkeypatch.setattr(process, "render", lambda clip: rendered[clip.container])
    allowed, served = Allowed((), max_bytes=1 << 20), Counter[str]()
    for name, model in known().items():
        for example in (model.schema or {})["examples"]:
            created = client.create(**{**example, "prompt": example.get("prompt", "")})
            assert created.status_code == 200, (name, created.text)
            clock.now += 60
            video = client.fetch(created.json()["id"]).json()["video"]
            file = download(video[0] if isinstance(video, list) else video["url"])
            check = Check(allowed)
            check.update(file.content)
            check.finish(None)
            asked = re.search(r"\(\.(\w+)\)$", example.get("video_output_type", ""))
            assert check.container == (asked[1] if asked else "mp4") in containers_of(name)
            assert file.headers["Content-Type"] == CONTENT_TYPES[check.container]
            served[check.container] += 1
    assert set(served) >= {"mp4", "webm"}
    assert served.total() >= len(known())


@pytest.mark.parametrize("container", clips.CONTENT_TYPES)
def test_videos_of_other_models_match_their_type_and_can_be_padded(client: Client, container: str) -> None:
    (kind,) = [
        one
        for one in (known()["longcat/distilled/480p"].schema or {})["properties"]["video_output_type"]["enum"]
        if f".{container}" in one
    ]
    client.control.script(PROMPT, seconds=0, video=[{}, {"size": 1_000_001}])
    video = client.finished(model="longcat/distilled/480p", video_output_type=kind)["video"]
    assert (video["content_type"], video["file_name"]) == (CONTENT_TYPES[container], f"output.{container}")
    file = download(video["url"]).content
    assert len(file) == video["file_size"]
    with av.open(io.BytesIO(file), "r") as opened:
        assert len(list(opened.decode(video=0))) == 5 * 12
    padded = download(video["url"])
    if container == "gif":
        assert padded.status_code == 500
        return
    check = Check(Allowed((), max_bytes=1 << 20))
    check.update(padded.content)
    check.finish(1_000_001)
    assert check.container == container


def test_an_extension_in_a_prompt_has_no_effect(client: Client) -> None:
    client.control.script("a film (.webm)", seconds=0)
    assert client.finished(prompt="a film (.webm)")["video"]["content_type"] == "video/mp4"


@pytest.mark.parametrize("model", VEO)
def test_veos_parameters_match_in_the_catalogue_and_the_documentation(model: str) -> None:
    """The catalogue's data and the simulator's, written from the documentation, are independent of each other."""
    schema = known()[model].schema or {}
    asked, duration = asked_by(model), schema["properties"]["duration"]
    assert asked is not None
    assert {int(one) for one in duration["enum"]} == set(asked.durations)
    assert duration["default"] == asked.default_duration
    assert set(schema["required"]) == {"model", *asked.required}


@pytest.mark.parametrize("model", ["gen3a_turbo", "runway/gen4_turbo"])
def test_runway_answers_with_a_list_of_links(either: Client, clock: Clock, model: str) -> None:
    created = either.create(model=model, image_url="https://example.com/a.png").json()
    clock.now += 60
    (link,) = either.fetch(created["id"]).json()["video"]
    assert either.download(link).headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("model", known())
@pytest.mark.exhaustive
def test_a_request_without_what_its_model_requires_is_refused(client: Client, model: str) -> None:
    schema = known()[model].schema or {}
    for field in schema["required"]:
        body = {**schema["examples"][0], field: None}
        body = {"prompt": "", **body} if field != "prompt" else body
        assert client.create(**body).status_code == 400, field


def test_an_unknown_generation_and_an_unknown_path_are_not_found(either: Client) -> None:
    assert either.fetch("nobody:veo2").status_code == 404
    assert either.fetch("").status_code == 400
    assert download(either.url + "/v3/anything").status_code == 404


def test_a_well_formed_client_request_id_is_kept_and_any_other_dropped(either: Client) -> None:
    kept = either.create(headers={"X-Client-Request-Id": "job.1:a_b-c"})
    dropped = either.create(headers={"X-Client-Request-Id": "two words"})
    assert kept.headers["x-client-request-id"] == "job.1:a_b-c"
    assert "x-client-request-id" not in dropped.headers
    listed = {row["inference_id"]: row["client_request_id"] for row in either.rows()}
    assert listed == {kept.json()["id"]: "job.1:a_b-c", dropped.json()["id"]: None}


def test_a_link_expires_and_fetching_again_gives_a_fresh_one(client: Client, clock: Clock) -> None:
    client.control.script(PROMPT, seconds=0)
    done = client.finished()
    clock.now += 601
    assert download(done["video"]["url"]).status_code == 403
    fresh = client.fetch(done["id"]).json()["video"]["url"]
    assert download(fresh).status_code == 200
    for forged in (fresh + "0", fresh.replace("Expires=1", "Expires=2"), fresh.split("?")[0], fresh + "é"):
        assert download(forged).status_code == 403


def test_a_key_sent_to_the_video_host_is_counted_as_a_leak(client: Client) -> None:
    client.control.script(PROMPT, seconds=0)
    url = client.finished()["video"]["url"]
    download(url)
    assert client.control.counts().authorization_leaks == 0
    download(url, headers=AUTHORIZED)
    assert client.control.counts().authorization_leaks == 1
    assert client.control.counts().downloads == 2
