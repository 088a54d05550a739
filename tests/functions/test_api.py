"""The HTTP API's two functions: the provider's contract, and who may see what."""

import json
from typing import Any

import boto3
import pytest

from core.api_keys import issue
from tests.functions.conftest import Cloud, event
from tests.unit.generations import START

PATHS = ["/v2/video/generations", "/v2/generate/video/google/generation"]


def call(
    cloud: Cloud, method: str, path: str, *, body: object = None, owner: str = "ann", query: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["requestContext"]["http"]["method"] = method
    payload["requestContext"]["authorizer"]["lambda"]["owner"] = owner
    payload["headers"].update({name.replace("_", "-"): value for name, value in headers.items()})
    payload["body"] = body if isinstance(body, str | None) else json.dumps(body)
    payload["rawQueryString"] = query
    if query:
        payload["queryStringParameters"] = dict(part.split("=", 1) for part in query.split("&"))
    answer = cloud.invoke("api", payload)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("path", PATHS)
def test_a_request_is_accepted_and_can_be_fetched(cloud: Cloud, path: str) -> None:
    status, created = call(cloud, "POST", path, body={"model": "veo2", "prompt": "a boat"})
    assert status == 200
    assert created == {
        "id": created["id"],
        "status": "queued",
        "video": None,
        "error": None,
        "meta": {"usage": {"credits_used": None}, "stage": "queued"},
    }
    assert call(cloud, "GET", path, query=f"generation_id={created['id']}") == (200, created)
    executions = boto3.client("stepfunctions").list_executions(stateMachineArn=cloud.environment["STATE_MACHINE_ARN"])
    assert [execution["name"] for execution in executions["executions"]] == [created["id"]]


def test_a_finished_generation_has_a_link_to_its_video(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    for function in ("submit", "check_status", "finalize"):
        cloud.invoke(function, {"generation_id": created["id"]})
    _, fetched = call(cloud, "GET", PATHS[0], query=f"generation_id={created['id']}")
    assert fetched["status"] == "completed"
    video = fetched["video"]
    assert video["url"].startswith("https://")
    assert "X-Amz-Expires=3600" in video["url"]
    assert (video["content_type"], video["file_name"]) == ("video/mp4", f"{created['id']}.mp4")
    assert video["file_size"] > 1000
    assert fetched["meta"]["usage"]["credits_used"] > 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "valid JSON"),
        ("{", "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ('{"model": "veo2", "prompt": "x", "seed": NaN}', "NaN is no JSON value"),
        ('{"model": "veo2", "prompt": "\\ud800"}', "not valid Unicode"),
        ("[]", "JSON object"),
        ({}, "`model` must be the name of a model"),
        ({"model": "veo2"}, "`prompt` is required"),
        ({"model": "veo2", "prompt": "x", "duration": 60}, "`duration` must be one of 5, 6, 7, 8"),
        ({"model": "veo2", "prompt": "x" * 300_000}, "too large: at most 262144 bytes"),
    ],
)
def test_bad_input_gets_400_in_the_providers_form_and_costs_nothing(cloud: Cloud, body: object, said: str) -> None:
    status, error = call(cloud, "POST", PATHS[0], body=body)
    assert status == 400
    assert said in error["message"]
    assert error["path"] == PATHS[0]
    assert error["statusCode"] == 400
    assert error["requestId"] == "J8m1_iJboAMEVYw="
    assert error["timestamp"].endswith("Z")
    assert cloud.simulator.calls() == []


def test_a_base64_body_is_read(cloud: Cloud) -> None:
    payload = event("http_api")
    payload["body"], payload["isBase64Encoded"] = "eyJtb2RlbCI6InZlbzIiLCJwcm9tcHQiOiJhIGJvYXQifQ==", True
    assert cloud.invoke("api", payload)["statusCode"] == 200


def test_the_same_idempotency_key_is_the_same_generation(cloud: Cloud) -> None:
    body = {"model": "veo2", "prompt": "a boat"}
    first = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    assert call(cloud, "POST", PATHS[0], body=body, idempotency_key="k") == first
    status, error = call(cloud, "POST", PATHS[0], body={**body, "seed": 1}, idempotency_key="k")
    assert (status, "another request" in error["message"]) == (422, True)
    assert call(cloud, "POST", PATHS[0], body=body, idempotency_key="x" * 256)[0] == 400


def test_nobody_sees_anothers_generation(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    status, foreign = call(cloud, "GET", PATHS[0], owner="bob", query=f"generation_id={created['id']}")
    assert status == 404
    never = call(cloud, "GET", PATHS[0], owner="bob", query="generation_id=never-was")[1]
    assert foreign["message"].replace(created["id"], "never-was") == never["message"]


def test_without_an_owner_nothing_is_answered(cloud: Cloud) -> None:
    for method, path in (("POST", PATHS[0]), ("GET", PATHS[1]), ("GET", "/elsewhere")):
        status, error = call(cloud, method, path, owner="", query="generation_id=x")
        assert (status, error["statusCode"]) == (401, 401)


def test_other_paths_are_not_found_and_health_is(cloud: Cloud) -> None:
    assert call(cloud, "GET", "/elsewhere")[0] == 404
    assert call(cloud, "GET", PATHS[0])[0] == 400
    assert call(cloud, "GET", "/health", owner="") == (200, {"status": "ok"})


def test_a_fault_of_ours_is_a_500_that_tells_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "no-such-table")
    status, error = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    assert status == 500
    assert "no-such-table" not in error["message"]


def test_the_authorizer_names_the_owner_of_a_key_and_of_no_other(cloud: Cloud) -> None:
    key, entry = issue("ann", START)
    boto3.client("secretsmanager").put_secret_value(SecretId="api-keys", SecretString=json.dumps(entry))
    payload = event("authorizer")
    for header, owner in ((f"Bearer {key}", "ann"), (f"bearer {key}", "ann"), (key, ""), ("Bearer x", ""), ("", "")):
        payload["headers"]["authorization"] = header
        assert cloud.invoke("authorize", payload) == {"isAuthorized": True, "context": {"owner": owner}}
