"""Test tokens and the record of short links: what is made, read, counted and never used again."""

import base64
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.generation import iso
from core.links.record import DAY, Link, Links
from core.links.token import Named, Tokens
from core.webhooks.secret import secret_of
from tests.support.generations import START

MASTER = "m" * 64
TOKENS = Tokens(lambda: MASTER)
NAMED = Named.of("0123456789abcdef" * 2, START, 1)
NOW = iso(START)
names = st.builds(
    Named,
    generation_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    second=st.integers(0, 2**32 - 1),
    number=st.integers(0, 2**16 - 1),
)


@given(names)
def test_a_token_names_what_it_was_made_for_and_fits_into_an_address(named: Named) -> None:
    token = TOKENS.make(named)
    assert TOKENS.read(token) == named
    assert (len(token), token) == (52, TOKENS.make(named)), "short, and the same at every call"


@given(names, st.integers(0, 39 * 8 - 1))
def test_a_token_with_any_other_bit_is_unknown(named: Named, bit: int) -> None:
    raw = int.from_bytes(base64.urlsafe_b64decode(TOKENS.make(named)), "big") ^ 1 << bit
    assert TOKENS.read(base64.urlsafe_b64encode(raw.to_bytes(39, "big")).decode()) is None


@given(st.text(max_size=60))
def test_any_other_text_is_unknown(text: str) -> None:
    assert TOKENS.read(text) is None


def test_a_token_has_one_spelling() -> None:
    token = TOKENS.make(NAMED)
    for other in (f"{token}=", f"{token}\n", f" {token}", token[:-1], token.replace("A", "\u0410"), "A" * 52):
        assert other == token or TOKENS.read(other) is None


def test_a_token_of_another_deployment_is_unknown() -> None:
    assert Tokens(lambda: "n" * 64).read(TOKENS.make(NAMED)) is None


def test_the_secret_of_an_owner_of_webhooks_signs_no_link() -> None:
    """Owners see their secrets, which derive from the same master."""
    for owner in ("", "links", "ann"):
        secret = secret_of(MASTER, owner, 0).removeprefix("whsec_")
        for master in (secret, base64.b64decode(secret).decode("latin-1")):
            assert TOKENS.read(Tokens(partial(str, master)).make(NAMED)) is None


def test_opens_within_a_minute_count_once_and_each_day_starts_again() -> None:
    link = Link(1)
    seconds = (0, 30, 59, 60, 119, 86_400)
    counts = []
    for second in seconds:
        now = iso(START + timedelta(seconds=second))
        link = link.opened(now) or link
        counts.append(link.opens_on(now))
    assert counts == [1, 1, 1, 2, 2, 1]
    assert link.opened(NOW) is None, "by a function whose clock is slow"
    assert link.opens_on("2026-01-03"[:DAY]) == 0


def test_a_number_is_never_used_again() -> None:
    links = Links()
    for number in range(1, 6):
        links = links.adding(Link(links.next_number), NOW)
        assert links.find(number, NOW)
        links = links.revoking(number, NOW)
        assert links.find(number, NOW) is None
    assert (links.next_number, [link.number for link in links.links]) == (6, [0])


def test_revoking_the_automatic_link_makes_a_new_one() -> None:
    links = Links().adding(Link(1), NOW).revoking(0, NOW)
    assert (links.automatic, links.next_number, [link.number for link in links.links]) == (2, 3, [1, 2])
    assert links.revoking(2, NOW).automatic == 3


def test_a_link_works_until_it_expires_and_then_makes_room() -> None:
    end = iso(START + timedelta(hours=1))
    links = Links().adding(Link(1, expires_at=end), NOW)
    assert links.find(1, iso(START + timedelta(minutes=59)))
    assert links.find(1, end) is None
    assert [link.number for link in links.adding(Link(2), end).links] == [0, 2]


def test_every_change_has_another_version() -> None:
    first = Links().adding(Link(1), NOW)
    changed = [first, first.changing(Link(1, opens=1)), first.revoking(1, NOW), first.revoking(0, NOW)]
    assert all(one.version > Links().version for one in changed)
    assert all(one.version > first.version for one in changed[1:])


@pytest.mark.parametrize("links", [Links(), Links().adding(Link(1, NOW, NOW, "r", NOW, 3), "").revoking(0, NOW)])
def test_links_are_recorded_and_read(links: Links) -> None:
    assert Links.of(links.as_dict()) == links
