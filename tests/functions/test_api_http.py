"""Pin how the HTTP API treats paths, methods, bodies, headers and text, whichever library routes its calls."""

import base64
import json
from typing import Any

import pytest

from core.api.body import MAX_BODY_BYTES, MAX_FILES_BYTES
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, ask

OPEN = ["/health", "/openapi.json", "/v1/models", "/models", "/api/v1/models"]
METHODS = {
    "/health": {"GET"},
    "/v1/models": {"GET"},
    PATHS[0]: {"GET", "POST", "PATCH", "DELETE"},
    PATHS[1]: {"GET", "POST"},
    "/v2/models": {"GET"},
    "/v2/uploads": {"POST"},
    "/v2/batches": {"GET", "POST"},
    f"/v2/batches/{'0' * 32}/cancel": {"POST"},
    f"{PATHS[0]}/{'0' * 32}/content": {"GET"},
}
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def message(answer: dict[str, Any]) -> str:
    return str(json.loads(answer["body"])["message"])


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_repeated_slashes_before_a_path_count_as_one(cloud: Cloud, slashes: str) -> None:
    """A client whose base URL ends in a slash sends two."""
    assert ask(cloud, "GET", f"{slashes}{PATHS[0]}")["statusCode"] == 200
    assert ask(cloud, "GET", f"{slashes}/health", owner=None)["statusCode"] == 200
    assert ask(cloud, "GET", f"{slashes}{PATHS[0]}", owner="")["statusCode"] == 401
    refused = ask(cloud, "PUT", f"{slashes}{PATHS[0]}")
    assert (refused["statusCode"], json.loads(refused["body"])["path"]) == (405, PATHS[0])


@pytest.mark.parametrize("path", [f"{PATHS[0]}/", f"/v2/{PATHS[0]}", "/v2//models", "/v2/models/", "/", "/health/x"])
def test_a_path_is_matched_as_a_whole(cloud: Cloud, path: str) -> None:
    assert ask(cloud, "GET", path)["statusCode"] == 404


def test_the_name_of_the_stage_is_removed_from_a_path(cloud: Cloud) -> None:
    context = event("http_api")["requestContext"]
    staged = {**context, "stage": "dev", "http": {**context["http"], "method": "GET", "path": "/dev/v2/models"}}
    assert ask(cloud, "GET", "/dev/v2/models", requestContext=staged)["statusCode"] == 200


@pytest.mark.parametrize("owner", [None, "", "ann"])
def test_another_method_is_405_with_those_that_are_allowed(cloud: Cloud, owner: str | None) -> None:
    """This includes HEAD and OPTIONS, and needs no key."""
    for path, allowed in METHODS.items():
        for method in set(ALL_METHODS) - allowed:
            refused = ask(cloud, method, path, owner=owner)
            assert (refused["statusCode"], method in message(refused)) == (405, True), f"{method} {path}"
            assert set(refused["headers"]["Allow"].split(", ")) == allowed


def test_another_method_is_405_whatever_id_is_in_the_path(cloud: Cloud) -> None:
    for generation_id in ('"', "%", "a b", "é", "\U0001f980", "#", "?x=y", "\\", "`", "'"):
        refused = ask(cloud, "PATCH", f"/v2/batches/{generation_id}/report", owner="")
        assert (refused["statusCode"], refused["headers"].get("Allow")) == (405, "GET")
        assert ask(cloud, "GET", f"/v2/batches/{generation_id}/report")["statusCode"] == 404
        assert ask(cloud, "GET", f"/v2/batches/{generation_id}/report", owner="")["statusCode"] == 401


@pytest.mark.parametrize("path", ["/elsewhere", "/", "/v2", "/v2/batches/x/y/report", "/health/"])
def test_an_unknown_path_is_404_with_any_key_and_401_without_one(cloud: Cloud, path: str) -> None:
    for method in ALL_METHODS:
        for scope in ("read", "create", "all"):
            missing = ask(cloud, method, path, scope=scope)
            assert (missing["statusCode"], message(missing)) == (404, f"The API has no path {path}.")
        for nobody in (None, ""):
            unknown = ask(cloud, method, path, owner=nobody)
            assert (unknown["statusCode"], "API key is missing or not valid" in message(unknown)) == (401, True)


@pytest.mark.parametrize(
    ("status", "asked", "fields"),
    [
        (200, ("GET", "/health"), {"owner": None}),
        (200, ("GET", PATHS[0]), {}),
        (302, ("GET", "content"), {}),
        (400, ("POST", PATHS[0]), {"body": "{"}),
        (401, ("GET", PATHS[0]), {"owner": ""}),
        (401, ("POST", PATHS[0]), {"scope": "read"}),
        (404, ("GET", "/elsewhere"), {}),
        (404, ("GET", PATHS[0]), {"queryStringParameters": {"generation_id": "never-was"}}),
        (405, ("PUT", PATHS[0]), {}),
        (413, ("POST", "/v2/batches"), {"queryStringParameters": {"name": "x.csv"}, "body": "x" * (5 << 20)}),
        (500, ("GET", PATHS[0]), {"broken": True}),
    ],
)
def test_no_response_of_any_status_is_cached_or_sniffed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, status: int, asked: tuple[str, str], fields: dict[str, Any]
) -> None:
    method, path = asked
    if fields.pop("broken", False):
        monkeypatch.setenv("TABLE_NAME", "no-such-table")
    if path == "content":
        created = ask(cloud, "POST", PATHS[0], body=json.dumps({"model": "veo2", "prompt": "a boat"}))
        generation_id = json.loads(created["body"])["id"]
        cloud.run({"generation_id": generation_id}, "submit", "check_status", "finalize")
        path = f"{PATHS[0]}/{generation_id}/content"
    answer = ask(cloud, method, path, **fields)
    assert answer["statusCode"] == status
    headers = answer["headers"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Content-Type"] == "application/json"
    assert answer["isBase64Encoded"] is False
    assert isinstance(answer["body"], str)
    assert not answer.get("cookies")
    if status >= 400:
        body = json.loads(answer["body"])
        assert body.keys() - {"problems"} == {"message", "remedy", "path", "requestId", "statusCode", "timestamp"}
        assert (body["path"], body["requestId"], body["statusCode"]) == (path, "J8m1_iJboAMEVYw=", status)


def test_a_browser_of_another_site_is_not_let_in(cloud: Cloud) -> None:
    """The gateway adds the CORS headers. Browsers reject an answer that has them twice."""
    answer = ask(cloud, "GET", "/v2/models", headers={"origin": "https://example.com", "accept-encoding": "gzip"})
    assert not [name for name in answer["headers"] if name.lower().startswith(("access-control", "content-encoding"))]


@pytest.mark.parametrize("path", [PATHS[0], "/v2/uploads", "/v2/estimates"])
@pytest.mark.parametrize("body", [b"\xff\xfe\xff", b"\x00\xd8", b"\x1f\x8b\x08\x00", b""], ids=repr)
def test_a_body_that_is_not_text_is_400(cloud: Cloud, path: str, body: bytes) -> None:
    encoded = base64.b64encode(body).decode()
    assert ask(cloud, "POST", path, body=encoded, isBase64Encoded=True)["statusCode"] == 400


@pytest.mark.parametrize("body", ["=", "a", "é"])
def test_a_body_that_is_not_even_base64_is_400(cloud: Cloud, body: str) -> None:
    assert ask(cloud, "POST", PATHS[0], body=body, isBase64Encoded=True)["statusCode"] == 400


def test_responses_contain_unescaped_text(cloud: Cloud) -> None:
    """Answers and errors hold no \\u escapes, which would make a Japanese prompt three times as long."""
    prompt = "\u7d19\u306e\u8239, caf\u00e9 \U0001f6a4 \u2028"
    created = ask(cloud, "POST", PATHS[0], body=json.dumps({"model": "veo2", "prompt": prompt}))
    assert created["statusCode"] == 200
    assert prompt in created["body"]
    assert json.loads(created["body"])["meta"]["request"]["prompt"] == prompt
    missing = ask(cloud, "GET", PATHS[0], queryStringParameters={"generation_id": "\u8239"})
    assert (missing["statusCode"], "\u8239" in missing["body"]) == (404, True)


def test_a_query_parameter_is_read_as_the_gateway_decoded_it(cloud: Cloud) -> None:
    """The gateway joins repeated parameters with a comma. A comma inside a single parameter does not split it."""
    body = json.dumps({"model": "veo2", "prompt": "one, two+three %2B caf\u00e9"})
    created = ask(
        cloud,
        "POST",
        PATHS[0],
        body=body,
        queryStringParameters={"tag": "a=1,b"},
        rawQueryString="tag=a%3D1&tag=b",
    )
    assert json.loads(created["body"])["meta"]["tags"] == ["a=1", "b"]
    for text, found in (("one, two", 1), ("two+three", 1), ("%2B", 1), ("caf\u00e9", 1), ('"two three"', 0)):
        listed = ask(cloud, "GET", PATHS[0], queryStringParameters={"text": text, "tag": "a=1"}, rawQueryString="x=y")
        assert len(json.loads(listed["body"])["data"]) == found, text
    assert ask(cloud, "GET", PATHS[0], queryStringParameters={"limit": "1,2"})["statusCode"] == 400
    assert ask(cloud, "GET", PATHS[0], queryStringParameters={"": "x", "unknown": "y"})["statusCode"] == 200


def test_names_of_headers_are_the_same_in_any_case(cloud: Cloud) -> None:
    body = json.dumps({"model": "veo2", "prompt": "a boat"})
    made = [
        json.loads(ask(cloud, "POST", PATHS[0], body=body, headers={name: "one"})["body"])["id"]
        for name in ("idempotency-key", "Idempotency-Key", "IDEMPOTENCY-KEY")
    ]
    assert len(set(made)) == 1


def test_a_call_without_headers_query_or_body_is_read(cloud: Cloud) -> None:
    payload = event("http_api")
    payload["requestContext"]["http"]["method"] = "GET"
    for name in ("headers", "body", "isBase64Encoded", "rawQueryString"):
        del payload[name]
    assert cloud.invoke("api", payload)["statusCode"] == 200


def test_a_body_is_measured_in_bytes(cloud: Cloud) -> None:
    """The limits are exact, with and without base64. Only requests may contain files."""

    def status(path: str, size: int, *, encoded: bool) -> int:
        start, end = '{"model": "veo2", "prompt": "', '"}'
        text = start + "\u00e9" * ((size - len(start + end)) // 2) + "x" * ((size - len(start + end)) % 2) + end
        assert len(text.encode()) == size
        body = base64.b64encode(text.encode()).decode() if encoded else text
        return int(ask(cloud, "POST", path, body=body, isBase64Encoded=encoded)["statusCode"])

    limits = {PATHS[0]: MAX_FILES_BYTES, PATHS[1]: MAX_FILES_BYTES, "/v2/estimates": MAX_FILES_BYTES}
    for path, limit in {**limits, "/v2/uploads": MAX_BODY_BYTES}.items():
        for encoded in (False, True):
            assert status(path, limit, encoded=encoded) == 400, "a lower limit applies to the request without files"
            assert status(path, limit + 1, encoded=encoded) == 413


@pytest.mark.parametrize("path", OPEN)
def test_open_routes_need_no_key(cloud: Cloud, path: str) -> None:
    for owner, scope in ((None, ""), ("", ""), ("ann", "read"), ("ann", "all")):
        assert ask(cloud, "GET", path, owner=owner, scope=scope)["statusCode"] == 200


@pytest.mark.parametrize(
    "vendor", ["kling", "luma-ai", "black.forest_labs", "a b", "é", "..", "<br>", pytest.param("x" * 300, id="long")]
)
def test_the_older_path_works_for_every_vendor(cloud: Cloud, vendor: str) -> None:
    path = f"/v2/generate/video/{vendor}/generation"
    body = json.dumps({"model": "veo2", "prompt": "a boat"})
    created = ask(cloud, "POST", path, body=body, isBase64Encoded=False)
    assert created["statusCode"] == 200
    query = {"generation_id": json.loads(created["body"])["id"]}
    fetched = ask(cloud, "GET", path, queryStringParameters=query)
    assert json.loads(fetched["body"]) == json.loads(created["body"])
    assert ask(cloud, "GET", path, queryStringParameters=query, owner="bob")["statusCode"] == 404
    assert ask(cloud, "POST", path, body=body, isBase64Encoded=False, scope="read")["statusCode"] == 401
    assert ask(cloud, "DELETE", path, queryStringParameters=query)["headers"]["Allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["//", "/", "/google/kling/"])
def test_the_older_path_has_one_vendor(cloud: Cloud, path: str) -> None:
    assert ask(cloud, "GET", f"/v2/generate/video{path}generation")["statusCode"] == 404
