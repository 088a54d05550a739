"""Short links, which need no key.

A response never shows whether a generation exists: every link that does not work gets the same 404. The address
without a file name is a page that plays the video, and with one it redirects to S3.
"""

from collections.abc import Callable
from datetime import UTC, timedelta
from functools import cache
from http import HTTPStatus
from typing import Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import LINK_PATH
from core.api.link_page import Page, Sources, refusal_page, video_page
from core.api.opening import Opened, Opening, Refusal
from core.archive.objects import POSTER_NAME, poster_url, presigned_url
from core.generation import ArchivedVideo
from routes.parameters import base_url
from wiring import now
from wiring.api import api_settings, deletion, tokens
from wiring.retention import make_retention

HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
UNKNOWN = "This link does not work", "It may have expired, or its owner has ended it."
TOO_OFTEN = "This link was opened too often today", "Try again tomorrow (UTC)."
# Browsers and search engines must neither pass the link on nor keep it.
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

router = APIGatewayHttpRouter()


@cache
def _opening() -> Opening:
    s = api_settings()
    return Opening(deletion().ledger, tokens(), most=s.link_opens_a_day, retention=make_retention(s))


@router.get(f"{LINK_PATH}/<token>")
@router.head(f"{LINK_PATH}/<token>")
def open_(token: str) -> Response[str]:
    """Return a page that plays the video. Chats that make a preview do not say that they accept HTML."""
    return _answer(token, lambda opened: _shown(HTTPStatus.OK, video_page(opened, _sources(token, opened.video))))


@router.get(f"{LINK_PATH}/<token>/<name>")
@router.head(f"{LINK_PATH}/<token>/<name>")
def redirect(token: str, name: str) -> Response[str]:
    """Redirect to the poster if that is the name, and otherwise to the video: clients save the file by any name."""
    return _answer(token, lambda opened: _redirected(opened.video, is_poster=name == POSTER_NAME))


def _answer(token: str, answer: Callable[[Opened], Response[str]]) -> Response[str]:
    found = _opening().open(token)
    if found is Refusal.UNKNOWN:
        return _refused(HTTPStatus.NOT_FOUND, *UNKNOWN)
    if found is Refusal.TOO_OFTEN:
        return _refused(HTTPStatus.TOO_MANY_REQUESTS, *TOO_OFTEN, {"Retry-After": str(_seconds_left_today())})
    return answer(found)


def _sources(token: str, video: ArchivedVideo) -> Sources:
    s3, seconds = deletion().objects.s3, api_settings().url_lifetime_seconds
    poster = poster_url(s3, video, seconds)
    return Sources(
        video=presigned_url(s3, video, seconds),
        download=presigned_url(s3, video, seconds, disposition=f'attachment; filename="{video.file_name}"'),
        poster=poster,
        card=poster and f"{base_url(router)}{LINK_PATH}/{token}/{POSTER_NAME}",
    )


def _redirected(video: ArchivedVideo, *, is_poster: bool) -> Response[str]:
    # A presigned link is valid for one method.
    s3, seconds = deletion().objects.s3, api_settings().url_lifetime_seconds
    method: Literal["get_object", "head_object"] = "head_object" if _is_head() else "get_object"
    poster = poster_url(s3, video, seconds, method) if is_poster else None
    return _response(HTTPStatus.FOUND, TEXT, "", {"Location": poster or presigned_url(s3, video, seconds, method)})


def _shown(status: HTTPStatus, page: Page, headers: dict[str, str] | None = None) -> Response[str]:
    return _response(status, HTML, page.html, {"Content-Security-Policy": page.policy, **(headers or {})})


def _refused(status: HTTPStatus, heading: str, advice: str, headers: dict[str, str] | None = None) -> Response[str]:
    if "text/html" in router.current_event.headers.get("accept", ""):
        return _shown(status, refusal_page(heading, advice), headers)
    return _response(status, TEXT, f"{heading}. {advice}\n", headers)


def _response(status: HTTPStatus, kind: str, body: str, headers: dict[str, str] | None = None) -> Response[str]:
    return Response(status.value, kind, "" if _is_head() else body, headers={**HEADERS, **(headers or {})})


def _is_head() -> bool:
    return bool(router.current_event.http_method == "HEAD")


def _seconds_left_today() -> int:
    time = now().astimezone(UTC)
    tomorrow = time.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((tomorrow - time).total_seconds()) + 1
