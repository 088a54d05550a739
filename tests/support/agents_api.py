"""A small API for the tests of agents: it keeps videos by their idempotency keys, as the real one does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.api_answers import generation

BUDGET = {
    "scope": "key/4cc949af",
    "period": "day",
    "limit_usd": 5.0,
    "used_usd": 0.5,
    "left_usd": 4.5,
    "renews_at": "2026-01-02T00:00Z",
}
LINKS = "/v2/video/generations/"


@dataclass
class AgentsApi:
    """The state of the API. Tests change it to decide what an agent meets."""

    url: str = ""
    price: float = 2.5
    budgets: list[dict[str, Any]] = field(default_factory=lambda: [BUDGET])
    refused: str | None = None
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)  # by idempotency key
    links: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # instead, by "POST /v2/estimates"
    loses: bool = False  # whether the answer to a create is lost after it was recorded
    held: dict[str, threading.Event] = field(default_factory=dict)  # routes that wait
    calls: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)  # route, headers, body
    lock: threading.Lock = field(default_factory=threading.Lock)

    def called(self, route: str) -> list[tuple[dict[str, str], Any]]:
        """Return the headers and bodies of all calls of a route."""
        return [(headers, body) for one, headers, body in self.calls if one == route]

    def answer(self, route: str, query: dict[str, str], headers: dict[str, str], body: Any) -> tuple[int, Any]:
        """Return the status and the body of the response, or the status 0 to close the connection without one."""
        self.calls.append((route, headers, body))
        if route in self.held:
            self.held[route].wait(20)
        if route in self.answers:
            return self.answers[route]
        known: dict[str, Callable[[], tuple[int, Any]]] = {
            "GET /v2/budgets": lambda: (200, {"data": self.budgets}),
            "POST /v2/estimates": lambda: (200, self._estimate()),
            "POST /v2/video/generations": lambda: self._create(headers["idempotency-key"], body),
            "GET /v2/video/generations": lambda: self._found(query),
            "GET /v2/models": lambda: (200, self._models(query)),
            "POST /v2/batches": lambda: (200, self._check(query, body)),
        }
        if route.endswith("/links"):
            return self._links(route, body)
        return known[route]()

    def _estimate(self) -> dict[str, Any]:
        return {"usd": self.price, "at_most_usd": self.price, "basis": "price", "refused": self.refused}

    def _create(self, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self.lock:
            made = {**generation(prompt=body.get("prompt")), "id": f"{len(self.videos) + 1:032x}"}
            found = self.videos.setdefault(key, made)
        return (0, None) if self.loses else (200, found)

    def _found(self, query: dict[str, str]) -> tuple[int, Any]:
        videos = list(self.videos.values())
        if which := query.get("generation_id"):
            found = next((one for one in videos if one["id"] == which), None)
            return (200, found) if found else (404, {"message": f"You have no generation {which}."})
        return 200, {"data": videos[: int(query["limit"])], "next_cursor": None}

    def _models(self, query: dict[str, str]) -> dict[str, Any]:
        offered = [{"id": f"vendor/model-{number}", "title": f"Model {number}"} for number in range(50)]
        if which := query.get("id"):
            return {"id": which, "title": "Veo 2", "schema": {"properties": {"prompt": {"type": "string"}}}}
        return {"data": offered, "next_cursor": None}

    def _check(self, query: dict[str, str], body: bytes) -> dict[str, Any]:
        assert query["dry_run"] == "true"
        rows = len(body.splitlines()) - 1
        problems = [{"row": row, "line": row + 1, "message": "`prompt` is missing."} for row in range(1, rows + 1)]
        return {"id": "b" * 32, "name": query["name"], "rows": rows, "problem_rows": rows, "problems": problems} | {
            "made_before": 0,
            "failed_before": 0,
            "estimated_usd": 2.5,
            "at_most_usd": 2.5,
        }

    def _links(self, route: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        if route.startswith("GET"):
            return 200, {"data": self.links}
        from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - rarely needed

        assert body
        now = datetime.now(UTC)
        made = {
            "number": len(self.links) + 1,
            "url": f"https://example.com/v/token{len(self.links)}/video.mp4",
            "page_url": f"https://example.com/v/token{len(self.links)}",
            "automatic": False,
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(seconds=body["expires_in"])).isoformat(),
            "opens_today": 0,
        }
        self.links.append(made)
        return 200, made


@contextmanager
def serving_agents() -> Iterator[AgentsApi]:
    """Serve the API to concurrent callers."""
    api = AgentsApi()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(headers.get("content-length", "0")))
            is_json = headers.get("content-type") == "application/json"
            body = json.loads(content) if is_json and content else content
            status, answer = api.answer(f"{self.command} {url.path}", query, headers, body)
            self.close_connection = True
            if status == 0:
                return
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _handle  # noqa: N815 - named by the base class

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        http_server.daemon_threads = True
        api.url = f"http://127.0.0.1:{http_server.server_port}"
        threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield api
        finally:
            for event in api.held.values():
                event.set()
            http_server.shutdown()
