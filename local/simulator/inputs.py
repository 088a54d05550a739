"""Fetch the links in a request, as the provider does. A job with a link that does not work fails without a charge.

The provider does not document this failure or its time. Only links to some hosts are fetched; all others are assumed to
work.
"""

import functools
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from local.simulator.models import CATALOGUE, Refused

SECONDS = 20.0  # timeout of a link
HERE = frozenset({"127.0.0.1", "localhost"})
LINKS, DATA = ("http://", "https://"), "data:"


def check_links(request: Mapping[str, Any], hosts: Collection[str] = HERE) -> str | None:
    """Return why a job with this request fails, or None if its links to `hosts` work.

    Raise Refused (400) for an invalid link."""
    for field, link in _links(request):
        if not link.startswith((*LINKS, DATA)):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{field} must be a valid URL.")
        if urlsplit(link).hostname in hosts and (problem := _problem(link)):
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
    """Yield every string in fields for links, at any depth."""
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
