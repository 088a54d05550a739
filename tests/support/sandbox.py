"""Serve the sandbox's provider over HTTP in its tests, with AWS simulated by moto."""

from __future__ import annotations

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import requests
from botocore.exceptions import ClientError

from local.simulator.calls import Call
from sandbox.provider import Bucket, sandbox_provider, secret_of
from sandbox.table import KEY as PARTITION
from sandbox.table import SORT, Table
from sandbox.videos import store_videos
from tests.support.simulator_client import KEY, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.simulator.provider import Provider

TABLE, BUCKET = "sandbox", "sandbox-videos"


class SandboxClient(Client):
    """A client of the sandbox's provider. It has no control."""

    def download(self, url: str, headers: dict[str, str] | None = None, **_: Any) -> requests.Response:
        """Return what S3 answers. moto sees no other requests than boto3's, so the signature is not checked."""
        asked: Any = {"Range": headers["Range"]} if headers and "Range" in headers else {}
        answer = requests.Response()
        try:
            found = boto3.client("s3").get_object(Bucket=BUCKET, Key=urlsplit(url).path.lstrip("/"), **asked)
        except ClientError as error:
            answer.status_code = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return answer
        answer.status_code = found["ResponseMetadata"]["HTTPStatusCode"]
        answer.headers["Content-Type"] = found["ContentType"]
        answer.raw = io.BytesIO(found["Body"].read())
        return answer


def make_table(clock: Callable[[], float] = time.time) -> Table:
    """Create the sandbox's table in the simulated AWS."""
    client = boto3.client("dynamodb")
    names = {PARTITION: "HASH", SORT: "RANGE"}
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],  # type: ignore[typeddict-item]
    )
    return Table(client, TABLE, secret_of(KEY), clock)


def make_bucket() -> Bucket:
    """Create the bucket with the rendered videos in the simulated AWS."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    store_videos(s3, BUCKET)
    return Bucket(s3, BUCKET)


def make_provider(clock: Callable[[], float] = time.time) -> Provider:
    """Return the sandbox's provider, which accepts `KEY`."""
    return sandbox_provider(KEY, make_table(clock), make_bucket(), {"127.0.0.1"})


def served(provider: Provider) -> Iterator[str]:
    """Serve a provider, and yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = provider.answer(Call(self.command, url.path, time.time()), self.headers, url.query, body)
            self.send_response(answer.status)
            sent = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
            for name, value in {**answer.headers, **sent, "x-simulator": "no AI involved"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
