"""Test short links in the client and on the command line: made, listed and revoked."""

import asyncio
import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from promptreel import AsyncClient, Client, Generation, Link
from promptreel._links import Links
from promptreel.errors import ApiError, NotFound
from tests.support.api_answers import ID, KEY, error, generation
from tests.support.wire import http, serving

Run = Callable[..., tuple[int, str, str]]
PAGE = f"https://api.example/v/{'T' * 52}"
URL = f"{PAGE}/{ID}.mp4"
PATH = f"/v2/video/generations/{ID}/links"


def link(**fields: Any) -> dict[str, Any]:
    return {
        "number": 1,
        "url": URL,
        "page_url": PAGE,
        "automatic": False,
        "created_at": "2026-01-01T12:00:00.000Z",
        "expires_at": "2026-01-08T12:00:00.000Z",
        "shows_prompt": False,
        "opens_today": 3,
        **fields,
    }


def made(**fields: Any) -> bytes:
    return http(200, link(**fields))


def listed(*found: dict[str, Any]) -> bytes:
    return http(200, {"data": list(found)})


def sent(ask: Callable[..., object]) -> list[tuple[str, Any]]:
    """Return the method and path of each request, and its JSON body."""
    requests: list[bytes] = ask.sent  # type: ignore[attr-defined]  # see the fixture
    parts = [request.partition(b"\r\n\r\n") for request in requests]
    return [(b" ".join(head.split()[:2]).decode(), json.loads(body) if body else None) for head, _, body in parts]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [((), 7 * 86_400), (("--for", "1h"), 3600), (("--for", "8w"), 8 * 7 * 86_400), (("--forever",), None)],
)
def test_a_link_is_made_and_only_it_is_printed_on_stdout(ask: Run, options: tuple[str, ...], seconds: int) -> None:
    code, out, err = ask("link", ID, *options, answers=[made()])
    assert (code, out) == (0, f"{URL}\n")
    assert "It expires at 2026-01-08 12:00 UTC." in err
    assert f"A page that plays it: {PAGE}" in err
    assert sent(ask) == [(f"POST {PATH}", {"expires_in": seconds})]


def test_a_link_shows_the_prompt_only_if_told(ask: Run) -> None:
    assert ask("link", ID, "--show-prompt", answers=[made(shows_prompt=True)])[0] == 0
    assert sent(ask) == [(f"POST {PATH}", {"expires_in": 7 * 86_400, "show_prompt": True})]
    assert Link.from_json(link(shows_prompt=True)).shows_prompt


def test_a_link_that_does_not_expire_is_called_so(ask: Run) -> None:
    assert "It does not expire." in ask("link", ID, "--forever", answers=[made(expires_at=None)])[2]


@pytest.mark.parametrize("lifetime", ["59m", "0h", "3651d", "522w", "soon", "-1d", ""])
def test_another_lifetime_is_rejected_before_a_call(ask: Run, lifetime: str) -> None:
    code, _, err = ask("link", ID, "--for", lifetime, answers=[made()])
    assert (code, sent(ask)) == (2, [])
    assert "--forever" in err


def test_links_are_listed(ask: Run) -> None:
    found = [link(number=0, automatic=True, expires_at=None, opens_today=0), link()]
    code, out, _ = ask("link", ID, "--list", answers=[listed(*found)])
    assert code == 0
    assert out == f"0\tautomatic\tnever\t0\t{URL}\n1\t\t2026-01-08 12:00\t3\t{URL}\n"
    assert sent(ask) == [(f"GET {PATH}", None)]
    assert json.loads(ask("link", ID, "--list", "--json", answers=[listed(*found)])[1]) == found
    assert json.loads(ask("link", ID, "--json", answers=[made()])[1]) == link()


def test_a_link_is_revoked(ask: Run) -> None:
    answer = http(200, {"number": 1, "revoked": True})
    assert ask("link", ID, "--revoke", "1", answers=[answer]) == (0, "Revoked link 1.\n", "")
    assert sent(ask) == [(f"DELETE {PATH}/1", None)]
    assert json.loads(ask("link", ID, "--revoke", "1", "--json", answers=[answer])[1]) == {"number": 1, "revoked": True}
    code, _, err = ask("link", ID, "--revoke", "9", answers=[error(404, "This generation has no link.")])
    assert (code, "no link" in err) == (1, True)
    assert ask("link", ID, "--revoke", "1", "--list", answers=[answer])[0] == 2


def test_a_retry_makes_no_second_link() -> None:
    with serving(error(503), made(), made()) as wire, Client(wire.url, KEY) as client:
        client.create_link(ID)
        client.create_link(ID)
    first, again, other = wire.header("Idempotency-Key")
    assert first == again != other


def test_the_client_returns_links_and_hides_them_in_its_texts() -> None:
    shown = Generation.from_json(generation("completed"))
    with serving(made(), listed(link()), http(200, {})) as wire, Client(wire.url, KEY) as client:
        one = client.create_link(shown, timedelta(hours=2))
        assert client.links(shown) == (one,)
        client.revoke_link(shown, 1)
    assert (one.number, one.url, one.page_url, one.opens_today) == (1, URL, PAGE, 3)
    assert one.expires_at == datetime(2026, 1, 8, 12, tzinfo=UTC)
    assert "T" * 52 not in repr(one)
    paths = [b" ".join(request.split()[:2]).decode() for request in wire.requests]
    assert paths == [f"POST {PATH}", f"GET {PATH}", f"DELETE {PATH}/1"]


def test_an_id_cannot_lead_to_another_path() -> None:
    with serving(error(404)) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFound):
        client.links("a/../b")
    assert b"a%2F..%2Fb/links" in wire.requests[0].split()[1]


def test_the_asynchronous_client_does_the_same() -> None:
    async def use(url: str) -> tuple[Link, ...]:
        async with AsyncClient(url, KEY) as client:
            await client.create_link(ID, None)
            with pytest.raises(ApiError):
                await client.revoke_link(ID, 9)
            return await client.links(ID)

    with serving(made(), error(404), listed(link())) as wire:
        assert asyncio.run(use(wire.url)) == (Link.from_json(link()),)
    for name in ("create_link", "links", "revoke_link"):
        ours, theirs = inspect.signature(vars(AsyncClient)[name]), inspect.signature(vars(Links)[name])
        assert list(ours.parameters) == list(theirs.parameters)
