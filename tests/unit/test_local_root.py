"""Test that the local AWS offers the HTTP API at the root of its host, and still answers the requests to AWS."""

import asyncio
from typing import Any

import pytest

from local.root import at_root

BASE = "/_aws/execute-api/abc/$default"
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/apigateway/aws4_request"}
BEARER = {"authorization": "Bearer pr_1_secret"}


def reached(path: str, headers: dict[str, str], api_id: str | None = "abc", **more: Any) -> dict[str, Any]:
    """Return the scope that the local AWS gets for a request."""
    scopes: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], *_: Any) -> None:
        scopes.append(scope)

    async def nothing(*_: Any) -> Any:
        return None

    async def serve() -> None:
        await at_root(app, lambda: api_id)(scope, nothing, nothing)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "headers": pairs, **more}
    asyncio.run(serve())
    return scopes[0]


@pytest.mark.parametrize(
    "path",
    ["/v2/video/generations", "/v2/generate/video/google/generation", "/v1/models", "/models", "/api/v1/models"],
)
@pytest.mark.parametrize("headers", [BEARER, {}], ids=["with a key", "without a key"])
def test_a_path_of_the_api_at_the_root_reaches_the_api(path: str, headers: dict[str, str]) -> None:
    assert reached(path, headers)["path"] == BASE + path


def test_an_encoded_path_remains_encoded() -> None:
    scope = reached("/v2/uploads/a b", BEARER, raw_path=b"/v2/uploads/a%20b")
    assert (scope["path"], scope["raw_path"]) == (f"{BASE}/v2/uploads/a b", f"{BASE}/v2/uploads/a%20b".encode())


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/apis", SIGNED),
        ("/v1/apis", SIGNED),
        ("/", {}),
        ("/v2bucket/key", {}),
        ("/models-bucket/key", {}),
        ("/promptreel-videos/v2/video.mp4", {}),
        (f"{BASE}/v2/video/generations", BEARER),
        ("/_ministack/health", {}),
    ],
)
def test_every_other_path_is_unchanged(path: str, headers: dict[str, str]) -> None:
    assert reached(path, headers)["path"] == path


def test_nothing_changes_before_the_api_is_deployed() -> None:
    assert reached("/v2/video/generations", BEARER, api_id=None)["path"] == "/v2/video/generations"


def test_a_message_that_is_no_request_is_unchanged() -> None:
    assert reached("/v2/video/generations", BEARER, type="lifespan")["path"] == "/v2/video/generations"
