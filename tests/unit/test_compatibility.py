"""Test how the compatibility suite reads samples, fetches repositories and writes its page."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from local.simulator.control import SimulatorControl
from local.simulator.process import Behaviour
from local.simulator.server import Simulator
from tests.compatibility import samples
from tests.compatibility.clients import (
    AGNO,
    CASES,
    CLIENTS,
    HERE,
    IMAGE,
    LOST,
    N8N,
    OPENAI_NODE,
    PROVIDER_SDK,
    TEXT,
    Repository,
)
from tests.compatibility.losing import losing_first_answer
from tests.compatibility.report import SAMPLES, report
from tests.compatibility.repositories import fetch
from tests.compatibility.samples import Sample, Samples, Sent
from tests.compatibility.trial import Trial

FOLDER = Path("docs", "api-references", "video-models")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["model", "prompt"],
    "additionalProperties": False,
    "properties": {
        "model": {"enum": ["veo2"]},
        "prompt": {"type": "string"},
        "duration": {"type": "integer", "enum": [5, 6]},
    },
}
PAGE = """# veo2
```python
base_url = "https://api.aimlapi.com/v2"
url = f"{base_url}/generate/video/google/generation"
requests.post(url, json={"model": "veo2", "prompt": "python"}, headers=headers)
requests.post(url, json={"model": model, "prompt": "a variable"})
```
```javascript
const data = JSON.stringify({ model: "veo2", prompt: `java${""}script`, seed: -1 });
const other = { model: 'veo2', prompt: 'javascript', image_url: '<YOUR_IMAGE_URL>', list: [1, true, null] };
fetch(`${baseUrl}/video/generations`, { body: other });
```
```python
this is not a program
```
```python
requests.get("https://api.aimlapi.com/v2/video/generations", params={"generation_id": id})
```
"""


def reference(folder: Path, *programs: tuple[str, str]) -> Path:
    """Write a reference with a page and an OpenAPI file that has these programs."""
    operation = {
        "requestBody": {"content": {"application/json": {"schema": SCHEMA}}},
        "x-codeSamples": [{"lang": language, "source": source} for language, source in programs],
    }
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "veo2.md").write_text(PAGE)
    (folder / FOLDER / "veo2.json").write_text(json.dumps({"paths": {"/v2/video/generations": {"post": operation}}}))
    return folder


def test_samples_are_read_from_programs_of_all_languages(tmp_path: Path) -> None:
    body = """'{"model": "veo2", "prompt": "it'\\''s"}'"""
    curl = f"curl --url 'https://api.aimlapi.com/v2/video/generations' --data {body}"
    http = 'POST /v2/generate/video/kling/generation HTTP/1.1\nHost: x\n\n{"model": "veo2", "prompt": "http"}'
    found = samples.read(reference(tmp_path, ("cURL", curl), ("HTTP", http), ("cURL", curl), ("HTTP", "GET /")))
    assert [(one.path, json.loads(one.body)["prompt"]) for one in found.found] == [
        ("/v2/video/generations", "it's"),
        ("/v2/generate/video/kling/generation", "http"),
        ("/v2/generate/video/google/generation", "python"),
        ("/v2/video/generations", "javascript"),
    ]
    assert json.loads(found.found[-1].body) == {
        "model": "veo2",
        "prompt": "javascript",
        "image_url": "https://example.com/input",
        "list": [1, True, None],
    }
    assert found.programs == 8
    assert (found.unreadable, found.empty) == (["veo2.md"], ["veo2.json", "veo2.md"])


@pytest.mark.parametrize(
    ("fields", "forbidden"),
    [
        ({"prompt": "a boat"}, False),
        ({"prompt": "a boat", "duration": "5"}, False),
        ({"prompt": "a boat", "unknown": 1}, False),
        ({"prompt": "a boat", "duration": 4}, True),
        ({}, True),
    ],
)
def test_only_the_reference_decides_what_it_forbids(fields: dict[str, Any], forbidden: bool) -> None:
    all_ = Samples([], 0, [], [], {"veo2": SCHEMA})
    sample = Sample("/v2/video/generations", json.dumps({"model": "veo2", **fields}), "veo2.md")
    assert samples.is_forbidden(sample, all_) == forbidden
    assert samples.is_forbidden(sample, Samples([], 0, [], [], {})), "a model that it does not describe"


def test_every_client_has_a_locked_version_and_a_driver() -> None:
    for client in CLIENTS:
        assert client.version[0].isalnum()
        assert (HERE / "drivers" / client.driver).exists()
        assert sorted([*client.models, *client.lacks]) == sorted(CASES), client.name


def test_the_page_names_what_failed_and_keeps_its_samples(tmp_path: Path) -> None:
    failed = Trial(PROVIDER_SDK, IMAGE, ("it made 2 generations",))
    trials = [Trial(AGNO, TEXT), Trial(PROVIDER_SDK, TEXT), failed, Trial(PROVIDER_SDK, LOST)]
    trials += [Trial(N8N, case) for case in N8N.models] + [Trial(OPENAI_NODE, case) for case in CASES]
    rejected = (Sample("/v2/video/generations", "{}", "veo2.md"), "`duration` must be 5 | 6.")
    sent = Sent(samples.read(reference(tmp_path)), accepted=1, forbidden=[rejected])
    page = report(trials, sent, "")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert [row.removesuffix(" |").split(" | ")[-3:] for row in rows[1:5]] == [
        ["works", "-", "-"],
        ["works", "it made 2 generations", "works"],
        ["works", "works", "-"],
        ["works", "works", "works"],
    ]
    assert "Faults of Promptreel until they are explained: 1." in page
    assert f"- {N8N.name} (JavaScript): {N8N.faked}." in page
    assert f"- agno (Python), {IMAGE}: {AGNO.lacks[IMAGE]}." in page
    assert "- aimlapi-sdk-python (Python) drops the path" in page
    assert "| `veo2.md` | `duration` must be 5 / 6. |" in page
    assert report(trials, None, page) == page
    assert report(trials, None, "").partition(SAMPLES)[2].strip().startswith("They were not sent.")


def test_only_the_answer_to_the_first_post_is_lost() -> None:
    headers, body = {"Authorization": "Bearer key"}, {"model": "veo2", "prompt": "a boat"}
    with Simulator(Behaviour(keys=["key"], seconds=0)) as provider, losing_first_answer(provider.url) as proxy:
        url = f"{proxy.url}/v2/video/generations"
        with pytest.raises(requests.ConnectionError):
            requests.post(url, json=body, headers=headers, timeout=10)
        second = requests.post(url, json=body, headers=headers, timeout=10).json()
        fetched = requests.get(url, headers=headers, params={"generation_id": second["id"]}, timeout=10).json()
        assert (fetched["id"], proxy.posts) == (second["id"], 2)
        assert SimulatorControl(provider.url).counts().creates == 2, "both arrived"


def test_the_pinned_commit_is_fetched_and_kept(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()

    def git(*arguments: str) -> str:
        options = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(origin), *options, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (origin / "file").write_text("pinned")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    pinned = Repository(str(origin), git("rev-parse", "HEAD"))
    (origin / "file").write_text("newer")
    git("commit", "--quiet", "-a", "-m", "two")
    assert (fetch(pinned, tmp_path / "kept") / "file").read_text() == "pinned"
    newer = Repository(str(origin), git("rev-parse", "HEAD"))
    assert (fetch(newer, tmp_path / "kept") / "file").read_text() == "newer"
    origin.rename(tmp_path / "gone")
    assert (fetch(newer, tmp_path / "kept") / "file").read_text() == "newer", "it needs no network"
    with pytest.raises(subprocess.CalledProcessError):
        fetch(pinned, tmp_path / "empty")
