"""Short links, which need no key.

A response never shows whether a generation exists: every link that does not work gets the same 404. A browser that
opens a link without a file name gets a page that plays the video. Any other request is redirected to S3.
"""

import base64
import hashlib
import html
from datetime import UTC, timedelta
from functools import cache
from http import HTTPStatus
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import LINK_PATH
from core.api.opening import Opening, Refusal
from core.archive.objects import poster_url, presigned_url
from core.generation import ArchivedVideo
from wiring import now
from wiring.api import api_settings, deletion, tokens
from wiring.retention import make_retention

HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
UNKNOWN = "This link does not work. It may have expired, or its owner has ended it.\n"
TOO_OFTEN = "This link was opened too often today. Try again tomorrow (UTC).\n"
# Browsers and search engines must neither pass the link on nor keep it.
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_STYLE = "html,body{height:100%;margin:0;background:#000}video,img{width:100%;height:100%;object-fit:contain}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>Video</title><style>{style}</style></head><body>{element}</body></html>\n"
)

router = APIGatewayHttpRouter()


@cache
def _opening() -> Opening:
    s = api_settings()
    return Opening(deletion().ledger, tokens(), most=s.link_opens_a_day, retention=make_retention(s))


@router.get(f"{LINK_PATH}/<token>")
@router.head(f"{LINK_PATH}/<token>")
def open_(token: str) -> Response[str]:
    """Play the video in a browser. Redirect other clients to the video."""
    return _answer(token, as_page="text/html" in router.current_event.headers.get("accept", ""))


@router.get(f"{LINK_PATH}/<token>/<name>")
@router.head(f"{LINK_PATH}/<token>/<name>")
def redirect(token: str, name: str) -> Response[str]:  # noqa: ARG001 - any name, for clients that save the file by it
    """Redirect to the video."""
    return _answer(token, as_page=False)


def _answer(token: str, *, as_page: bool) -> Response[str]:
    found = _opening().open(token)
    if found is Refusal.UNKNOWN:
        return _response(HTTPStatus.NOT_FOUND, TEXT, UNKNOWN)
    if found is Refusal.TOO_OFTEN:
        return _response(HTTPStatus.TOO_MANY_REQUESTS, TEXT, TOO_OFTEN, {"Retry-After": str(_seconds_left_today())})
    if as_page:
        return _page(found)
    return _response(HTTPStatus.FOUND, TEXT, "", {"Location": _url(found, is_head=_is_head())})


def _page(video: ArchivedVideo) -> Response[str]:
    """Return a page that only plays the video, and has neither scripts nor an origin."""
    url = _url(video, is_head=False)
    parts, source = urlsplit(url), html.escape(url)
    # No `og:image`: a chat would keep the picture after the link has ended.
    poster = poster_url(deletion().objects.s3, video, api_settings().url_lifetime_seconds)
    picture = f' poster="{html.escape(poster)}"' if poster else ""
    host = f"{parts.scheme}://{parts.netloc}"
    element = f'<video controls playsinline{picture} src="{source}"></video>'
    directive = f"media-src {host}; img-src {host}" if poster else f"media-src {host}"
    if video.content_type.startswith("image/"):
        element, directive = f'<img alt="" src="{source}">', f"img-src {host}"
    policy = (
        f"sandbox; default-src 'none'; {directive}; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = _PAGE.format(style=_STYLE, element=element)
    return _response(HTTPStatus.OK, HTML, page, {"Content-Security-Policy": policy})


def _url(video: ArchivedVideo, *, is_head: bool) -> str:
    # A presigned link is valid for one method.
    s3, seconds = deletion().objects.s3, api_settings().url_lifetime_seconds
    return presigned_url(s3, video, seconds, "head_object" if is_head else "get_object")


def _response(status: HTTPStatus, kind: str, body: str, headers: dict[str, str] | None = None) -> Response[str]:
    return Response(status.value, kind, "" if _is_head() else body, headers={**HEADERS, **(headers or {})})


def _is_head() -> bool:
    return bool(router.current_event.http_method == "HEAD")


def _seconds_left_today() -> int:
    time = now().astimezone(UTC)
    tomorrow = time.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((tomorrow - time).total_seconds()) + 1
