"""Call the simulator in its tests."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import requests

from local.simulator.control import SimulatorControl

KEY = "a-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
NEW_FORM, OLD_FORM = "/v2/video/generations", "/v2/generate/video/google/generation"
PROMPT = "A paper boat"


class Clock:
    """A clock of epoch seconds that a test moves."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """A client of the provider that has one prompt."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control = SimulatorControl(url)

    def create(
        self, *, path: str = NEW_FORM, headers: dict[str, str] | None = None, timeout: float = 10, **fields: Any
    ) -> requests.Response:
        body = {"prompt": PROMPT, "model": "veo2", **fields}
        headers = AUTHORIZED | (headers or {})
        return requests.post(self.url + path, json=body, headers=headers, timeout=timeout, allow_redirects=False)

    def fetch(self, generation_id: str, path: str = NEW_FORM) -> requests.Response:
        query = {"generation_id": generation_id}
        return requests.get(self.url + path, params=query, headers=AUTHORIZED, timeout=10, allow_redirects=False)

    def logs(self, *, key: str = KEY, timeout: float = 10, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.get(self.url + "/v2/logs", params=query, headers=headers, timeout=timeout)

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        """Return the first page of the request log, by default of the last hour."""
        rows: list[dict[str, Any]] = self.logs(**(query if "start" in query else {"period": "1h"} | query)).json()[
            "data"
        ]
        return rows

    def finished(self, **fields: Any) -> dict[str, Any]:
        """Create a generation that takes no time, and fetch it."""
        answer: dict[str, Any] = self.fetch(self.create(**fields).json()["id"]).json()
        return answer

    def download(self, url: str, **options: Any) -> requests.Response:
        """Return the response to a request for a video."""
        return download(url, **options)


def download(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=10, allow_redirects=False, **options)


def raw_get(url: str, headers: dict[str, str] | None = None) -> tuple[str | None, bytes]:
    """Return the declared length and the body.

    Raise what the socket raises, and IncompleteRead if the body ends early.
    """
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers or {})
        response = connection.getresponse()
        return response.getheader("Content-Length"), response.read()


def boxes(file: bytes) -> list[str]:
    """Return the names of an MP4's top-level boxes. Fail if their sizes do not add up to the file's."""
    names, position = [], 0
    while position < len(file):
        names.append(file[position + 4 : position + 8].decode())
        position += int.from_bytes(file[position : position + 4], "big")
    assert position == len(file)
    return names
