"""Describe HTTP responses, complete or broken as a script says."""

import json
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from http import HTTPStatus
from typing import Any

from local.simulator.clips import CONTENT_TYPES
from local.simulator.scripts import ApiBehaviour, VideoBehaviour

CHUNK_BYTES = 1 << 18
FILLING_HEADER_BYTES = 8


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    padding: int = 0  # zero bytes after the body
    first: int = 0  # start of the range that is sent, and its end; None is the end of the file
    end: int | None = None
    sent: int | None = None  # bytes sent before the connection is closed; the declared length does not change
    rate: float | None = None  # bytes per second
    hang: float = 0  # seconds before the first byte
    reset: bool = False

    @property
    def length(self) -> int:
        """Return the Content-Length in bytes."""
        return (self.whole if self.end is None else self.end) - self.first

    @property
    def whole(self) -> int:
        """Return the size of the whole file in bytes."""
        return len(self.body) + self.padding

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes to send. With a rate, 20 chunks are sent per second."""
        size = max(1, int(self.rate / 20)) if self.rate else CHUNK_BYTES
        end = self.length if self.sent is None else min(self.sent, self.length)
        for start in range(self.first, self.first + end, size):
            stop = min(start + size, self.first + end)
            part = self.body[start:stop]
            yield part + bytes(stop - start - len(part))


def json_answer(content: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(content).encode(), headers=headers or {})


def error_answer(status: int, message: str, path: str) -> Answer:
    """Return a response with the provider's error body."""
    body = {
        "message": message,
        "path": path,
        "requestId": str(uuid.uuid4()),
        "statusCode": status,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    return Answer(status, json.dumps(body).encode())


def accepts(behaviour: ApiBehaviour) -> bool:
    """Return whether a create call with this behaviour creates the job."""
    broken = any(behaviour.get(way) for way in ("reset", "truncate", "garbage", "redirect"))
    refused = behaviour.get("status", HTTPStatus.OK) >= HTTPStatus.MULTIPLE_CHOICES
    return behaviour.get("accept", not broken and not refused)


def api_answer(normal: Answer, behaviour: ApiBehaviour, path: str) -> Answer:
    """Return the response to a create or fetch call with this behaviour."""
    answer = normal
    status = behaviour.get("status", normal.status)
    if "redirect" in behaviour:
        answer = _redirect(behaviour["redirect"], behaviour.get("status"))
    elif behaviour.get("garbage"):
        answer = replace(normal, body=b"\x00<not json", content_type="text/plain")
    elif status >= HTTPStatus.MULTIPLE_CHOICES:
        answer = error_answer(status, behaviour.get("message", "Scripted by a test."), path)
    elif status != normal.status:
        answer = replace(normal, status=status)
    return replace(
        answer,
        headers={**answer.headers, **behaviour.get("headers", {})},
        sent=answer.length // 2 if behaviour.get("truncate") else None,
        hang=behaviour.get("hang", 0),
        reset=behaviour.get("reset", False),
    )


def video_answer(file: bytes, container: str, behaviour: VideoBehaviour, asked: Message) -> Answer:
    """Return the response to a request for the video with this behaviour. `asked` are the request's headers."""
    answer = Answer(HTTPStatus.OK, file, CONTENT_TYPES[container])
    status = behaviour.get("status", HTTPStatus.OK)
    if "redirect" in behaviour:
        answer = _redirect(behaviour["redirect"], behaviour.get("status"))
    elif behaviour.get("html"):
        answer = Answer(status, b"<!doctype html><title>Not here</title><p>Come back later.", "text/html")
    elif status != HTTPStatus.OK:
        answer = Answer(status, b"Scripted by a test.", "text/plain")
    elif behaviour.get("empty"):
        answer = replace(answer, body=b"")
    elif "cut" in behaviour:
        answer = replace(answer, body=file[: behaviour["cut"]])
    elif "size" in behaviour:
        answer = _padded(answer, container, behaviour["size"])
    if answer.status == HTTPStatus.OK and behaviour.get("ranges", True):
        answer = _ranged(answer, behaviour.get("etag"), asked)
    return replace(
        answer,
        headers={**answer.headers, **behaviour.get("headers", {})},
        sent=behaviour.get("truncate"),
        rate=behaviour.get("rate"),
        hang=behaviour.get("hang", 0),
        reset=behaviour.get("reset", False),
    )


def _ranged(answer: Answer, etag: str | None, asked: Message) -> Answer:
    """Return the requested range, if there is one and `If-Range` matches the file."""
    etag = etag or f'"{zlib.crc32(answer.body):08x}-{answer.padding}"'
    answer = replace(answer, headers={"ETag": etag, "Accept-Ranges": "bytes"})
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.get("Range", ""))
    if wanted is None or asked.get("If-Range", etag) != etag:
        return answer
    first, end = int(wanted[1]), min(int(wanted[2] or answer.whole) + 1, answer.whole)
    if first >= end:
        headers = {"Content-Range": f"bytes */{answer.whole}"}
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    headers = {**answer.headers, "Content-Range": f"bytes {first}-{end - 1}/{answer.whole}"}
    return replace(answer, status=HTTPStatus.PARTIAL_CONTENT, headers=headers, first=first, end=end)


def _redirect(url: str, status: int | None) -> Answer:
    return Answer(status or HTTPStatus.FOUND, headers={"Location": url})


def _padded(answer: Answer, container: str, size: int) -> Answer:
    """Return the answer with padding in an empty box or element at the end of the file."""
    more = size - answer.length
    if container == "gif" or not FILLING_HEADER_BYTES <= more < 1 << 32:
        least = answer.length + FILLING_HEADER_BYTES
        message = f"size must be at least {least} bytes and less than 4 GiB, and a GIF cannot be padded."
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, message.encode(), "text/plain")
    padding = more - FILLING_HEADER_BYTES
    header = more.to_bytes(4) + b"free" if container != "webm" else b"\xec" + (padding | 1 << 49).to_bytes(7)
    return replace(answer, body=answer.body + header, padding=padding)
