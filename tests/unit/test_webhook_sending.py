"""Test the POST of a webhook: only to the public internet, without redirects, and with a time limit."""

import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import pytest
import trustme

from core.public import is_private
from core.webhooks import sending
from core.webhooks.sending import NOT_ACCEPTED, NOT_PUBLIC, Answer, Sender
from tests.support.wire import Wire, http, reset, serving

LOCAL, STRICT = Sender(local=True), Sender(local=False)
BODY, HEADERS = b'{"data": "\xc3\xbc"}', {"webhook-id": "msg_1"}


@pytest.fixture(autouse=True)
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer as if this machine were on the public internet, where an owner sees what happened."""
    monkeypatch.setattr(sending, "is_private", lambda _host: False)


def posted(wire: Wire, path: str = "/hook?a=b") -> Answer:
    return LOCAL.post(wire.url + path, BODY, HEADERS)


def test_a_message_is_sent_to_the_exact_url_with_its_headers_and_body() -> None:
    with serving(http(204)) as wire:
        assert posted(wire, "/a%20b?c=d&e") == Answer(204)
    [request] = wire.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b?c=d&e HTTP/1.1\r\n")
    assert (body, wire.header("webhook-id"), wire.header("content-type")) == (BODY, ["msg_1"], ["application/json"])


def test_a_url_without_a_path_means_the_root() -> None:
    with serving(http(200)) as wire:
        assert posted(wire, "?a").problem is None
    assert wire.requests[0].startswith(b"POST /?a HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("status", "is_taken", "is_final"),
    [
        (200, True, False),
        (202, True, False),
        (299, True, False),
        (301, False, False),
        (400, False, False),
        (404, False, False),
        (410, False, True),
        (429, False, False),
        (500, False, False),
    ],
)
def test_the_status_decides_about_the_delivery(status: int, is_taken: bool, is_final: bool) -> None:
    with serving(http(status, b"s3cr3t inside of a network")) as wire:
        answer = posted(wire)
    assert (answer.status, answer.problem is None, answer.is_final) == (status, is_taken, is_final)
    assert "s3cr3t" not in str(answer), "anyone may have written the response"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(http(200)) as inside, serving(http(status, b"", f"Location: {inside.url}/x")) as wire:
        answer = posted(wire)
    assert (answer.problem is None, inside.requests) == (False, [])
    assert "redirects are not followed" in str(answer.problem)


@pytest.mark.parametrize(
    "broken",
    [reset, b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 x y\r\n\r\n", b"HTTP/1.1 20"],
    ids=["reset", "nothing", "SSH", "no status", "half a status line"],
)
def test_an_invalid_response_is_retried(broken: Any) -> None:
    with serving(broken) as wire:
        answer = posted(wire)
    assert (answer.status, answer.problem is None, answer.is_final) == (None, False, False)
    assert str(answer.problem).startswith("The webhook's URL does not answer: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://hooks.invalid/"])
def test_an_unreachable_receiver_is_retried(url: str) -> None:
    answer = LOCAL.post(url, BODY, HEADERS)
    assert (answer.problem is None, answer.is_final) == (False, False)


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: "],
    ids=["says nothing", "begins an answer", "begins a header"],
)
def test_a_trickling_receiver_is_interrupted(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte arrives in time, but the response never ends."""
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.3)
    hung_up = threading.Event()

    def trickle(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(first)
            while not hung_up.wait(0.05):
                connection.sendall(b"x" if first else b"")
                connection.settimeout(0.01)
                with suppress(TimeoutError):
                    if connection.recv(1) == b"":
                        break
        hung_up.set()

    with serving(trickle) as wire:
        assert posted(wire).status is None
        assert hung_up.wait(30)


def test_a_receiver_that_trickles_its_tls_handshake_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.3)
    hung_up = threading.Event()
    record = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # the server's first message is long

    def trickle(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, suppress(OSError):
            connection.sendall(record)
            while not hung_up.wait(0.05):
                connection.sendall(b"x")
        hung_up.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        answer = LOCAL.post(f"https://localhost:{listener.getsockname()[1]}/", BODY, HEADERS)
        assert hung_up.wait(30)
        thread.join()
    assert (answer.status, answer.is_final) == (None, False)


def test_an_open_port_of_a_private_network_looks_the_same_as_a_closed_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/x"
        listener.setblocking(False)
        while_open = STRICT.post(url, BODY, HEADERS)
        with pytest.raises(BlockingIOError):  # nobody connected
            listener.accept()
    assert while_open == STRICT.post(url, BODY, HEADERS)
    assert (while_open.status, while_open.problem, while_open.is_final) == (None, NOT_PUBLIC, True)
    assert re.fullmatch(r"It leads to localhost, a private address \(\S+\)\.", str(while_open.detail))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_so_it_does_on_the_local_cloud_which_connects_to_private_addresses(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(sending, "is_private", is_private)
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/x"
        monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.2)
        answers = [LOCAL.post(silent, BODY, HEADERS)]
    answers += [LOCAL.post(silent, BODY, HEADERS), LOCAL.post(silent.replace("127.0.0.1", "localhost"), BODY, HEADERS)]
    for answer in (http(404), http(500), http(302), b"SSH-2.0-OpenSSH\r\n", b"", reset):
        with serving(answer) as wire:
            answers.append(LOCAL.post(wire.url.replace("http", scheme), BODY, HEADERS))
    assert {(one.status, one.problem, one.is_final) for one in answers} == {(None, NOT_ACCEPTED, False)}
    assert all(one.detail for one in answers), "the operator's log says why"
    with serving(http(204)) as wire:
        assert LOCAL.post(wire.url, BODY, HEADERS) == Answer(204)


@pytest.mark.parametrize("url", ["http://example.com/", "http://127.0.0.1:{port}/", "https://a@example.com/", ""])
def test_deployed_stages_use_only_https(url: str) -> None:
    """The record may be from a stage with another setting."""
    with serving(http(200)) as wire:
        answer = STRICT.post(url.format(port=wire.url.rpartition(":")[2]), BODY, HEADERS)
    assert (answer.is_final, wire.requests) == (True, [])


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_certificate_must_be_trusted(is_trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    ours = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(ours)
    monkeypatch.setattr("core.tls.context", lambda: ours)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), theirs.wrap_socket(listener.accept()[0], server_side=True) as connection:
                got = b""
                while not got.endswith(BODY):
                    got += connection.recv(65536)
                connection.sendall(http(204))

        thread = threading.Thread(target=serve)
        thread.start()
        answer = LOCAL.post(f"https://localhost:{listener.getsockname()[1]}/", BODY, HEADERS)
        thread.join()
    assert (answer.problem is None) is is_trusted
    assert is_trusted or "SSLCertVerificationError" in str(answer.problem)
