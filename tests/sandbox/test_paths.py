"""Every way in and every kind of end, with the sandbox's provider."""

import hashlib
import io
import json
import re
import time
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import requests
from PIL import Image

from sandbox.provider import WRONG_HOST_SECONDS, receiver_of
from sandbox.table import RECEIVED
from tests.support.deployed_sandbox import OWNER, Sandbox, eventually, lines, unique


def test_a_request_over_http_becomes_a_verified_video(sandbox: Sandbox) -> None:
    generation_id = sandbox.create(unique("A kite"))
    video = sandbox.completed(generation_id)["video"]
    whole = requests.get(video["url"], timeout=60)
    part = requests.get(video["url"], headers={"Range": "bytes=4-7"}, timeout=60)
    assert (whole.status_code, part.status_code, part.content) == (200, 206, b"ftyp")
    key = f"videos/{generation_id}/generation.json"
    kept = sandbox.aws("s3").get_object(Bucket=sandbox.outputs["VideosBucketName"], Key=key)
    assert json.load(kept["Body"])["video"]["sha256"] == hashlib.sha256(whole.content).hexdigest()
    assert sandbox.execution(generation_id)["status"] == "SUCCEEDED"


def test_a_dropped_file_becomes_a_video(sandbox: Sandbox) -> None:
    prompt = unique("A boat")
    bucket = sandbox.outputs["PromptsBucketName"]
    sandbox.aws("s3").put_object(Bucket=bucket, Key=f"{uuid4().hex}.txt", Body=prompt.encode())
    sandbox.completed(sandbox.by_prompt(prompt))


def test_an_event_becomes_a_video(sandbox: Sandbox) -> None:
    prompt = unique("A train")
    entry = {
        "EventBusName": sandbox.outputs["BusName"],
        "Source": "sandbox.tests",
        "DetailType": "Generation Requested",
        "Detail": json.dumps({"prompt": prompt}),
    }
    assert sandbox.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    sandbox.completed(sandbox.by_prompt(prompt))


def test_a_batch_runs_to_its_report(sandbox: Sandbox) -> None:
    prompt = unique("A bridge")
    rows = [{"prompt": f"{prompt} {number}"} for number in range(3)] + [{"prompt": f"{prompt} [sandbox: fail]"}]
    name = f"{uuid4().hex}.jsonl"
    answer = sandbox.call("POST", "/v2/batches", params={"name": name}, data=lines(*rows))
    assert answer.ok, answer.text
    batch = sandbox.made(answer.json()["id"])

    def look() -> dict[str, int] | None:
        found = sandbox.call("GET", "/v2/batches", params={"batch_id": batch}).json()
        return found["counts"] if found["status"] == "completed" else None

    counts = eventually(look)
    assert (counts["completed"], counts["error"]) == (3, 1)
    assert prompt in sandbox.call("GET", f"/v2/batches/{batch}/report").text


def test_a_cancelled_job_ends_without_a_video(sandbox: Sandbox) -> None:
    generation_id = sandbox.create(unique("A storm [sandbox: never]"))
    eventually(lambda: sandbox.get(generation_id)["status"] == "generating" or None)
    assert sandbox.call("DELETE", params={"generation_id": generation_id}).ok
    assert sandbox.failed(generation_id) == "Cancelled"
    assert sandbox.execution(generation_id)["status"] in ("SUCCEEDED", "ABORTED")


def test_a_failed_job_is_rescued_once_its_cause_is_gone(sandbox: Sandbox) -> None:
    generation_id = sandbox.create(unique("A cave [sandbox: wrong host]"))
    assert sandbox.failed(generation_id) == "VideoForbidden"
    time.sleep(WRONG_HOST_SECONDS)  # the provider's own time, not a guess
    sandbox.run("rescue", generation_id)
    eventually(lambda: sandbox.get(generation_id)["status"] == "completed" or None)


def test_a_webhook_is_delivered(sandbox: Sandbox) -> None:
    receiver = f"{sandbox.provider_url}/received/{receiver_of(sandbox.provider_key)}"
    generation_id = sandbox.create(unique("A bell"), {"webhook": receiver})
    sandbox.completed(generation_id)
    eventually(lambda: any(generation_id in one for one in sandbox.noted(RECEIVED)) or None)


def test_an_uploaded_picture_is_read_by_the_provider(sandbox: Sandbox) -> None:
    content = io.BytesIO()
    Image.new("RGB", (320, 180), (0, 128, 128)).save(content, "PNG")
    answer = sandbox.call("POST", "/v2/uploads", json={"content_type": "image/png"}).json()
    form = answer["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": content.getvalue()}, timeout=60)
    assert sent.ok, sent.text
    prompt = unique("A teal sea")
    sandbox.completed(sandbox.create(prompt, model="google/veo-3.1-i2v-fast", image_url=answer["reference"]))


def test_the_console_is_served_with_its_script(sandbox: Sandbox) -> None:
    page = requests.get(sandbox.url + "/", timeout=60)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    script = requests.get(urljoin(sandbox.url + "/", re.findall(r'src="([^"]+)"', page.text)[0]), timeout=60)
    assert script.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("directive", "error"),
    [("fail", "GenerationFailed"), ("400 once", "RequestRefused")],
)
def test_a_job_fails_with_the_providers_reason(sandbox: Sandbox, directive: str, error: str) -> None:
    generation_id = sandbox.create(unique(f"A fog [sandbox: {directive}]"))
    assert sandbox.failed(generation_id) == error
    assert sandbox.execution(generation_id)["status"] == "FAILED"


@pytest.mark.parametrize("directive", ["429 once", "503 once", "lost"])
def test_a_job_survives_a_rejection_for_now_and_a_lost_answer(sandbox: Sandbox, directive: str) -> None:
    sandbox.completed(sandbox.create(unique(f"A hill [sandbox: {directive}]")))


def test_a_wrong_key_is_refused_by_the_provider(sandbox: Sandbox) -> None:
    for key in ("wrong", sandbox.key):
        headers = {"Authorization": f"Bearer {key}"}
        refused = requests.get(f"{sandbox.provider_url}/v2/billing", headers=headers, timeout=60)
        assert refused.status_code == 401


def test_the_owner_sees_the_cost(sandbox: Sandbox) -> None:
    generation = sandbox.completed(sandbox.create(unique("A coin")))
    assert generation["meta"]["usage"]["credits_used"] > 0
    assert OWNER in sandbox.run("keys", "list")


def test_the_books_of_the_provider_agree_with_the_ledger(sandbox: Sandbox) -> None:
    """Other tests of the day may have left a difference, but not this one's job."""
    generation_id = sandbox.create(unique("A ledger"))
    day = sandbox.completed(generation_id)["meta"]["generated_at"][:10]
    sums = json.loads(sandbox.run("reconcile", "--day", day, "--json", codes=(0, 1)))
    assert sums["counts"]["adds_up"]["count"] >= 1
    bucket, _, key = sums["report"].removeprefix("s3://").partition("/")
    report = sandbox.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert generation_id not in report
