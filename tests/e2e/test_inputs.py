"""Files and videos that requests name, on the deployed stack: the provider fetches what it is given."""

import hashlib
import io

import requests
from PIL import Image

from core.generation import Status
from tests.support.local_cloud import LocalCloud, unique

MODEL, EXTEND = "google/veo-3.1-i2v-fast", "google/veo3-1-extend-video"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(file, "PNG")
    return file.getvalue()


def upload(cloud: LocalCloud, content: bytes, headers: dict[str, str]) -> str:
    """Send a file as any HTTP client would: the reference to it."""
    asked = {"content_type": "image/png", "sha256": hashlib.sha256(content).hexdigest()}
    answer = cloud.call("POST", "/v2/uploads", json=asked, headers=headers).json()
    form = answer["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=60)
    assert sent.ok, sent.text
    return str(answer["reference"])


def test_an_uploaded_picture_becomes_a_video_and_that_one_a_longer_one(cloud: LocalCloud) -> None:
    prompt = unique("a teal sea")
    cloud.simulator.script(prompt, seconds=0)
    reference = upload(cloud, picture(), {})
    first = cloud.create(prompt, model=MODEL, image_url=reference)
    second = cloud.create(prompt, model=EXTEND, video_url=f"generation:{first}")
    for generation_id in (first, second):
        ended = cloud.ended(generation_id)
        assert ended.status is Status.COMPLETED, ended.error
    assert cloud.archived(first) == ["generation.json", "1.png", "video.mp4"]
    assert cloud.creates(prompt) == 2


def test_nobody_reaches_the_files_of_another_owner(cloud: LocalCloud) -> None:
    bob = {"Authorization": f"Bearer {cloud.key_of(unique('bob').replace(' ', '-'))}"}
    mine = upload(cloud, picture(), {})
    request = {"model": MODEL, "prompt": "a teal sea", "image_url": mine}
    answer = cloud.call("POST", json=request, headers=bob)
    assert (answer.status_code, "no file of yours here" in answer.text) == (400, True)


def test_a_form_takes_no_other_key_and_no_other_type(cloud: LocalCloud) -> None:
    form = cloud.call("POST", "/v2/uploads", json={"content_type": "image/png"}).json()["upload"]
    for changed in ({"key": "uploads/bob/x"}, {"Content-Type": "text/html"}):
        sent = requests.post(form["url"], data=form["fields"] | changed, files={"file": b"x"}, timeout=60)
        assert sent.status_code == 403, changed
