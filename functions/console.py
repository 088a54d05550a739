"""Serve the console: the page at `/` and the files that it loads. They are public; their data needs an API key.

It is a separate function, so that it does not slow down cold starts of the API, and it uses only the standard library.
The files are built at deployment (infra/console.py), compressed and named after their content.
"""

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core import settings

SITE = Path(__file__).parent / "site"
PREFIX = "/console/"
PAGE = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Settings:
    bucket_hosts: tuple[str, ...]  # hosts for playing videos and uploading files


@cache
def _headers() -> dict[str, str]:
    """Return the headers of all answers. The page may only run its own files and call the API and the buckets."""
    buckets = " ".join(f"https://{host}" for host in settings.read(Settings).bucket_hosts)
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' blob: {buckets}",
        "media-src": f"'self' blob: {buckets}",
        "connect-src": f"'self' {buckets}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    """Return a compressed file and its ETag, or None if it does not exist."""
    path = SITE / f"{name}.gz"
    if path.parent != SITE or Path(name).suffix not in TYPES or not path.is_file():
        return None
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload 2.0) of `GET /` or `GET /console/{file}` with the file."""
    path, context = re.sub("^/+", "/", event["rawPath"]), event["requestContext"]
    if context["stage"] != "$default":
        path = path.removeprefix(f"/{context['stage']}")
    name = PAGE if path in ("", "/") else path.removeprefix(PREFIX)
    found = _file(name) if path != PREFIX + PAGE else None
    if found is None:
        missing = {**_headers(), "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
        return {"statusCode": 404, "headers": missing, "body": "This file does not exist. Reload the page."}
    content, tag = found
    request_headers = {key.lower(): value for key, value in (event.get("headers") or {}).items()}
    # Browsers revalidate the page each time. It refers to files whose names change with their content.
    keep = "no-cache" if name == PAGE else "public, max-age=31536000, immutable"
    headers = {**_headers(), "ETag": tag, "Cache-Control": keep}
    if tag in re.split(r"\s*,\s*", request_headers.get("if-none-match", "").replace("W/", "")):
        return {"statusCode": 304, "headers": headers, "body": ""}
    headers["Content-Type"] = TYPES[Path(name).suffix]
    if "gzip" in request_headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return {
        "statusCode": 200,
        "headers": headers,
        "body": base64.b64encode(content).decode(),
        "isBase64Encoded": True,
    }
