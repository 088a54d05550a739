"""Test webhooks in the client and on the command line: sent with a request, listed, sent again, and verified."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from promptreel import Client, Webhook
from promptreel.errors import NotFound
from tests.support.api_answers import ID, KEY, error, shown
from tests.support.wire import http, serving

Run = Callable[..., tuple[int, str, str]]
MESSAGE = f"msg_{ID}"
URL = "https://example.com/hook?token=s3cr3t"


def delivery(status: str = "delivered", **fields: Any) -> dict[str, Any]:
    return {
        "id": MESSAGE,
        "generation_id": ID,
        "type": "generation.completed",
        "url": URL,
        "status": status,
        "attempts": 1,
        "created_at": "2026-01-01T12:00:00.000Z",
        "due_at": None,
        "ended_at": "2026-01-01T12:00:01.000Z",
        "answered": 204,
        "problem": None,
        **fields,
    }


def page(*found: dict[str, Any], next_cursor: str | None = None) -> bytes:
    return http(200, {"data": list(found), "next_cursor": next_cursor})


def asked(ask: Callable[..., object]) -> list[str]:
    """Return the method and path of each request."""
    return [b" ".join(request.split()[:2]).decode() for request in ask.sent]  # type: ignore[attr-defined]  # see the fixture


def test_a_webhook_is_sent_separately_from_the_providers_parameters(ask: Run) -> None:
    given = ["--webhook", URL, "--webhook-events", "failed"]
    assert ask("create", "x", *given, answers=[shown()])[0] == 0
    [request] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    query = "webhook=https%3A%2F%2Fexample.com%2Fhook%3Ftoken%3Ds3cr3t&webhook_events=failed"
    assert asked(ask)[0].endswith(f"?strict=true&{query}")
    assert b"webhook" not in request.partition(b"\r\n\r\n")[2]


def test_without_a_webhook_the_query_names_none() -> None:
    with serving(shown()) as wire, Client(wire.url, KEY) as client:
        client.create("x")
        client.create("x", webhook=Webhook(URL, ["completed", "failed"]), tags=["a", "b=1"])
    bare, full = [request.split()[1].decode() for request in wire.requests]
    assert bare.endswith("?strict=true")
    assert "tag=a%2Cb%3D1&webhook=" in full
    assert full.endswith("&webhook_events=completed%2Cfailed")


def test_deliveries_are_listed_with_their_errors(ask: Run) -> None:
    dead = delivery("dead", attempts=11, answered=500, problem="The webhook\tanswered 500.")
    code, out, _ = ask("webhooks", "list", "--limit", "7", answers=[page(dead)])
    assert (code, asked(ask)) == (0, ["GET /v2/webhooks/deliveries?limit=8"])
    cells = [MESSAGE, "dead", "11", "2026-01-01 12:00", "generation.completed", ID, URL, "The webhook answered 500."]
    assert out == "\t".join(cells) + "\n"
    assert json.loads(ask("webhooks", "list", "--json", answers=[page(dead)])[1]) == [dead]
    assert ask("webhooks", "list", answers=[page()])[1] == ""


@pytest.mark.parametrize(("width", "has_url"), [(80, False), (200, True)])
def test_a_terminal_shows_the_whole_id_and_the_error(
    ask: Run, terminal: Callable[[int], None], width: int, *, has_url: bool
) -> None:
    terminal(width)
    dead = delivery("dead", attempts=11, problem="The webhook answered 500.")
    _, out, _ = ask("webhooks", "list", answers=[page(dead)])
    assert MESSAGE in out
    assert {"dead", "11", "webhook", "500."} <= set(out.split())
    assert (URL in out) == has_url


def test_all_pages_of_deliveries_are_listed() -> None:
    pages = [page(delivery(), delivery(), next_cursor="c"), page(delivery())]
    with serving(*pages) as wire, Client(wire.url, KEY) as client:
        found = list(client.webhook_deliveries())
        assert [one.id for one in found] == [MESSAGE] * 3
        assert URL not in repr(found)
    assert wire.requests[1].split()[1] == b"/v2/webhooks/deliveries?limit=100&cursor=c"
    with serving(*pages) as wire, Client(wire.url, KEY) as client:
        assert len(list(client.webhook_deliveries(2))) == 2
        assert len(wire.requests) == 1


def test_a_delivery_is_sent_again(ask: Run) -> None:
    code, out, _ = ask("webhooks", "redeliver", MESSAGE, answers=[http(200, delivery("pending"))])
    assert (code, asked(ask)) == (0, [f"POST /v2/webhooks/deliveries/{MESSAGE}/redeliver"])
    assert out == f"Sending {MESSAGE} again. Check the result with: promptreel webhooks list\n"


def test_an_unknown_delivery_is_reported() -> None:
    with serving(error(404)) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFound):
        client.redeliver("a/../b")
    assert wire.requests[0].split()[1] == b"/v2/webhooks/deliveries/a%2F..%2Fb/redeliver"


def test_only_the_secret_is_printed_and_it_can_be_rotated(ask: Run) -> None:
    answer = http(200, {"secret": "whsec_abc", "version": 1, "previous_until": None})
    assert ask("webhooks", "secret", answers=[answer]) == (0, "whsec_abc\n", "")
    assert asked(ask) == ["GET /v2/webhooks/secret"]
    code, out, err = ask("webhooks", "secret", "--rotate", answers=[answer])
    assert (code, out, asked(ask)) == (0, "whsec_abc\n", ["POST /v2/webhooks/secret/rotate"])
    assert "For a day, webhooks are signed with both secrets" in err
