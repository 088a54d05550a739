"""Use files and videos as inputs on the deployed stack, with a provider that downloads them."""

import csv
import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from PIL import Image

from core.generation import Status
from tests.support.local_cloud import LocalCloud, eventually, unique

ROOT = Path(__file__).parents[2]
MODEL, EXTEND = "google/veo-3.1-i2v-fast", "google/veo3-1-extend-video"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(file, "PNG")
    return file.getvalue()


def upload(cloud: LocalCloud, content: bytes, headers: dict[str, str]) -> str:
    """Upload a file as any HTTP client would and return its reference."""
    asked = {"content_type": "image/png", "sha256": hashlib.sha256(content).hexdigest()}
    answer = cloud.call("POST", "/v2/uploads", json=asked, headers=headers).json()
    form = answer["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=60)
    assert sent.ok, sent.text
    return str(answer["reference"])


def test_an_uploaded_picture_becomes_a_video_that_is_then_extended(cloud: LocalCloud) -> None:
    prompt = unique("a teal sea")
    cloud.simulator.script(prompt, seconds=0)
    reference = upload(cloud, picture(), {})
    first = cloud.create(prompt, model=MODEL, image_url=reference)
    second = cloud.create(prompt, model=EXTEND, video_url=f"generation:{first}")
    for generation_id in (first, second):
        ended = cloud.ended(generation_id)
        assert ended.status is Status.COMPLETED, ended.error
    assert set(cloud.archived(first)) - {"poster.jpg"} == {"generation.json", "1.png", "video.mp4"}
    assert cloud.creates(prompt) == 2


def test_owners_cannot_use_each_others_files(cloud: LocalCloud) -> None:
    bob = {"Authorization": f"Bearer {cloud.key_of(unique('bob').replace(' ', '-'))}"}
    mine = upload(cloud, picture(), {})
    request = {"model": MODEL, "prompt": "a teal sea", "image_url": mine}
    answer = cloud.call("POST", json=request, headers=bob)
    assert (answer.status_code, "is not one of your files" in answer.text) == (400, True)


def test_an_upload_form_rejects_another_key_or_type(cloud: LocalCloud) -> None:
    form = cloud.call("POST", "/v2/uploads", json={"content_type": "image/png"}).json()["upload"]
    for changed in ({"key": "uploads/bob/x"}, {"Content-Type": "text/html"}):
        sent = requests.post(form["url"], data=form["fields"] | changed, files={"file": b"x"}, timeout=60)
        assert sent.status_code == 403, changed


def test_the_storyboard_recipe_generates_its_chain(cloud: LocalCloud, tmp_path: Path) -> None:
    """Run docs/recipes.md unchanged: a picture becomes a video, which is extended twice and gets another style."""
    recipe = re.search(r"^## A storyboard$.*?^## ", (ROOT / "docs" / "recipes.md").read_text("utf-8"), re.M | re.S)
    assert recipe
    ((_, table), (_, command)) = re.findall(r"^```(csv|sh)\n(.*?)^```", recipe[0], re.M | re.S)
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 4
    for row in rows:
        cloud.simulator.script(row["prompt"], seconds=1)
    (tmp_path / "storyboard.csv").write_text(table)
    (tmp_path / "boat.png").write_bytes(picture())
    ran = subprocess.run(
        [sys.executable, "-m", *shlex.split(command), "--name", f"{uuid4().hex}.csv"],
        cwd=tmp_path,
        env=cloud.environment(HOME=str(tmp_path), PROMPTREEL_LOCAL=str(ROOT / ".local" / "tests" / "stack.json")),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    videos = sorted(path.name for path in (tmp_path / "storyboard").glob("*.mp4"))
    assert [name.split("-")[1] for name in videos] == [row["name"] for row in rows]
    report = list(csv.DictReader(io.StringIO((tmp_path / "storyboard" / "report.csv").read_text("utf-8-sig"))))
    generations = [cloud.ledger.get(row["generation_id"]) for row in report]
    assert generations[0].request["image_url"].startswith("upload:")
    for source, taken in pairwise(generations):
        assert taken.request["video_url"] == f"generation:{source.generation_id}"
        assert source.ended_at
        assert taken.submitted_at
        assert source.ended_at <= taken.submitted_at, "sent after the other one had its video"


def test_a_chain_fails_as_a_whole_without_charge(cloud: LocalCloud) -> None:
    prompt, later = unique("a teal sea"), unique("a wide sea")
    cloud.simulator.script(prompt, seconds=1, outcome="error")
    first = cloud.create(prompt)
    second = cloud.create(later, model=EXTEND, video_url=f"generation:{first}")
    third = cloud.create(later, model=EXTEND, video_url=f"generation:{second}")
    for generation_id in (second, third):
        error = cloud.ended(generation_id).error
        assert error
        assert error.name == "InputUnavailable", error
        assert len(cloud.announcements(generation_id)) == 1
    assert cloud.creates(later) == 0


def test_a_failed_chain_succeeds_when_retried_immediately(cloud: LocalCloud) -> None:
    """The failed run is still handling its rows, and no execution may run twice."""
    first, then = unique("a teal sea"), unique("a wide sea")
    cloud.simulator.script(first, seconds=0, outcome="error")
    cloud.simulator.script(then, seconds=0)
    rows = [
        {"model": "google/veo-3.1-t2v-fast", "prompt": first, "id": "sea"},
        {"model": EXTEND, "prompt": then, "video_url": "row:sea"},
        {"model": EXTEND, "prompt": then, "video_url": "row:2"},
    ]
    body = "".join(json.dumps(row) + "\n" for row in rows)
    which = cloud.call("POST", "/v2/batches", params={"name": f"{uuid4().hex}.jsonl"}, data=body).json()["id"]

    def ended() -> Any:
        found = cloud.call("GET", "/v2/batches", params={"batch_id": which}).json()
        return found["counts"] if found["status"] == "completed" else None

    assert eventually(ended)["error"] == 3
    cloud.simulator.script(first, seconds=0)
    assert cloud.call("POST", f"/v2/batches/{which}/retry").json()["status"] == "running"
    assert eventually(ended)["completed"] == 3
    assert (cloud.creates(first), cloud.creates(then)) == (2, 2)


def test_an_event_can_use_an_object_of_its_owner(cloud: LocalCloud) -> None:
    prompt = unique("a teal sea")
    cloud.simulator.script(prompt, seconds=0)
    ref = cloud.drop(f"inputs/{uuid4().hex}.png", picture())
    detail = {"prompt": prompt, "model": MODEL, "image_url": ref}
    entry = {
        "EventBusName": cloud.stack.bus_name,
        "Source": "my.shop",
        "DetailType": "Generation Requested",
        "Detail": json.dumps(detail),
    }
    event_id = cloud.aws("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
    ended = cloud.of_owner(event_id)
    assert ended.status is Status.COMPLETED, ended.error
    assert not any(one.source.ref == ref for one in cloud.listed()), "not a file of requests"


def test_a_dead_input_link_fails_the_job_without_charge(cloud: LocalCloud) -> None:
    prompt = unique("a teal sea")
    cloud.simulator.script(prompt, seconds=0)
    dead = f"{cloud.stack.aws_endpoint_url}/{cloud.stack.videos_bucket}/nothing.png"
    ended = cloud.ended(cloud.create(prompt, model=MODEL, image_url=dead))
    assert ended.error
    assert "could not be downloaded: HTTP 403" in ended.error.message
    assert ended.credits_used is None
