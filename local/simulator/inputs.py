"""The links that a request gives the provider: it fetches them, and a job whose link is dead fails, uncharged.

That it then fails, and when, the provider does not document. This machine is never left: only a link to it is fetched,
and any other is taken to be alive.
"""

import functools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from local.simulator.models import CATALOGUE, Refused

SECONDS = 20.0  # for a link to answer
HERE = {"127.0.0.1", "localhost"}
LINKS, DATA = ("http://", "https://"), "data:"


def check_links(request: Mapping[str, Any]) -> str | None:
    """Why a job with this request fails, None if its links are alive; raises Refused (400) for what is no link."""
    for field, link in _links(request):
        if not link.startswith((*LINKS, DATA)):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{field} must be a valid URL.")
        if urlsplit(link).hostname in HERE and (problem := _problem(link)):
            return f"The file behind {field} could not be downloaded: {problem}."
    return None


def _problem(link: str) -> str | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(link, timeout=SECONDS) as answer:
            kind = answer.headers.get_content_maintype()
            return None if answer.read(1) and kind in ("image", "video", "audio") else f"it is {kind}"
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except OSError as error:
        return type(error).__name__


def _links(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a field that takes links, in whatever it is inside of."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _links(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _links(inner, field)
    elif isinstance(value, str) and field in _fields():
        yield field, value


@functools.cache
def _fields() -> set[str]:
    entries = [json.loads(file.read_text("utf-8")) for file in CATALOGUE.glob("*.json")]
    paths = [one["field"] for entry in entries for one in entry["inputs"]]
    return {path.removesuffix("[]").rpartition(".")[2] for path in paths}
