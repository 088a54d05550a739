"""Serve an S3 that is as strict as the real one where moto is not: checksums of bodies, sizes and ETags of parts.

It speaks to a real client over HTTP, and a test can make it reject calls. Source: the S3 API reference, UploadPart and
CompleteMultipartUpload.
"""

import base64
import hashlib
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config

from core.archive.store import OPTIONS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE = 3  # parts in one response of ListParts
Refusal = Callable[[str], tuple[int, str] | None]


@dataclass
class StrictS3:
    """The contents: `objects` by key, `uploads` by id with the bodies of their parts, and the `calls` so far."""

    s3: Any = None
    least_part: int = 1
    refuse: Refusal = lambda _call: None
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def client(self) -> "S3Client":
        return cast("S3Client", self.s3)

    def called(self, name: str) -> int:
        return self.calls.count(name)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324 - as S3 makes them


class _Refused(Exception):
    pass


@contextmanager
def strict_s3(least_part: int = 1, refuse: Refusal | None = None) -> Iterator[StrictS3]:
    """Yield the S3 and a client for it that is configured like finalize's."""
    state = StrictS3(least_part=least_part)
    if refuse:
        state.refuse = refuse

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _handle(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = self._name(query)
            with state.lock:
                state.calls.append(call)
            try:
                if refused := state.refuse(call):
                    raise _Refused(*refused)
                with state.lock:
                    self._send(*getattr(self, f"_{call}")(url.path.partition("/videos/")[2], query, body))
            except _Refused as refused:
                status, code = refused.args
                self._send(status, f"<Error><Code>{code}</Code></Error>".encode())

        do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - http.server's names

        def _name(self, query: dict[str, str]) -> str:
            multipart = "uploads" in query or "uploadId" in query
            names = {"PUT": "part", "POST": "begin" if "uploads" in query else "complete", "GET": "list"}
            return {**names, "DELETE": "abort"}[self.command] if multipart else self.command.lower()

        def _checked(self, body: bytes) -> bytes:
            right = {"crc32": zlib.crc32(body).to_bytes(4), "sha256": hashlib.sha256(body).digest()}
            given = {name: self.headers.get(f"x-amz-checksum-{name}") for name in right}
            sums = [base64.b64decode(given[name] or "") == right[name] for name in right if given[name]]
            if sums != [True]:  # exactly one, and it is right
                raise _Refused(400, "BadDigest")
            return body

        def _parts(self, query: dict[str, str]) -> dict[int, bytes]:
            if query["uploadId"] not in state.uploads:
                raise _Refused(404, "NoSuchUpload")
            return state.uploads[query["uploadId"]]

        def _only_if_none(self, key: str) -> None:
            if self.headers.get("If-None-Match") == "*" and key in state.objects:
                raise _Refused(412, "PreconditionFailed")

        def _begin(self, key: str, _query: dict[str, str], _body: bytes) -> Any:
            upload = f"upload-{state.called('begin')}"
            state.uploads[upload] = {}
            return 200, f"<R><Key>{key}</Key><UploadId>{upload}</UploadId></R>".encode()

        def _part(self, _key: str, query: dict[str, str], body: bytes) -> Any:
            self._parts(query)[int(query["partNumber"])] = self._checked(body)
            return 200, b"", {"ETag": _etag(body)}

        def _list(self, _key: str, query: dict[str, str], _body: bytes) -> Any:
            parts = sorted(self._parts(query).items())
            after = int(query.get("part-number-marker", 0))
            rest = [(number, body) for number, body in parts if number > after]
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{_etag(body)}</ETag><Size>{len(body)}</Size></Part>"
                for number, body in rest[:PAGE]
            )
            more = len(rest) > PAGE
            marker = f"<NextPartNumberMarker>{rest[PAGE - 1][0]}</NextPartNumberMarker>" if more else ""
            return 200, f"<R>{listed}<IsTruncated>{str(more).lower()}</IsTruncated>{marker}</R>".encode()

        def _complete(self, key: str, query: dict[str, str], body: bytes) -> Any:
            parts = self._parts(query)
            self._only_if_none(key)
            asked = [
                (int(re.findall(r"<PartNumber>(\d+)<", part)[0]), re.findall(r"<ETag>(.+)</ETag>", part)[0])
                for part in re.findall(r"<Part>(.*?)</Part>", body.decode().replace("&quot;", '"'), re.DOTALL)
            ]
            if asked != sorted(asked) or any(_etag(parts.get(number, b"-")) != etag for number, etag in asked):
                raise _Refused(400, "InvalidPart")
            if any(len(parts[number]) < state.least_part for number, _ in asked[:-1]):
                raise _Refused(400, "EntityTooSmall")
            state.objects[key] = b"".join(parts[number] for number, _ in asked)
            del state.uploads[query["uploadId"]]
            return 200, b"<R><ETag>x</ETag></R>"

        def _abort(self, _key: str, query: dict[str, str], _body: bytes) -> Any:
            self._parts(query)
            del state.uploads[query["uploadId"]]
            return 204, b""

        def _put(self, key: str, _query: dict[str, str], body: bytes) -> Any:
            self._only_if_none(key)
            state.objects[key] = self._checked(body)
            return 200, b"", {"ETag": _etag(body)}

        def _get(self, key: str, _query: dict[str, str], _body: bytes) -> Any:
            if key not in state.objects:
                raise _Refused(404, "NoSuchKey")
            return 200, state.objects[key]

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, **OPTIONS),
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
