"""Test that no web page can use the local cloud: neither the local AWS nor the simulator of the provider."""

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.emulator import guarded
from local.guard import refusal, shows_video
from local.simulator.process import Behaviour
from local.simulator.server import Simulator

OWN = [
    {"host": "127.0.0.1:4566"},
    {"host": "localhost"},
    {"host": "[::1]:4566"},
    {"host": "abc.execute-api.localhost:4566"},
    {"host": "127.0.0.1:1", "sec-fetch-site": "none"},  # a link that is opened from the terminal
    {"host": "127.0.0.1:1", "sec-fetch-site": "same-origin"},
    {"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:4566", "sec-fetch-site": "same-origin"},  # the console
    {"host": "127.0.0.1:4566", "origin": "https://127.0.0.1:4566"},
]
FOREIGN = [
    {},
    {"host": "evil.example.com"},
    {"host": "evil.example.com:4566"},
    {"host": "127.0.0.1.evil.example.com:4566"},
    {"host": "localhost.evil.example.com"},
    {"host": "evillocalhost"},
    {"host": "127.0.0.1:4566", "origin": "https://evil.example.com"},
    {"host": "127.0.0.1:4566", "origin": "null"},
    {"host": "127.0.0.1:4566", "origin": ""},
    {"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:4567"},  # another port is another program
    {"host": "127.0.0.1:4566", "origin": "http://localhost:4566"},
    {"host": "evil.example.com:4566", "origin": "http://evil.example.com:4566"},
    {"host": "127.0.0.1:4566", "sec-fetch-site": "cross-site"},  # an image on a page, without an origin
    {"host": "127.0.0.1:4566", "sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_program_on_this_machine_is_accepted(headers: dict[str, str]) -> None:
    assert refusal(headers) is None


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_web_page_is_rejected(headers: dict[str, str]) -> None:
    assert refusal(headers)


VIDEO = f"/videos-1/videos/{'0a' * 16}/video.mp4"
SIGNED = "response-content-type=video%2Fmp4&X-Amz-Expires=3600&X-Amz-Signature=0a"
SHOWING = {"host": "127.0.0.1:4566", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
SHOWING["sec-fetch-dest"] = "video"
SAVING = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def test_the_page_of_a_short_link_shows_and_saves_its_video_although_it_has_no_origin() -> None:
    assert refusal(SHOWING)
    assert shows_video(SHOWING, "GET", VIDEO, SIGNED)
    for name in ("video.gif", "poster.jpg"):
        assert shows_video({**SHOWING, "sec-fetch-dest": "image"}, "GET", VIDEO.replace("video.mp4", name), SIGNED)
    assert shows_video({**SHOWING, **SAVING}, "GET", VIDEO, f"{SIGNED}&response-content-disposition=attachment")


@pytest.mark.parametrize(
    ("headers", "method", "path", "query"),
    [
        ({}, "POST", VIDEO, SIGNED),
        (SAVING, "POST", VIDEO, SIGNED),
        (SAVING, "GET", "/", SIGNED),
        ({**SAVING, "sec-fetch-dest": "iframe"}, "GET", VIDEO, SIGNED),
        ({"origin": "null"}, "GET", VIDEO, SIGNED),
        ({"host": "evil.example.com"}, "GET", VIDEO, SIGNED),
        ({"sec-fetch-mode": "cors"}, "GET", VIDEO, SIGNED),
        ({"sec-fetch-dest": "empty"}, "GET", VIDEO, SIGNED),
        ({"sec-fetch-dest": "iframe"}, "GET", VIDEO, SIGNED),
        ({}, "GET", "/", SIGNED),
        ({}, "GET", f"{VIDEO}/..", SIGNED),
        ({}, "GET", VIDEO.replace("video.mp4", "generation.json"), SIGNED),
        ({}, "GET", VIDEO, ""),
        ({}, "GET", VIDEO, f"{SIGNED}&Action=DeleteQueue"),
        ({}, "GET", VIDEO, f"{SIGNED}&acl"),
    ],
    ids=range(15),
)
def test_a_web_page_can_do_nothing_else(headers: dict[str, str], method: str, path: str, query: str) -> None:
    assert not shows_video({**SHOWING, **headers}, method, path, query)


@pytest.mark.parametrize("headers", [*OWN, *FOREIGN], ids=str)
def test_no_rejected_request_reaches_the_local_aws(headers: dict[str, str]) -> None:
    reached, sent = [], []

    async def app(scope: dict[str, Any], *_: Any) -> None:
        reached.append(scope)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}

    async def ask() -> None:
        await guarded(app)(scope, receive, send)

    asyncio.run(ask())
    assert bool(reached) is (headers in OWN)
    assert [message["status"] for message in sent if "status" in message] == ([] if headers in OWN else [403])


@pytest.mark.parametrize("headers", [one for one in FOREIGN if "host" in one], ids=str)
def test_no_rejected_request_reaches_the_simulator(headers: dict[str, str]) -> None:
    with Simulator(Behaviour(keys=["key"], seconds=0)) as simulator:
        for path in ("/_simulator/reset", "/v2/video/generations"):
            connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc)
            connection.putrequest("POST", path, skip_host=True)
            for name, value in {**headers, "content-length": "0", "authorization": "Bearer key"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            assert connection.getresponse().status == 403
            connection.close()
