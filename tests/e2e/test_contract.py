"""Check that the deployed API keeps its published contract for any input."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.intake.labels import HEADER
from tests.support.local_cloud import LocalCloud

CREATE = "(create|createOlder)"
# The contract leaves parameters to each model's schema. Requests use these models, with one of each kind.
MODELS = ("veo2", "google/veo3", "luma/ray-2", "klingai/avatar-pro", "wan/v2.1/1.3b/text-to-video", "runway/act_two")
# docs/files.md describes files: no schema can express which texts are tables of allowed prompts.
CONFIG = """headers = { Authorization = "Bearer ${API_KEY}" }
max-redirects = 0
parameters = { "query.strict" = "true" } # otherwise fields that no schema has are accepted

[[operations]]
include-operation-id = "sendBatch"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "413"]
"""


# Every combination that the request schemas suggest would be about a thousand requests. Other tests check the schemas.
@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(
            ["--phases", "examples,fuzzing", "--max-examples", "4"], id="a few requests", marks=pytest.mark.long
        ),
        pytest.param(
            ["--exclude-operation-id-regex", CREATE, "--phases", "examples,coverage,fuzzing", "--max-examples", "25"],
            id="many requests",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            ["--include-operation-id-regex", CREATE, "--phases", "examples,fuzzing", "--max-examples", "40"],
            id="many generations",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_every_response_matches_the_contract(cloud: LocalCloud, tmp_path: Path, scope: list[str]) -> None:
    """Allowed requests are accepted, others are rejected, responses are as documented, and every call needs a key."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    url = cloud.stack.api_url
    contract = tmp_path / "openapi.json"
    contract.write_text(json.dumps(_whole_contract(cloud)))
    command = ["schemathesis", "--config-file", str(config), "run", str(contract), "--url", url]
    command += ["--checks", "all", "--request-timeout", "60", "--max-response-time", "60"]
    command += ["--seed", "1", "--no-color", *scope]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=cloud.environment(API_KEY=cloud.stack.api_key),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _whole_contract(cloud: LocalCloud) -> dict[str, Any]:
    """Return the contract with the schemas of the models' requests that it refers to."""
    contract: dict[str, Any] = cloud.call("GET", "/openapi.json").json()
    found = [_with_links(cloud.call("GET", "/v2/models", params={"id": model}).json()["schema"]) for model in MODELS]
    for path in contract["paths"].values():
        # Like `tag` below, but a header that is not in a list of examples may be right too. Other tests check it.
        for method in path.values():
            method["parameters"] = [one for one in method.get("parameters", ()) if one.get("name") != HEADER]
        for parameter in path.get("post", {}).get("parameters", []):
            if parameter["name"] == "webhook":  # only this machine, because accepted webhooks are called
                # Not the host of other tests' receivers, because a host that fails is paused.
                parameter["schema"] = {"enum": ["http://127.0.0.2:9/", "http://127.0.0.3:9/x?y=z"]}
            if parameter["name"] == "tag":  # no schema can express unique keys, or a total of 20
                parameter["schema"] = {"type": "array", "items": {"enum": ["a", "shot=3", " b , c=d;"]}}
    for parameter in contract["paths"]["/v2/models"]["get"]["parameters"]:
        if parameter["name"] == "settings":  # no schema can express that a text is a JSON object
            parameter["schema"] = {"enum": ["{}", '{"duration": 8, "resolution": "1080p"}', '{"unknown": true}']}
    contract["components"]["schemas"]["Request"] = {
        "oneOf": [{name: value for name, value in schema.items() if name != "$schema"} for schema in found]
    }
    return contract


def _with_links(schema: Any) -> Any:
    """Allow only links as inputs, because no schema can express whether the file of another reference exists.

    Allow numbers as text.
    """
    match schema:
        case {"pattern": str(pattern)} if "https?://" in pattern:
            return {**schema, "pattern": "^https?://[!-~]+$"}
        case {"type": "integer" | "number"} if not {"minimum", "maximum"} & schema.keys():
            return {"anyOf": [schema, {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,14})$"}]}
        case dict():
            return {name: _with_links(value) for name, value in schema.items()}
        case list():
            return [_with_links(value) for value in schema]
    return schema
