"""Test which calls the client retries."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from promptreel import ApiError, Client, ConfigurationError, ConnectionFailed, NotFound, Unauthorized
from promptreel._http import ATTEMPTS
from tests.support.api_answers import ID, KEY, error, shown
from tests.support.wire import http, reset, serving


@pytest.mark.parametrize(
    "trouble",
    [reset, error(429), error(500), error(502), error(503), error(504)],
    ids=["reset", "429", "500", "502", "503", "504"],
)
def test_temporary_errors_are_retried(trouble: bytes, slept: list[float]) -> None:
    with serving(trouble, trouble, shown()) as wire, Client(wire.url, KEY) as client:
        assert client.get(ID).status == "queued"
    assert len(wire.requests) == 3
    assert slept[0] < slept[1]


def test_a_repeated_create_carries_the_same_idempotency_key() -> None:
    with serving(reset, error(503), shown()) as wire, Client(wire.url, KEY) as client:
        client.create("a boat")
    keys = wire.header("Idempotency-Key")
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_creates_carry_different_idempotency_keys() -> None:
    with serving(shown()) as wire, Client(wire.url, KEY) as client:
        client.create("a boat")
        client.create("a boat")
    assert len(set(wire.header("Idempotency-Key"))) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_rejected_call_is_not_retried(status: int, slept: list[float]) -> None:
    with serving(error(status)) as wire, Client(wire.url, KEY) as client, pytest.raises(ApiError) as caught:
        client.create("a boat")
    assert caught.value.status == status
    assert (len(wire.requests), slept) == (1, [])


def test_the_api_can_set_the_time_of_the_retry(slept: list[float]) -> None:
    before = datetime.now(UTC)
    soon = format_datetime(before + timedelta(seconds=30), usegmt=True)
    answers = [error(429, "no.", "Retry-After: 7"), error(503, "no.", f"Retry-After: {soon}"), shown()]
    with serving(*answers) as wire, Client(wire.url, KEY) as client:
        client.get(ID)
    assert slept[0] == 7
    assert 29 - (datetime.now(UTC) - before).total_seconds() < slept[1] <= 30


@pytest.mark.parametrize(
    "nonsense",
    [
        "soon",
        "-3",
        "Thu, 32 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_an_invalid_retry_after_is_ignored(nonsense: str, slept: list[float]) -> None:
    with serving(error(429, "no.", f"Retry-After: {nonsense}"), shown()) as wire, Client(wire.url, KEY) as client:
        client.get(ID)
    assert 0 < slept[0] < 1


def test_a_call_never_waits_for_an_hour(slept: list[float]) -> None:
    with (
        serving(error(429, "later.", "Retry-After: 3600")) as wire,
        Client(wire.url, KEY) as client,
        pytest.raises(ApiError, match="later"),
    ):
        client.get(ID)
    assert slept == []


def test_after_four_attempts_the_call_fails_with_one_sentence() -> None:
    with serving(reset) as wire, Client(wire.url, KEY) as client, pytest.raises(ConnectionFailed) as caught:
        client.get(ID)
    assert len(wire.requests) == ATTEMPTS
    assert str(caught.value) == f"{wire.url} cannot be reached (no connection): check the URL and your connection."


def test_a_create_with_an_unknown_outcome_shows_its_idempotency_key() -> None:
    with serving(reset) as wire, Client(wire.url, KEY) as client, pytest.raises(ConnectionFailed) as caught:
        client.create("a boat")
    assert wire.header("Idempotency-Key")[0] in caught.value.__notes__[0]


def test_the_errors_of_the_api_have_different_classes() -> None:
    with serving(error(401), error(404, "There is none."), error(409, "Not now.")) as wire:
        client = Client(wire.url, KEY)
        with pytest.raises(Unauthorized):
            client.get(ID)
        with pytest.raises(NotFound, match=r"There is none \(HTTP 404\)"):
            client.get(ID)
        with pytest.raises(ApiError, match="Not now"):
            client.get(ID)
        client.close()


def test_a_key_without_the_scope_of_a_call_is_not_called_invalid() -> None:
    denied = error(401, "This API key has the scope `read`, but this call needs `create`.")
    with serving(denied) as wire, Client(wire.url, KEY) as client, pytest.raises(Unauthorized) as caught:
        client.create("a boat")
    assert str(caught.value) == (
        "This API key has the scope `read`, but this call needs `create`: ask an operator for a key with that scope "
        "(`promptreel keys create`) (HTTP 401)."
    )


@pytest.mark.parametrize(
    "answer",
    [http(200, b"<html>Log in</html>"), http(200, b"[]"), http(404, b"nginx")],
    ids=["page", "list", "404 without JSON"],
)
def test_a_response_of_another_server_is_recognised(answer: bytes) -> None:
    with serving(answer) as wire, Client(wire.url, KEY) as client, pytest.raises(ApiError, match="check the URL"):
        client.get(ID)


def test_the_key_is_sent_only_to_the_configured_url() -> None:
    with serving(shown()) as elsewhere:
        redirect = http(302, b"", f"Location: {elsewhere.url}/")
        with serving(redirect) as wire, Client(wire.url, KEY) as client, pytest.raises(ApiError):
            client.get(ID)
        assert wire.header("Authorization") == [f"Bearer {KEY}"]
        assert elsewhere.requests == []


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://127.0.0.1", "api.example.com", ""])
def test_an_insecure_or_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Client(url, KEY)


@pytest.mark.parametrize("key", ["a b", pytest.param("a\nb", id="line break"), "schlüssel"])
def test_an_invalid_key_is_rejected_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client("http://127.0.0.1:1", key)
    assert key not in str(caught.value)


def test_a_local_cloud_that_is_down_is_named_after_one_retry(slept: list[float]) -> None:
    with serving(b"") as wire:
        url = wire.url
    with Client(url, KEY) as client, pytest.raises(ConnectionFailed) as caught:
        client.get(ID)
    assert str(caught.value) == f"{url} cannot be reached (no connection): start the local cloud with `make up`."
    assert len(slept) == 1
    assert sum(slept) < 0.7
