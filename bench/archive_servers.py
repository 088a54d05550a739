"""Run a host of videos and an S3 that discards uploads: `python -m bench.archive_servers <certificate with key>`.

Each is a separate process. Both speak TLS on 127.0.0.1 and print their ports. Bodies pass through Python in pieces of
256 KiB and more, so encryption is the limit. The path of a request configures the host: `/<bytes>?rate=<bytes a second,
each connection>&delay=<seconds before each answer>&ranges=0`.
"""

import multiprocessing
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

PIECE = 1 << 20
HEAD = (16).to_bytes(4) + b"ftypisom" + bytes(4) + (16).to_bytes(4) + b"moov" + bytes(8)
BLOCK = random.Random(1).randbytes(PIECE)  # filler that no layer can compress
ETAG = '"1"'
Serve = Callable[[ssl.SSLSocket], None]


def video(size: int, first: int, end: int, piece: int) -> Any:
    """Yield the bytes of an MP4 of `size` from `first` to `end`, in pieces."""
    head = HEAD + (1).to_bytes(4) + b"mdat" + (size - len(HEAD)).to_bytes(8)
    while first < end:
        if first < len(head):
            data = memoryview(head)[first : min(end, len(head))]
        else:
            at = (first - len(head)) % PIECE
            data = memoryview(BLOCK)[at : at + min(piece, end - first)]
        yield data
        first += len(data)


def host(connection: ssl.SSLSocket) -> None:
    """Answer with videos."""
    reader = connection.makefile("rb")
    while line := reader.readline():
        headers = _headers(reader)
        url = urlsplit(line.decode().split()[1])
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        size, rate = int(url.path[1:]), float(asked.get("rate", 0))
        time.sleep(float(asked.get("delay", 0)))
        first, end, status = 0, size, "200 OK"
        if asked.get("ranges") != "0":
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
            if wanted:
                first, end = int(wanted[1]), min(size, int(wanted[2] or size) + 1)
                status = f"206 Partial Content\r\nContent-Range: bytes {first}-{end - 1}/{size}"
            status += f"\r\nETag: {ETAG}\r\nAccept-Ranges: bytes"
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: {end - first}\r\nContent-Type: video/mp4\r\n\r\n".encode()
        )
        began, sent = time.monotonic(), 0
        for data in video(size, first, end, 256 << 10 if rate else PIECE):
            connection.sendall(data)
            sent += len(data)
            if rate and (early := began + sent / rate - time.monotonic()) > 0:
                time.sleep(early)


def sink(connection: ssl.SSLSocket) -> None:
    """Read an upload and discard it."""
    reader = connection.makefile("rb")
    buffer = bytearray(256 << 10)
    while line := reader.readline():
        method, target = line.decode().split()[:2]
        headers = _headers(reader)
        if headers.get("expect") == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding") == "chunked":
            while size := int(reader.readline().split(b";")[0], 16):
                _skip(reader, size + 2, buffer)
            while reader.readline().strip():
                pass
        else:
            _skip(reader, int(headers.get("content-length", 0)), buffer)
        status, body = "200 OK", ""
        if method in ("GET", "HEAD"):
            status, body = "404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"
        elif method == "POST" and target.endswith("?uploads"):
            body = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        elif method == "POST":
            body = '<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>'
        content = "" if method == "HEAD" else body
        connection.sendall(f'HTTP/1.1 {status}\r\nETag: "1"\r\nContent-Length: {len(body)}\r\n\r\n{content}'.encode())


def _headers(reader: Any) -> dict[str, str]:
    headers = {}
    while line := reader.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _skip(reader: Any, size: int, buffer: bytearray) -> None:
    view = memoryview(buffer)
    while size and (got := reader.readinto(view[: min(size, len(buffer))])):
        size -= got


def serve(what: Serve, certificate: str, port: Any) -> None:
    """Serve forever on a free port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port.send(listener.getsockname()[1])

    def answer(connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(connection, server_side=True) as tls:
                what(tls)
        except OSError:
            connection.close()

    while True:
        threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()


def main() -> None:
    (certificate,) = sys.argv[1:]
    ports = []
    for what in (host, sink):
        here, there = multiprocessing.Pipe()
        multiprocessing.Process(target=serve, args=(what, certificate, there), daemon=True).start()
        ports.append(here.recv())
    print(*ports, flush=True)  # noqa: T201
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.pause()


if __name__ == "__main__":
    main()
