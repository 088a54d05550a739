"""Serve the console, as it is deployed, with an API in memory, for tests that need no local cloud."""

import base64
import functools
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

import av
from PIL import Image, ImageOps

import console
from core.api import models as catalogue
from core.api.link_page import Page
from core.errors import InvalidRequest, NotFound
from core.intake.edit import Edit
from core.learned.times import Times
from core.models import offered

KEY = "pr_" + "1" * 8 + "_" + "a" * 43
MODEL, PORTRAIT = "google/veo-3.1-t2v-fast", "kling-video/v1.6/standard/text-to-video"
RATIOS = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (240, 240), "4:3": (280, 210), "21:9": (420, 180)}
PROMPTS = (
    "A violin maker shaping a scroll by lamplight, dust in the air, slow dolly in",
    "Ink dissolving in water, teal and copper",
    "An old tram climbing a steep street, morning light",
    "Origami cranes taking flight from a windowsill",
    "A red fox crossing fresh snow, breath visible in the cold",
    "A lighthouse in a storm, waves breaking over the rocks",
    "A paper boat drifting down a rainy street at dusk",
    "قارب ورقي ينجرف في شارع ممطر",
    "סירת נייר שטה ברחוב גשום",
    "雨の通りを漂う紙の船、夕暮れ時",
    "🦊❄️ a fox, but make it tiny 🏔️",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
Answer = tuple[int, Any]


def _price(number: int, schema: dict[str, Any]) -> dict[str, Any]:
    """Return an invented price: by second if the duration has a default, else by video."""
    unit = "second" if "default" in schema["properties"].get("duration", {}) else "video"
    price = 0.05 if unit == "second" else 0.1 + number % 12 / 10
    return {"kind": "fixed", "currency": "USD", "units": [{"name": unit, "price": price}]}


@functools.cache
def _figures() -> catalogue.Figures:
    prices = {
        one.name: _price(number, one.schema) for number, one in enumerate(_offered()) if number % 9 and one.schema
    }
    prices[MODEL] = {"kind": "fixed", "currency": "USD", "units": [{"name": "second", "price": 0.1}]}
    return catalogue.Figures(times={MODEL: Times((30.0, 40.0, 55.0))}, prices=prices)


@dataclass
class Api:
    """What one owner has, and the calls that were received. A test changes both freely."""

    base: str = ""
    generations: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    usd: float = 0.4
    report: list[dict[str, Any]] = field(default_factory=list)
    hidden_posters: set[str] = field(default_factory=set)  # the ids of videos whose poster is not made yet
    shapes: dict[str, str] = field(default_factory=dict)  # of files, by id; those of the requests if there is none
    shared: dict[str, Page] = field(default_factory=dict)  # pages of short links, by path
    facts: bool = True  # whether answers have a poster and the facts of the video
    scope: str = "all"  # of the key in use
    locked: set[str] = field(default_factory=set)  # the ids of videos whose tags cannot be changed

    def add(
        self, prompt: str = "A kite", *, stage: str = "completed", ratio: str = "16:9", **meta: Any
    ) -> dict[str, Any]:
        """Add a generation, newer than all others, and return it. `meta` replaces parts of its own `meta`."""
        number = len(self.generations)
        generation_id = sha256(f"{number} {prompt}".encode()).hexdigest()[:32]
        created = datetime.now(UTC) - timedelta(days=3) + timedelta(minutes=number)
        times = [_iso(created + timedelta(seconds=seconds)) for seconds in (0, 2, 44, 47)]
        ended = stage in ("completed", "error")
        request = {"model": MODEL, "prompt": prompt, "duration": 4, "aspect_ratio": ratio, **meta.pop("request", {})}
        width, height = RATIOS[ratio]
        error = meta.pop(
            "error",
            {"name": "RequestRefused", "message": "The provider rejected the prompt.", "remedy": "Change the prompt."},
        )
        self.generations[generation_id] = {
            "id": generation_id,
            "status": "generating" if stage == "archiving" else stage,
            "video": {
                "url": f"{self.base}/videos/{generation_id}.mp4",
                "content_type": "video/mp4",
                "file_name": f"{generation_id}.mp4",
                "file_size": 2_400_000,
                **(
                    {
                        "poster_url": f"{self.base}/posters/{generation_id}.jpg",
                        "width": width,
                        "height": height,
                        "duration": 4.0,
                        "frame_rate": 24,
                        "has_sound": number % 3 == 0,
                    }
                    if self.facts
                    else {}
                ),
            }
            if stage == "completed"
            else None,
            "error": error if stage == "error" else None,
            "meta": {
                "usage": {"credits_used": None},
                "stage": stage,
                "ahead": 2 if stage == "queued" else None,
                "waits_for": None,
                "waits_for_credits": None,
                "timeline": None,
                "video_expires_at": None,
                "request": request,
                "unchecked": [],
                "created_at": times[0],
                "submitted_at": None if stage == "queued" else times[1],
                "generated_at": times[2] if stage == "completed" else None,
                "ended_at": times[3] if ended else None,
                "source": {"kind": "api"},
                "batch": None,
                "name": None,
                "tags": [],
                "cost": {
                    "estimated_usd": 0.4,
                    "basis": "price",
                    "actual_usd": 0.4 if stage == "completed" else 0 if ended else None,
                },
                "webhook": None,
                **meta,
            },
        }
        kept = self.generations[generation_id]["meta"]
        kept["timeline"] = kept["timeline"] or _timeline(kept)
        return self.generations[generation_id]

    def furnish(self, count: int = 40) -> None:
        """Add videos of every shape, jobs that run, failures, and a batch."""
        ratios = [*RATIOS]
        for number in range(count):
            self.add(
                PROMPTS[number % len(PROMPTS)],
                ratio=ratios[number * 7 % len(ratios)],
                tags=["shop"] if number % 4 == 0 else [],
            )
        batch = {"id": "b" * 32, "row": 1}
        self.batches = [_batch("b" * 32, "spring-campaign.csv", "completed"), _batch("c" * 32, "summer.csv", "running")]
        for row in range(1, 6):
            self.add("A banquet of famous people", stage="error", batch={**batch, "row": row})
        self.add("A bus full of celebrities, one of them waves", stage="error")
        self.add(
            "A snail crossing a garden path, macro",
            stage="error",
            error={"name": "Cancelled", "message": "Cancelled.", "remedy": None},
        )
        now = datetime.now(UTC)
        self.add(
            "A kite over the dunes",
            stage="generating",
            created_at=_iso(now - timedelta(seconds=31)),
            submitted_at=_iso(now - timedelta(seconds=30)),
        )
        self.add("A second kite, higher", stage="queued", created_at=_iso(now - timedelta(seconds=5)), ratio="9:16")
        self.report = [
            {
                "row": row,
                "name": None,
                "tags": [],
                "prompt": PROMPTS[row % len(PROMPTS)],
                "generation_id": list(self.generations)[row % count],
                "status": "error" if row % 3 == 0 else "completed",
                "s3_uri": None,
                "credits_used": None,
                "usd": 0.4,
                "error": "The provider rejected the prompt." if row % 3 == 0 else None,
            }
            for row in range(1, 31)
        ]

    def pages(self) -> dict[str, str]:
        """Return the address of each page of a furnished owner, with an element that appears when it is ready."""
        done = [one["id"] for one in self.generations.values() if one["status"] == "completed"]
        failed = next(one["id"] for one in self.generations.values() if one["status"] == "error")
        running = next(one["id"] for one in self.generations.values() if one["status"] == "generating")
        return {
            "": ".card .is-there",
            f"video/{done[-1]}": ".timeline",
            f"video/{failed}": ".failure",
            f"video/{running}": ".player .stage",
            "make": "[data-field=prompt]",
            f"compare/{done[0]},{done[1]}": ".controls",
            "batches": ".progress",
            f"batch/{'b' * 32}": "tbody tr",
            "usage": ".budgets li",
            "account": "tbody tr",
        }

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Return the status and the JSON of a call's answer."""
        for verb, pattern, run in self._routes():
            if verb == method and (found := re.fullmatch(pattern, path)):
                try:
                    return run(query, body, *found.groups())
                except NotFound:
                    break
        return 404, {"message": "not found"}

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        generations, batches = "/v2/video/generations", "/v2/batches"
        return [
            ("GET", generations, self._list),
            ("POST", generations, self._create),
            ("PATCH", generations, self._edit),
            ("DELETE", generations, self._delete),
            ("GET", generations + "/(.*)/links", lambda _q, _b, one: (200, {"data": self.links.get(one, [])})),
            ("POST", generations + "/(.*)/links", self._link),
            ("DELETE", generations + "/(.*)/links/(.*)", self._revoke),
            (
                "GET",
                "/v2/models",
                lambda query, _: (200, catalogue.answer(_offered(), _figures(), query)),
            ),
            (
                "POST",
                "/v2/estimates",
                lambda _q, _b: (
                    200,
                    {
                        "usd": self.usd,
                        "at_most_usd": self.usd * 2,
                        "basis": "price",
                        "price_read_at": None,
                        "unchecked": [],
                        "refused": None,
                    },
                ),
            ),
            (
                "GET",
                "/v2/budgets",
                lambda _q, _b: (200, {"data": [_budget("day", 15, 6.2), _budget("month", 150, 139.5)]}),
            ),
            ("GET", "/v2/usage", lambda query, _: (200, _usage(query.get("by", "day")))),
            ("GET", "/v2/slots", lambda _q, _b: (200, _slots())),
            (
                "GET",
                "/v2/keys",
                lambda _q, _b: (200, {"data": [_key("1" * 8, "shop", 4, yours=self.scope), _key("2" * 8, None, None)]}),
            ),
            ("GET", "/v2/webhooks/deliveries", lambda _q, _b: (200, {"data": []})),
            ("GET", batches, self._batches),
            ("POST", batches, self._send),
            ("GET", batches + "/(.*)/report", self._report),
            ("POST", batches + "/(.*)/retry", lambda _q, _b, one: (200, self._batch(one))),
            ("POST", batches + "/(.*)/cancel", lambda _q, _b, one: (200, self._batch(one))),
        ]

    def _list(self, query: dict[str, str], _body: Any) -> Answer:
        if "generation_id" in query:
            found = self.generations.get(query["generation_id"])
            return (200, found) if found else (404, {"message": "There is none."})
        words = query.get("text", "").casefold()
        all_ = sorted(
            self.generations.values(), key=lambda one: one["meta"]["created_at"], reverse=query.get("order") != "oldest"
        )
        kept = [
            one
            for one in all_
            if query.get("status", one["status"]) == one["status"]
            and query.get("model", one["meta"]["request"]["model"]) == one["meta"]["request"]["model"]
            and (not query.get("tag") or query["tag"] in one["meta"]["tags"])
            and (not query.get("batch") or (one["meta"]["batch"] or {}).get("id") == query["batch"])
            and query.get("created_after", "") <= one["meta"]["created_at"] < query.get("created_before", "9")
            and all(word in _searched(one) for word in words.split())
        ]
        first, limit = int(query.get("cursor", 0)), int(query.get("limit", 20))
        more = first + limit < len(kept)
        listed = [{**one, "meta": {**one["meta"], "timeline": None}} for one in kept[first : first + limit]]
        return 200, {"data": listed, "next_cursor": str(first + limit) if more else None}

    def _create(self, query: dict[str, str], body: Any) -> Answer:
        if not str(body.get("prompt", "")).strip():
            problem = {"fields": ["prompt"], "message": "`prompt` is required.", "rule": "required", "allowed": None}
            return 400, {"name": "InvalidRequest", "message": "`prompt` is required.", "problems": [problem]}
        now = _iso(datetime.now(UTC))
        tags = [one.strip() for one in query.get("tag", "").split(",") if one.strip()]
        return 200, self.add(str(body["prompt"]), stage="queued", request=body, created_at=now, tags=tags)

    def _edit(self, query: dict[str, str], body: Any) -> Answer:
        if self.scope == "read":
            return 401, {"name": "Unauthorized", "message": "The scope of this key does not allow this."}
        found = self.generations.get(query["generation_id"])
        if not found:
            return 404, {"message": "There is none."}
        if found["id"] in self.locked:
            return 503, {"message": "Too many changes at once."}
        try:
            found["meta"]["tags"] = Edit.of(body).tags_after(found["meta"]["tags"])
        except InvalidRequest as error:
            return 400, {"name": "InvalidRequest", "message": str(error), "problems": []}
        return 200, found

    def _delete(self, query: dict[str, str], _body: Any) -> Answer:
        found = self.generations.pop(query["generation_id"], None)
        return (200, {"id": found["id"], "deleted": True}) if found else (404, {"message": "There is none."})

    def _link(self, _query: dict[str, str], body: Any, one: str) -> Answer:
        links = self.links.setdefault(one, [])
        seconds = (body or {}).get("expires_in", 7 * 86400)
        ends = None if seconds is None else _iso(datetime.now(UTC) + timedelta(seconds=seconds))
        url = f"{self.base}/v/{uuid4().hex}"
        links.append(
            {
                "number": len(links) + 1,
                "url": f"{url}/a.mp4",
                "page_url": url,
                "automatic": False,
                "created_at": _iso(datetime.now(UTC)),
                "expires_at": ends,
                "shows_prompt": (body or {}).get("show_prompt", False),
                "opens_today": 0,
            }
        )
        return 200, links[-1]

    def _revoke(self, _query: dict[str, str], _body: Any, one: str, number: str) -> Answer:
        self.links[one] = [link for link in self.links.get(one, []) if link["number"] != int(number)]
        return 200, {"number": int(number), "revoked": True}

    def _batch(self, batch_id: str) -> dict[str, Any]:
        return next(one for one in self.batches if one["id"] == batch_id)

    def _batches(self, query: dict[str, str], _body: Any) -> Answer:
        if "batch_id" in query:
            return 200, self._batch(query["batch_id"])
        return 200, {"data": [{**one, "counts": None} for one in self.batches], "next_cursor": None}

    def _send(self, query: dict[str, str], _body: Any) -> Answer:
        if query.get("dry_run"):
            return 200, {
                "id": "d" * 32,
                "name": query["name"],
                "rows": 200,
                "problem_rows": 0,
                "problems": [],
                "unchecked": [],
                "made_before": 0,
                "failed_before": 0,
                "new": 200,
                "rows_before": 0,
                "dropped": 0,
                "choices": [],
                "made_elsewhere": None,
                "estimated_usd": 200 * self.usd,
                "at_most_usd": 300 * self.usd,
                "unpriced": 0,
            }
        self.batches.insert(0, _batch("d" * 32, query["name"], "running"))
        return 200, self.batches[0]

    def _report(self, query: dict[str, str], _body: Any, _one: str) -> Answer:
        return 200, {"data": self.report[: int(query.get("limit", 500))], "next_cursor": None}


def _searched(one: dict[str, Any]) -> str:
    meta = one["meta"]
    return " ".join([str(meta["request"].get("prompt", "")), meta["name"] or "", *meta["tags"]]).casefold()


def _timeline(meta: dict[str, Any]) -> list[dict[str, str]]:
    """Return the steps of a job that nothing delayed."""
    sent = meta["submitted_at"] and datetime.fromisoformat(meta["submitted_at"])
    ended = meta["ended_at"] and datetime.fromisoformat(meta["ended_at"])
    steps = {
        "accepted": meta["created_at"],
        "admitted": sent and _iso(sent - timedelta(seconds=0.9)),
        "sent": sent and _iso(sent - timedelta(seconds=0.6)),
        "submitted": meta["submitted_at"],
        "generated": meta["generated_at"],
        "ended": meta["ended_at"],
        "announced": ended and _iso(ended + timedelta(seconds=0.4)),
    }
    return [{"step": step, "at": at} for step, at in steps.items() if at]


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


@functools.cache
def _offered() -> Any:
    return offered()


def _batch(batch_id: str, name: str, status: str) -> dict[str, Any]:
    counts = {"not_started": 0, "queued": 0, "generating": 0, "completed": 20, "error": 10}
    if status == "running":
        counts = {"not_started": 9, "queued": 4, "generating": 3, "completed": 12, "error": 2}
    return {
        "id": batch_id,
        "name": name,
        "status": status,
        "revision": 1,
        "revisions": [],
        "sha256": None,
        "rows": 30,
        "made_before": 0,
        "rejected": 0,
        "counts": counts,
        "error": None,
        "held_back": None,
        "source": {"kind": "api"},
        "created_at": _iso(datetime.now(UTC) - timedelta(hours=3)),
    }


def _budget(period: str, limit: float, used: float) -> dict[str, Any]:
    return {
        "scope": "owner/shop",
        "period": period,
        "limit_usd": limit,
        "used_usd": used,
        "left_usd": limit - used,
        "renews_at": _iso(datetime.now(UTC) + timedelta(days=1 if period == "day" else 12)),
    }


def _usage(by: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    last_month = (now.replace(day=1) - timedelta(days=1)).replace(day=15)
    days = [*(now - timedelta(days=number) for number in range(25)), last_month]
    groups: dict[str, list[str | None]] = {
        "day": list(dict.fromkeys(f"{day:%Y-%m-%d}" for day in days)),
        "model": [MODEL, PORTRAIT],
        "key": ["1" * 8, None],
        "tag": ["shop", "client=acme"],
        "batch": ["b" * 32],
    }
    data: list[dict[str, Any]] = [
        {
            by: name,
            "completed": 3 + index % 5,
            "failed": index % 3,
            "usd": 1.2 + (index * 7 % 11),
            "errors": {"RequestRefused": index % 3} if index % 3 else {},
        }
        for index, name in enumerate(groups[by])
    ]
    total: dict[str, Any] = {
        "completed": 120,
        "failed": 9,
        "usd": sum(cast("float", one["usd"]) for one in data),
        "errors": {},
    }
    return {"by": by, "from": None, "to": None, "data": data, "total": None if by == "tag" else total}


def _slots() -> dict[str, Any]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [
        {
            "hour": f"{now - timedelta(hours=number):%Y-%m-%dT%H:00Z}",
            "held": number * 7 % 20,
            "waiting": max(0, number % 37 - 20),
        }
        for number in range(150)
    ]
    return {"limit": 20, "held": 3, "waiting": 1, "hours": hours}


def _key(key_id: str, name: str | None, days: int | None, *, yours: str = "") -> dict[str, Any]:
    ends = None if days is None else _iso(datetime.now(UTC) + timedelta(days=days, hours=2))
    return {
        "id": key_id,
        "name": name,
        "line": key_id,
        "scope": yours or "all",
        "short_links": False,
        "created_at": _iso(START),
        "expires_at": ends,
        "repeat_window": None,
        "used_at": _iso(datetime.now(UTC)),
        "is_yours": bool(yours),
    }


@functools.lru_cache(maxsize=512)
def picture(seed: str, width: int, height: int, turn: int = 0) -> Image.Image:
    """Return a picture with two colours that depend on a seed."""
    digest = sha256(seed.encode()).digest()
    hue = digest[0]
    grey = Image.linear_gradient("L").rotate(digest[1] + turn * 6, resample=Image.Resampling.BILINEAR, expand=False)
    grey = ImageOps.fit(grey.crop((48, 48, 208, 208)), (width, height))
    dark, light = f"hsl({hue * 360 // 256}, 60%, 25%)", f"hsl({(hue * 360 // 256 + 50) % 360}, 55%, 65%)"
    return ImageOps.colorize(grey, dark, light)


@functools.lru_cache(maxsize=128)
def clip(seed: str, width: int, height: int) -> bytes:
    """Return an MP4 of two seconds."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"moov_size": "8192"}) as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for turn in range(24):
            container.mux(stream.encode(av.VideoFrame.from_image(picture(seed, width, height, turn))))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(None))
    return file.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _any(self) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path), dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/" or path.startswith("/console"):
            return self._page(path)
        if page := self.api.shared.get(path):
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": page.policy}
            return self._send(200, headers, page.html.encode())
        if found := re.fullmatch(r"/(videos|posters)/(\w+)\.\w+", path):
            return self._media(*found.groups())
        self.api.calls.append((self.command, self.path))
        try:
            given = json.loads(body) if body else None
        except ValueError:
            given = None
        self.api.bodies.append(given)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self._send(401, {"Content-Type": "application/json"}, b'{"message": "This key is not valid."}')
        status, answer = self.api.answer(self.command, path, query, given)
        return self._send(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that the library asks for

    def _page(self, path: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = console.handler({"rawPath": path, "headers": headers, "requestContext": {"stage": "$default"}}, None)
        body = answer["body"]
        self._send(
            answer["statusCode"],
            answer["headers"],
            base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode(),
        )

    def _media(self, kind: str, name: str) -> None:
        ratio = self.api.shapes.get(name) or self.api.generations.get(name, {"meta": {"request": {}}})["meta"][
            "request"
        ].get("aspect_ratio", "16:9")
        size = RATIOS.get(ratio, RATIOS["16:9"])
        if kind == "posters" and name in self.api.hidden_posters:
            return self._send(404, {"Content-Type": "text/plain"}, b"There is none yet.")
        if kind == "posters":
            file = io.BytesIO()
            picture(name, *size).save(file, "JPEG")
            return self._send(200, {"Content-Type": "image/jpeg"}, file.getvalue())
        whole = clip(name, *size)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not wanted:
            return self._send(200, {"Content-Type": "video/mp4", "Accept-Ranges": "bytes"}, whole)
        first, last = int(wanted[1]), min(int(wanted[2] or len(whole) - 1), len(whole) - 1)
        part = {
            "Content-Type": "video/mp4",
            "Accept-Ranges": "bytes",
            "Content-Range": f"bytes {first}-{last}/{len(whole)}",
        }
        return self._send(206, part, whole[first : last + 1])

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has left, which is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def showroom(site: Path) -> Iterator[Api]:
    """Serve the console of a built site. The API's `base` is the address."""
    console.SITE = site
    api = Api()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    api.base = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
