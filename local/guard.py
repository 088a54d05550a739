"""Protect the local cloud from web pages: only programs on this machine and its own console may use it.

The local AWS needs no credentials and lets every page read its responses. Without this guard, any page that a developer
visits could run functions and read the provider's key. The headers identify pages: browsers send `Origin` with every
request that can change something, `Sec-Fetch-Site` with all requests, and the page's host name as `Host` after DNS
rebinding. The deployment's own console is allowed, because it is served from the same port.

The page of a short link has no origin, so its requests look like those of a foreign page. It may show and save videos.
A foreign page that knew such a link could do this as well, but could not read the video.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

# A presigned link to a video or its poster, and nothing that another service could take for a call.
_VIDEO = re.compile(r"/[a-z0-9.-]+/videos/[0-9a-f]{32}/(video\.[a-z0-9]+|poster\.jpg)", re.ASCII)
_SHOWING = (("no-cors", "video"), ("no-cors", "image"), ("navigate", "document"))  # modes and destinations
_SIGNED = ("x-amz-", "response-content-")
OWN_HOSTS = {"127.0.0.1", "localhost", "[::1]"}


def refusal(headers: Mapping[str, str]) -> str | None:
    """Return the reason to reject a request with these headers (lower-case names), or None to accept it."""
    host = headers.get("host", "").lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name not in OWN_HOSTS and not name.endswith(".localhost"):
        return "The local cloud accepts only this machine's own host names, such as 127.0.0.1 and localhost."
    own = headers.get("origin", f"http://{host}").lower() in (f"http://{host}", f"https://{host}")
    if not own or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return "The local cloud does not accept requests from web pages. Use it from a program on this machine."
    return None


def shows_video(headers: Mapping[str, str], method: str, path: str, query: str) -> bool:
    """Return whether a page only shows or saves a video by its presigned link: it cannot read or change anything."""
    fetch = {name: headers.get(f"sec-fetch-{name}") for name in ("mode", "dest")}
    names = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    return (
        method == "GET"
        and (fetch["mode"], fetch["dest"]) in _SHOWING
        and refusal({"host": headers.get("host", "")}) is None
        and "origin" not in headers
        and bool(_VIDEO.fullmatch(path))
        and "x-amz-signature" in names
        and all(name.startswith(_SIGNED) for name in names)
    )
