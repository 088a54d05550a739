"""Test the table "What counts as accepted" over HTTP: which requests may be repeated, and which never."""

import gzip
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from core.errors import (
    ProviderKeyRejected,
    ProviderOutOfCredits,
    ProviderUnavailable,
    RequestRefused,
    SubmissionUnknown,
)
from core.provider import client as module
from core.provider.account import LoggedCall
from core.provider.client import Provider, Throttled
from tests.support.wire import Answer, http, reset, serving

REQUEST = {"model": "veo2", "prompt": "a boat"}
ERROR = {"message": "the provider's words", "statusCode": 400}


class Key:
    """A key that can be rotated once."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)

    def get(self) -> str:
        return self._keys[0]

    def renew(self) -> bool:
        if len(self._keys) == 1:
            return False
        del self._keys[0]
        return True


def create(url: str, key: Key | None = None) -> str:
    return Provider(url, key or Key("secret-key")).create(REQUEST, "client-id")


@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_with_an_id_is_accepted(status: int) -> None:
    with serving(http(status, {"id": "abc:veo2", "status": "queued"})) as wire:
        assert create(wire.url) == "abc:veo2"
    assert len(wire.requests) == 1
    assert wire.requests[0].startswith(b"POST /v2/video/generations HTTP/1.1\r\n")
    assert wire.header("Authorization") == ["Bearer secret-key"]
    assert wire.header("X-Client-Request-Id") == ["client-id"]
    assert wire.requests[0].endswith(b'{"model": "veo2", "prompt": "a boat"}')


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(http(429, ERROR), Throttled, id="429"),
        pytest.param(http(503, ERROR, "Retry-After: 7"), Throttled, id="503 with Retry-After"),
        pytest.param(http(400, ERROR), RequestRefused, id="400"),
        pytest.param(http(404, ERROR), RequestRefused, id="404"),
        pytest.param(http(422, ERROR), RequestRefused, id="422"),
        pytest.param(http(401, ERROR), ProviderKeyRejected, id="401"),
        pytest.param(http(402, ERROR), ProviderOutOfCredits, id="402"),
        pytest.param(http(403, ERROR), ProviderOutOfCredits, id="403"),
        pytest.param(http(500, ERROR), SubmissionUnknown, id="500"),
        pytest.param(http(502, b"<html>"), SubmissionUnknown, id="502"),
        pytest.param(http(503, ERROR), SubmissionUnknown, id="503"),
        pytest.param(http(504, ERROR), SubmissionUnknown, id="504"),
        pytest.param(http(302, b"", "Location: /elsewhere"), SubmissionUnknown, id="302"),
        pytest.param(http(409, ERROR), SubmissionUnknown, id="409"),
        pytest.param(http(200, b'{"id": "abc"', length=500), SubmissionUnknown, id="cut off"),
        pytest.param(http(200, b"not JSON"), SubmissionUnknown, id="no JSON"),
        pytest.param(http(200, {"status": "queued"}), SubmissionUnknown, id="no id"),
        pytest.param(http(200, {"id": ""}), SubmissionUnknown, id="empty id"),
        pytest.param(b"nonsense\r\n\r\n", SubmissionUnknown, id="no HTTP"),
        pytest.param(b"", SubmissionUnknown, id="nothing"),
        (reset, SubmissionUnknown),
    ],
)
def test_a_response_has_its_meaning_and_the_request_is_not_repeated(answer: Answer, error: type[Exception]) -> None:
    with serving(answer) as wire, pytest.raises(error) as raised:
        create(wire.url)
    assert type(raised.value) is error
    assert len(wire.requests) == 1
    assert "secret-key" not in str(raised.value)


def test_a_rejection_contains_the_providers_message() -> None:
    with serving(http(400, ERROR)) as wire, pytest.raises(RequestRefused, match="the provider's words"):
        create(wire.url)


def test_a_timeout_has_an_unknown_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CREATE_SECONDS", 0.2)
    done = threading.Event()
    with serving(lambda _: (done.wait(10), None)[1]) as wire:
        with pytest.raises(SubmissionUnknown, match="answer was lost"):
            create(wire.url)
        done.set()
    assert len(wire.requests) == 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_refused_connection_may_be_tried_again() -> None:
    with pytest.raises(ProviderUnavailable, match="was not reached"):
        create(f"http://127.0.0.1:{free_port()}")


def test_a_name_that_does_not_resolve_may_be_tried_again() -> None:
    with pytest.raises(ProviderUnavailable, match="was not reached"):
        create("http://provider.invalid")


def test_a_failed_tls_handshake_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with serving(http(400, ERROR)) as wire, pytest.raises(ProviderUnavailable, match="was not reached"):
        create(wire.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    with serving(http(429, ERROR, f"Retry-After: {value}")) as wire, pytest.raises(Throttled) as refusal:
        create(wire.url)
    assert refusal.value.retry_after == seconds


def test_retry_after_may_be_a_future_date() -> None:
    before = datetime.now(UTC)
    date = format_datetime(before + timedelta(hours=1), usegmt=True)
    with serving(http(429, ERROR, f"Retry-After: {date}")) as wire, pytest.raises(Throttled) as refusal:
        create(wire.url)
    assert refusal.value.retry_after is not None
    assert 3599 - (datetime.now(UTC) - before).total_seconds() < refusal.value.retry_after <= 3600


def test_a_rotated_key_is_fetched_and_used_immediately() -> None:
    with serving(http(401, ERROR), http(200, {"id": "abc"})) as wire:
        assert create(wire.url, Key("old", "new")) == "abc"
    assert wire.header("Authorization") == ["Bearer old", "Bearer new"]


def test_a_key_rejected_twice_is_rejected() -> None:
    with serving(http(401, ERROR)) as wire, pytest.raises(ProviderKeyRejected):
        create(wire.url, Key("old", "new", "newer"))
    assert len(wire.requests) == 2


def fetch(url: str, key: Key | None = None) -> module.ProviderGeneration:
    return Provider(url, key or Key("secret-key")).fetch("abc:veo2")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("queued", "pending"),
        ("generating", "pending"),
        ("waiting", "pending"),
        ("active", "pending"),
        ("running", "pending"),
        ("processing", "pending"),
        ("queueing", "pending"),
        ("preparing", "pending"),
        ("QUEUED", "pending"),
        ("completed", "completed"),
        ("succeeded", "completed"),
        ("success", "completed"),
        ("Completed", "completed"),
        ("error", "error"),
    ],
)
def test_the_providers_statuses_and_their_drift(status: str, outcome: str) -> None:
    body: dict[str, object] = {
        "id": "abc:veo2",
        "status": status,
        "video": {"url": "https://x"},
        "error": {"name": "Nsfw", "message": "no"},
        "meta": {"usage": {"credits_used": 5}},
    }
    with serving(http(200, body)) as wire:
        generation = fetch(wire.url)
    assert (generation.outcome, generation.status, generation.credits_used) == (outcome, status.lower(), 5)
    assert generation.error == "Nsfw: no"
    assert wire.requests[0].startswith(b"GET /v2/video/generations?generation_id=abc%3Aveo2 HTTP/1.1")


def saying(status: object, **fields: object) -> Answer:
    return http(200, {"id": "abc:veo2", "status": status, **fields})


def fetch_patiently(*answers: Answer) -> tuple[module.ProviderGeneration, list[float], int]:
    """Return the result of one fetch, its pauses, and the number of its calls."""
    pauses: list[float] = []
    with serving(*answers) as wire:
        found = Provider(wire.url, Key("secret-key"), pauses.append).fetch("abc:veo2")
        return found, pauses, len(wire.requests)


@pytest.mark.parametrize(
    "word",
    [
        *("failed", "cancelled", "canceled", "expired", "rejected", "dreaming"),
        pytest.param("", id="empty"),
        pytest.param("x" * 5000, id="long"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_any_other_word_ends_a_job_only_if_two_polls_agree(word: str) -> None:
    said = saying(word, error={"name": "Nsfw", "message": "no"})
    found, pauses, calls = fetch_patiently(said, said)
    assert (found.outcome, found.error, found.video) == ("error", "Nsfw: no", None)
    assert (pauses, calls) == ([module.AGREE_SECONDS], 2)
    found.status.encode()  # it can be stored


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (saying("generating"), "pending"),
        (saying("completed", video={"url": "https://x"}), "completed"),
        (saying("error"), "error"),
        (saying("cancelled"), "pending"),
        (saying("dreaming"), "pending"),
        (saying("FAILED"), "error"),
    ],
    ids=["pending", "completed", "error", "another end", "another word", "the same in capitals"],
)
def test_a_second_poll_that_does_not_agree_decides(second: Answer, outcome: str) -> None:
    found, _, calls = fetch_patiently(saying("failed"), second)
    assert (found.outcome, calls) == (outcome, 2)


@pytest.mark.parametrize("second", [http(503, ERROR), reset, saying(None)], ids=["503", "reset", "no word"])
def test_without_a_second_poll_nothing_ends(second: Answer) -> None:
    with serving(saying("failed"), second) as wire, pytest.raises(ProviderUnavailable):
        Provider(wire.url, Key("secret-key"), lambda _: None).fetch("abc:veo2")


@pytest.mark.parametrize(("word", "outcome"), [("ready", "completed"), ("failed", "error")])
def test_an_unknown_word_with_a_video_is_a_finished_job(word: str, outcome: str) -> None:
    """The video is paid for. The archive checks whether it is whole."""
    said = saying(word, video={"url": "https://x"})
    found, _, calls = fetch_patiently(said, said)
    assert (found.outcome, found.video, calls) == (outcome, {"url": "https://x"}, 2)


@pytest.mark.parametrize("word", ["queued", "generating", "waiting", "active", "running", "processing"])
def test_a_pending_job_with_an_error_stays_pending(word: str) -> None:
    found, pauses, _ = fetch_patiently(saying(word, error={"name": "Busy", "message": "later"}))
    assert (found.outcome, pauses) == ("pending", [])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(500, ERROR), id="500"),
        pytest.param(http(404, ERROR), id="404"),
        pytest.param(http(429, ERROR), id="429"),
        pytest.param(http(401, ERROR), id="401"),
        pytest.param(http(302, b"", "Location: /elsewhere"), id="302"),
        pytest.param(http(200, b"not JSON"), id="no JSON"),
        pytest.param(http(200, {"id": "abc"}), id="no status"),
        pytest.param(http(200, {"id": "abc", "status": None}), id="null as status"),
        pytest.param(http(200, {"id": "abc", "status": {}}), id="object as status"),
        pytest.param(http(200, {"id": "abc", "status": "completed"}), id="no video"),
        pytest.param(http(200, {"id": "abc", "status": "completed", "video": {"url": None}}), id="no URL"),
        pytest.param(http(200, {"id": "abc", "status": "completed", "video": []}), id="empty list of videos"),
        pytest.param(http(200, {"id": "abc", "status": "completed", "video": [[]]}), id="list in a list"),
        pytest.param(
            http(200, {"id": "abc", "status": "completed", "video": [None, {"url": "https://x"}]}),
            id="null before a video",
        ),
        pytest.param(http(200, b'{"status": "generating"', length=500), id="cut off"),
        pytest.param(http(200, b'{"status": "generating", "x": "' + b"x" * (2 << 20) + b'"}'), id="2 MiB"),
        pytest.param(http(200, gzip.compress(b'{"status": "generating"}'), "Content-Encoding: gzip"), id="gzip"),
        pytest.param(http(200, b'{"status": ' + b"[" * 100_000), id="deeply nested"),
        reset,
    ],
)
def test_a_check_that_fails_in_any_way_is_only_unavailable(answer: Answer) -> None:
    with serving(answer) as wire, pytest.raises(ProviderUnavailable):
        fetch(wire.url)


@pytest.mark.parametrize(
    "video",
    [
        {"url": "https://x/v.mp4", "file_size": 0},  # a size that no video has is ignored
        {"url": "https://x/v.mp4"},
        ["https://x/v.mp4"],
        [{"url": "https://x/v.mp4"}],
        ["https://x/v.mp4", "https://x/w.mp4"],
        "https://x/v.mp4",
    ],
)
def test_a_finished_video_is_found_in_every_form_of_the_response(video: object) -> None:
    with serving(http(200, {"id": "abc", "status": "completed", "video": video})) as wire:
        assert fetch(wire.url).video == {"url": "https://x/v.mp4"}


def test_a_check_uses_a_rotated_key() -> None:
    with serving(http(401, ERROR), http(200, {"id": "abc", "status": "queued"})) as wire:
        assert fetch(wire.url, Key("old", "new")).outcome == "pending"


def test_only_the_needed_part_of_a_huge_response_is_kept() -> None:
    body: dict[str, object] = {
        "id": "abc",
        "status": "completed",
        "video": {"url": "https://x/v.mp4", "file_size": 7, "file_name": "n" * 9000, "preview": "p" * 500_000},
        "error": {"name": "n", "message": "m" * 300_000},
        "meta": {"usage": {"credits_used": 10**40}},
    }
    with serving(http(200, body)) as wire:
        generation = fetch(wire.url)
    assert generation.video == {"url": "https://x/v.mp4", "file_size": 7, "file_name": "n" * 500}
    assert len(generation.error) <= 500
    assert generation.credits_used is None


@pytest.mark.parametrize("status", [200, 302])
@pytest.mark.parametrize("length", [None, 1 << 40])
def test_an_endless_response_is_given_up(monkeypatch: pytest.MonkeyPatch, status: int, length: int | None) -> None:
    """This includes redirects: requests reads the whole response before its caller sees the status."""
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1 << 20)
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        lines = [
            f"HTTP/1.1 {status} X",
            "Location: http://127.0.0.1:9/",
            *([f"Content-Length: {length}"] if length else []),
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while sent < 200 << 20:
            connection.sendall(b"x" * (1 << 16))
            sent += 1 << 16

    with serving(endless) as wire, pytest.raises(ProviderUnavailable, match="larger than 1048576 bytes"):
        fetch(wire.url)
    assert len(wire.requests) == 1
    assert sent < 50 << 20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_check_follows_no_redirect(status: int) -> None:
    with serving(http(200)) as elsewhere:
        for location in (f"{elsewhere.url}/v2", "http://[", "//", "x:y"):
            refused = pytest.raises(ProviderUnavailable, match=f"with {status}")
            with serving(http(status, ERROR, f"Location: {location}")) as wire, refused:
                fetch(wire.url)
    assert elsewhere.requests == []


def test_a_check_ignores_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It uses no proxy and no password for the provider's host."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(http(200)) as proxy, serving(http(200, {"id": "abc", "status": "queued"})) as wire:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        fetch(wire.url)
    assert proxy.requests == []
    assert wire.header("Authorization") == ["Bearer secret-key"]
    assert wire.header("Accept-Encoding") == ["identity"]


@pytest.mark.parametrize(
    ("host", "is_trusted"), [("localhost", True), ("localhost", False), ("127.0.0.1", True)], ids=str
)
def test_a_check_needs_a_trusted_certificate_of_the_host(
    monkeypatch: pytest.MonkeyPatch, host: str, is_trusted: bool
) -> None:
    authority, ours = trustme.CA(), ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(ours)
    monkeypatch.setattr("core.tls.context", lambda: ours)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), theirs.wrap_socket(listener.accept()[0], server_side=True) as connection:
                got.append(connection.recv(65536))
                connection.sendall(http(200, {"id": "abc", "status": "queued"}))

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://{host}:{listener.getsockname()[1]}"
        if is_trusted and host == "localhost":
            assert fetch(url).status == "queued"
        else:
            with pytest.raises(ProviderUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                fetch(url)
        thread.join()
    assert b"".join(got).startswith(b"GET ") is (is_trusted and host == "localhost"), "no key before that"


LOGGED: dict[str, object] = {"client_request_id": "g1.a", "inference_id": "p1", "status": "succeeded"}


def log(*rows: dict[str, object], has_more: bool = False) -> Answer:
    return http(200, {"data": list(rows), "pagination": {"has_more": has_more}})


def look(url: str) -> LoggedCall | None:
    return Provider(url, Key("secret-key")).find("g1.a", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_call_is_found_on_any_page_of_the_log() -> None:
    other = {**LOGGED, "client_request_id": "g1.b", "inference_id": "p0"}
    with serving(log(other, has_more=True), log(LOGGED)) as wire:
        assert look(wire.url) == LoggedCall("p1", has_failed=False, client_request_id="g1.a")
    assert b"offset=0" in wire.requests[0]
    assert b"offset=100" in wire.requests[1]
    assert b"start=2025-12-31T23%3A50" in wire.requests[0]


def test_a_failed_row_counts_only_if_no_row_of_the_call_succeeded() -> None:
    failed = {**LOGGED, "inference_id": "p0", "status": "failed"}
    with serving(log(failed, LOGGED)) as wire:
        assert look(wire.url) == LoggedCall("p1", has_failed=False, client_request_id="g1.a")
    with serving(log(failed)) as wire:
        assert look(wire.url) == LoggedCall("p0", has_failed=True, client_request_id="g1.a")


def test_an_unlisted_call_is_not_found() -> None:
    with serving(log()) as wire:
        assert look(wire.url) is None


@pytest.mark.parametrize(
    "answer",
    [http(429, ERROR), http(503, ERROR), http(200, b"[]"), http(200, b"{"), reset],
    ids=["429", "503", "list", "half an object", "reset"],
)
def test_an_unreadable_log_proves_nothing(answer: Answer) -> None:
    with serving(answer) as wire, pytest.raises(ProviderUnavailable):
        look(wire.url)


@pytest.mark.parametrize("answer", [http(404, ERROR), http(200, {"id": "x", "status": "queued"})], ids=["404", "200"])
def test_a_valid_key_is_recognised_with_a_call_that_creates_nothing(answer: Answer) -> None:
    with serving(answer) as wire:
        Provider(wire.url, Key("secret-key")).try_key()
    assert [request.split(b" ")[0] for request in wire.requests] == [b"GET"]
    assert wire.header("Authorization") == ["Bearer secret-key"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(401, ERROR), ProviderKeyRejected),
        (http(402, ERROR), ProviderOutOfCredits),
        (http(403, ERROR), ProviderOutOfCredits),
        (http(400, ERROR), ProviderUnavailable),
        (http(500, ERROR), ProviderUnavailable),
        (http(302, ERROR), ProviderUnavailable),
        (reset, ProviderUnavailable),
    ],
    ids=["401", "402", "403", "400", "500", "302", "reset"],
)
def test_a_key_is_invalid_only_if_the_response_says_so(answer: Answer, error: type[Exception]) -> None:
    with serving(answer) as wire, pytest.raises(error) as caught:
        Provider(wire.url, Key("secret-key")).try_key()
    assert "secret-key" not in str(caught.value)


LINK = "https://videos.s3.amazonaws.com/videos/a/inputs/1.png"
SIGNED = f"{LINK}?X-Amz-Security-Token=abc%2B&X-Amz-Signature=def"


@pytest.mark.parametrize(
    "said",
    [
        {"message": f"Could not fetch '{SIGNED}' (403)"},
        {"message": {"image_url": [f"{SIGNED} is too large"]}},
        f"<Error>{SIGNED}</Error>".encode(),
        {"message": f"{SIGNED} {SIGNED}"},
    ],
    ids=["in quotes", "in a list", "no JSON", "twice"],
)
def test_a_link_in_the_providers_message_loses_its_signature(said: bytes | dict[str, object]) -> None:
    """The message becomes part of the record and the announcement, and their readers could download the file."""
    with serving(http(400, said)) as wire, pytest.raises(RequestRefused) as refused:
        create(wire.url)
    assert LINK in str(refused.value)
    assert "Signature" not in str(refused.value)
    assert "Token" not in str(refused.value)
    failed: dict[str, object] = {
        "id": "x",
        "status": "error",
        "error": {"name": "BadInput", "message": f"no picture at {SIGNED}."},
    }
    with serving(http(200, failed)) as wire:
        assert fetch(wire.url).error == f"BadInput: no picture at {LINK}?..."


def test_the_providers_message_is_scanned_quickly() -> None:
    with serving(http(400, {"message": "https:" * 150_000})) as wire, pytest.raises(RequestRefused) as refused:
        create(wire.url)
    assert len(str(refused.value)) < 600


def test_a_single_poll_of_another_word_is_unsure_and_does_not_wait() -> None:
    pauses: list[float] = []
    with serving(saying("failed")) as wire:
        found = Provider(wire.url, Key("secret-key"), pauses.append).poll("abc:veo2")
    assert (found.outcome, pauses) == ("unsure", [])
