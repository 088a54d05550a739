"""Test short links over HTTP: who makes and ends them, what anyone sees who opens one, and what nobody learns."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

import wiring
from core.archive.retention import Retention
from core.generation import NO_FACTS, Facts, Generation, generation_id_for, iso
from core.links.record import MAX_LINKS, Link, Links
from core.publish.views import as_announcement, as_archived_record
from core.records.ledger import Ledger
from routes import opening
from tests.support.functions import PATHS, Caller, Cloud, ask, call
from tests.support.generations import archived, generation

BASE = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HARMLESS = ("sandbox", "default-src", "base-uri", "form-action", "frame-ancestors")  # of every page
NEITHER: list[object] = [None, 1, "true", []]  # neither true nor false
WRONG_LIFETIMES: list[object] = [3599, 0, -1, 10**30, "3600", 3600.5, True, [], {}]


class Time:
    """The time in all functions."""

    now = START

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for module in ("wiring.now", "wiring.ledger.wiring.now", "routes.opening.now"):
        monkeypatch.setattr(module, lambda: time.now)
    return time


@pytest.fixture
def video(cloud: Cloud, time: Time) -> str:
    """Return the id of a generation of ann's that is completed and announced."""
    return complete(cloud, time, "a boat")


def complete(cloud: Cloud, time: Time, key: str, content_type: str = "video/mp4", facts: Facts = NO_FACTS) -> str:
    generation_id = generation_id_for("ann", "api", key)
    video = archived(generation_id, content_type=content_type, facts=facts)
    done = {"status": "completed", "video": video, "ended_at": time.now, "announced_at": time.now}
    cloud.ledger.add(generation(generation_id, created_at=time.now, updated_at=time.now, **done))
    return generation_id


def links_of(generation_id: str) -> str:
    return f"{PATHS[0]}/{generation_id}/links"


def make(caller: Cloud | Caller, generation_id: str, body: object = None, **headers: str) -> dict[str, Any]:
    status, link = call(caller, "POST", links_of(generation_id), body=body, **headers)
    assert status == 200, link
    return link


def listed(cloud: Cloud, generation_id: str) -> list[dict[str, Any]]:
    status, answer = call(cloud, "GET", links_of(generation_id))
    assert status == 200
    found: list[dict[str, Any]] = answer["data"]
    return found


def visit(cloud: Cloud, url: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """Open a link without a key."""
    return ask(cloud, method, urlsplit(url).path, owner=None, headers=headers)


def works(cloud: Cloud, url: str) -> bool:
    answer = visit(cloud, url)
    assert answer["statusCode"] in (302, 404)
    return bool(answer["statusCode"] == 302)


def fetched(caller: Cloud | Caller, generation_id: str) -> str:
    return str(call(caller, "GET", PATHS[0], query=f"generation_id={generation_id}")[1]["video"]["url"])


def test_a_link_redirects_to_the_video_whatever_name_follows(cloud: Cloud, video: str) -> None:
    link = make(cloud, video)
    assert re.fullmatch(rf"{re.escape(BASE)}/v/[A-Za-z0-9_-]{{52}}/{video}\.mp4", link["url"])
    assert link["page_url"] == link["url"].rpartition("/")[0]
    assert len(link["url"]) < 160
    names = (f"{video}.mp4", "boat.mp4", "%", "a b.webm", "é", '"', "\U0001f980", "x" * 500)
    for name in names:
        path = f"{link['page_url']}/{name}"
        answer = ask(cloud, "GET", path.removeprefix(BASE), owner=None, headers={"accept": "*/*"})
        assert answer["statusCode"] == 302, path
        location = urlsplit(answer["headers"]["Location"])
        assert location.path.endswith(f"videos/{video}/video.mp4")
        named = parse_qs(location.query)["response-content-disposition"]
        assert named == [f'inline; filename="{video}.mp4"'], "it has no word of the prompt"
        assert "X-Amz-Expires=3600" in location.query
        headers = {name: answer["headers"][name] for name in ("Cache-Control", "Referrer-Policy", "X-Robots-Tag")}
        assert headers == {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def test_head_redirects_to_a_link_that_is_signed_for_head(cloud: Cloud, video: str) -> None:
    link = make(cloud, video)
    locations = [visit(cloud, link["url"], method)["headers"]["Location"] for method in ("GET", "HEAD")]
    signatures = {url.rpartition("X-Amz-Signature=")[2] for url in locations}
    assert len(signatures) == 2
    page = visit(cloud, link["page_url"], "HEAD", **BROWSER)
    assert (page["statusCode"], page["body"]) == (200, "")


def policy_of(answer: dict[str, Any]) -> dict[str, str]:
    policy = answer["headers"]["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


def words_of(answer: dict[str, Any]) -> list[str]:
    """Return the lines that a reader sees."""
    body = answer["body"].partition("<body>")[2]
    lines = (html.unescape(re.sub("<[^>]*>", "", line)).strip() for line in body.splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("headers", [BROWSER, {"accept": "*/*"}, {}], ids=["browser", "chat", "none"])
def test_the_page_only_plays_the_video(cloud: Cloud, video: str, headers: dict[str, str]) -> None:
    answer = visit(cloud, make(cloud, video)["page_url"], **headers)
    assert answer["statusCode"] == 200
    page = answer["body"]
    sent = {name: answer["headers"][name] for name in ("Content-Type", "Referrer-Policy", "X-Robots-Tag")}
    assert list(sent.values()) == ["text/html; charset=utf-8", "no-referrer", "noindex"]
    [source] = re.findall(r'<video controls playsinline src="([^"]+)"></video>', page)
    policy = policy_of(answer)
    assert policy["sandbox"] == "allow-downloads", "neither scripts nor an origin"
    assert policy["default-src"] == "'none'"
    assert policy["media-src"] == "https://" + urlsplit(source).netloc
    [style] = re.findall("<style>(.*)</style>", page, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy["style-src"]
    assert policy.keys() >= {"base-uri", "form-action", "frame-ancestors"}
    assert not re.search("script|style=| on[a-z]+=", page)
    assert "a boat" not in page, "the prompt"
    assert words_of(answer) == [
        *("Promptreel", "Shared video", "7 B", "Download"),
        "Anyone with this link can watch the video until 8 March 2026, 12:00 UTC.",
    ]


def test_the_page_shows_the_shape_and_the_facts_of_the_video_and_offers_it_as_a_file(cloud: Cloud, time: Time) -> None:
    facts = Facts(width=360, height=640, duration_ms=4000, frames_per_1000_s=23976, has_sound=True)
    known = complete(cloud, time, "known", facts=facts)
    answer = visit(cloud, make(cloud, known, {"expires_in": None})["page_url"], **BROWSER)
    assert words_of(answer)[2:] == [
        *("360 \u00d7 640 · 4 s · 23.98 fps · with sound · 7 B", "Download"),
        "Anyone with this link can watch the video until its owner ends it.",
    ]
    assert "--ratio:360/640" in answer["body"]
    [file] = re.findall(r'<a class="button" href="([^"]+)" download>', answer["body"])
    named = parse_qs(urlsplit(html.unescape(file)).query)["response-content-disposition"]
    assert named == [f'attachment; filename="{known}.mp4"'], "it has no word of the prompt"


def test_a_page_shows_the_poster_until_the_video_plays_and_offers_it_to_chats(cloud: Cloud, time: Time) -> None:
    known = complete(cloud, time, "known", facts=Facts(width=640, height=360))
    link = make(cloud, known)
    answer = visit(cloud, link["page_url"])
    [poster, source] = re.findall(r'<video controls playsinline poster="([^"]+)" src="([^"]+)">', answer["body"])[0]
    assert urlsplit(poster).path.endswith(f"videos/{known}/poster.jpg")
    policy = policy_of(answer)
    assert policy["img-src"] == policy["media-src"] == "https://" + urlsplit(source).netloc
    card = dict(re.findall(r'<meta property="og:([a-z_]+)" content="([^"]*)">', answer["body"]))
    assert card == {
        "site_name": "Promptreel",
        "type": "video.other",
        "title": "Shared video",
        "image": f"{link['page_url']}/poster.jpg",
    }
    for method in ("GET", "HEAD"):
        location = urlsplit(visit(cloud, card["image"], method)["headers"]["Location"])
        assert location.path.endswith(f"videos/{known}/poster.jpg")
    call(cloud, "DELETE", f"{links_of(known)}/{link['number']}")
    assert not works(cloud, card["image"]), "a chat that asks again gets nothing"


def test_a_page_shows_the_prompt_only_if_its_link_does(cloud: Cloud, time: Time) -> None:
    prompt, said = 'A <b>"fox"</b> & a 🦊\n' + "שלום " * 30, generation_id_for("ann", "api", "said")
    done = {"status": "completed", "video": archived(said), "ended_at": time.now, "announced_at": time.now}
    request = {"model": "google/veo3", "prompt": prompt}
    cloud.ledger.add(generation(said, request=request, created_at=time.now, updated_at=time.now, **done))
    silent, telling = make(cloud, said), make(cloud, said, {"show_prompt": True})
    assert [one["shows_prompt"] for one in listed(cloud, said)] == [False, False, True]
    for link, shows in ((silent, False), (telling, True)):
        page = visit(cloud, link["page_url"])["body"]
        assert ("fox" in page) is shows
        assert ("שלום" in page) is shows
    assert f'<h1 dir="auto">{html.escape(prompt)}</h1>' in page
    assert "<b>" not in page
    [title] = re.findall("<title>(.*)</title>", page)
    assert (len(html.unescape(title)), title[-1]) == (90, "…")
    assert f'<meta property="og:title" content="{title}">' in page


def test_the_page_names_the_end_of_the_video_if_that_is_before_the_end_of_the_link(
    cloud: Cloud, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = generation_id_for("ann", "api", "kept")
    done = {"status": "completed", "video": archived(kept), "ended_at": time.now, "announced_at": time.now}
    cloud.ledger.add(generation(kept, created_at=time.now, updated_at=time.now, video_rule="default", **done))
    link = make(cloud, kept)
    monkeypatch.setattr("routes.opening.make_retention", lambda _: Retention.of([": 3 days"]))
    opening._opening.cache_clear()
    assert "until 4 March 2026, 12:00 UTC" in words_of(visit(cloud, link["page_url"]))[-1]
    opening._opening.cache_clear()


def test_a_picture_that_moves_is_shown_as_one(cloud: Cloud, time: Time) -> None:
    answer = visit(cloud, make(cloud, complete(cloud, time, "gif", "image/gif"))["page_url"], **BROWSER)
    assert '<img alt="The video" src="https://' in answer["body"]
    assert "img-src https://" in answer["headers"]["Content-Security-Policy"]


def test_nothing_shows_why_a_link_does_not_work(cloud: Cloud, time: Time, video: str) -> None:
    """The token was changed, the link expired or was revoked, or its generation was deleted or never existed."""
    expiring, revoked = make(cloud, video, {"expires_in": 3600}), make(cloud, video)
    gone = complete(cloud, time, "gone")
    deleted = make(cloud, gone)
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={gone}")[1]["deleted"]
    assert call(cloud, "DELETE", f"{links_of(video)}/{revoked['number']}")[0] == 200
    assert works(cloud, expiring["url"])
    time.forward(hours=1)
    token = expiring["page_url"].rpartition("/")[2]
    forged = [f"{BASE}/v/{text}" for text in ("x", "A" * 52, token[:-1], "B" + token[1:], "%00", "..", '"', "é" * 52)]
    for headers, kind in (({}, "text/plain; charset=utf-8"), (BROWSER, "text/html; charset=utf-8")):
        answers = []
        for url in (*(link["page_url"] for link in (expiring, revoked, deleted)), *forged):
            for path in (url, f"{url}/x.mp4", f"{url}/poster.jpg"):
                answer = ask(cloud, "GET", path.removeprefix(BASE), owner=None, headers=headers)
                answers.append((answer["statusCode"], answer["body"], answer["headers"]))
        assert all(answer == answers[0] for answer in answers)
        assert (answers[0][0], answers[0][2]["Content-Type"], answers[0][2]["X-Robots-Tag"]) == (404, kind, "noindex")
        assert "It may have expired, or its owner has ended it." in answers[0][1]
    assert policy_of(answer).keys() == {*HARMLESS, "style-src"}


def test_an_unknown_token_reads_nothing(cloud: Cloud, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = make(cloud, video)["page_url"].rpartition("/")[2]
    monkeypatch.setattr(Ledger, "get", lambda *_: pytest.fail("it was read"))
    assert not works(cloud, f"{BASE}/v/{'B' + token[1:]}")


def test_a_link_does_not_lead_to_a_later_generation_with_the_same_id(cloud: Cloud, time: Time, video: str) -> None:
    """A year after a deletion, its tombstone expires, and the same idempotency key makes the same id."""
    automatic, made = listed(cloud, video)[0], make(cloud, video, {"expires_in": None})
    cloud.ledger.table._dynamodb.delete_item(TableName="generations", Key={"generation_id": {"S": video}})
    time.forward(days=400)
    assert complete(cloud, time, "a boat") == video
    make(cloud, video)
    assert not works(cloud, automatic["url"])
    assert not works(cloud, made["url"])


@pytest.mark.parametrize(
    ("body", "expires_at"),
    [
        (None, "2026-03-08T12:00:30.000Z"),
        ({}, "2026-03-08T12:00:30.000Z"),
        ({"expires_in": 3600}, "2026-03-01T13:00:30.000Z"),
        ({"expires_in": 3600.0}, "2026-03-01T13:00:30.000Z"),
        ({"expires_in": None}, None),
    ],
)
def test_a_link_lives_from_an_hour_to_for_ever(
    cloud: Cloud, time: Time, video: str, body: object, expires_at: str | None
) -> None:
    link = make(cloud, video, body)
    assert link["expires_at"] == expires_at
    time.forward(minutes=59)
    assert works(cloud, link["url"])
    time.forward(days=3000)
    assert works(cloud, link["url"]) is (expires_at is None)


@pytest.mark.parametrize(
    "body",
    [
        *[{"expires_in": seconds} for seconds in WRONG_LIFETIMES],
        *([], "x", 5, False, {"expires_at": 1}),
        *({"expires_in": None, "show_prompt": value} for value in NEITHER),
    ],
    ids=str,
)
def test_any_other_order_is_rejected(cloud: Cloud, video: str, body: object) -> None:
    status, error = call(cloud, "POST", links_of(video), body=body if isinstance(body, dict) else json.dumps(body))
    assert status == 400
    assert re.search("expires_in|show_prompt", error["message"])
    assert len(listed(cloud, video)) == 1


def test_a_body_that_is_no_text_is_rejected(cloud: Cloud, video: str) -> None:
    for body, encoded in (("%", True), ("//4=", True), ("{", False)):
        answer = ask(cloud, "POST", links_of(video), body=body, isBase64Encoded=encoded)
        assert answer["statusCode"] == 400


def test_links_are_listed_and_revoked_for_good(cloud: Cloud, video: str) -> None:
    first, second = make(cloud, video), make(cloud, video, {"expires_in": None})
    automatic, *made = listed(cloud, video)
    assert automatic["automatic"]
    assert made == [first, second]
    assert (first["automatic"], first["created_at"], first["opens_today"]) == (False, "2026-03-01T12:00:30.000Z", 0)
    for _ in range(2):  # a repeated call does nothing
        path = f"{links_of(video)}/{first['number']}"
        assert call(cloud, "DELETE", path) == (200, {"number": first["number"], "revoked": True})
        assert not works(cloud, first["url"])
        assert works(cloud, second["url"])
    assert call(cloud, "DELETE", f"{links_of(video)}/{second['number']}")[0] == 200
    assert make(cloud, video)["number"] not in (first["number"], second["number"])
    assert not works(cloud, first["url"])
    assert not works(cloud, second["url"])


@pytest.mark.parametrize("number", ["9", "-1", "01", "x", "99999999999", "1.0", "٣", " "])
def test_a_number_without_a_link_is_404(cloud: Cloud, video: str, number: str) -> None:
    make(cloud, video)
    assert call(cloud, "DELETE", f"{links_of(video)}/{number}")[0] == 404
    assert len(listed(cloud, video)) == 2


def test_a_repeated_request_with_the_same_key_returns_the_same_link(cloud: Cloud, video: str) -> None:
    first = make(cloud, video, idempotency_key="k")
    assert make(cloud, video, idempotency_key="k") == first
    assert make(cloud, video, {"expires_in": None}, idempotency_key="k") != first
    assert make(cloud, video, idempotency_key="other") != first
    assert len(listed(cloud, video)) == 4
    assert call(cloud, "POST", links_of(video), idempotency_key=" ")[0] == 400


def test_a_generation_has_a_limited_number_of_links_that_work(cloud: Cloud, time: Time, video: str) -> None:
    for _ in range(MAX_LINKS - 1):
        make(cloud, video, {"expires_in": 3600})
    status, error = call(cloud, "POST", links_of(video))
    assert (status, "Revoke one first" in error["message"]) == (409, True)
    assert call(cloud, "DELETE", f"{links_of(video)}/3")[0] == 200
    make(cloud, video, {"expires_in": 3600})
    assert call(cloud, "POST", links_of(video))[0] == 409
    time.forward(hours=1)
    make(cloud, video)
    assert len(listed(cloud, video)) == 2, "expired ones are not listed"


def test_only_a_finished_video_has_links(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", "/0")):
        status, error = call(cloud, method, links_of(created["id"]) + path)
        assert (status, "has no video" in error["message"]) == (409, True)


def test_another_owner_and_a_key_that_may_only_read_reach_no_link(cloud: Cloud, video: str) -> None:
    link = make(cloud, video)
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", "/1"), ("DELETE", "/0")):
        for generation_id in (video, video[:8]):
            theirs = call(cloud.caller("bob"), method, links_of(generation_id) + path)
            never = call(cloud.caller("bob"), method, links_of("0" * 32) + path)
            assert theirs[0] == never[0] == 404
            assert theirs[1]["message"].replace(generation_id, "ID") == never[1]["message"].replace("0" * 32, "ID")
        assert call(cloud.caller(scope="read"), method, links_of(video) + path)[0] == 401
        assert call(cloud.caller(scope="create"), method, links_of(video[:8]) + path)[0] == 200
    assert works(cloud, link["url"]) is False, "the owner revoked it"


def test_opens_are_limited_in_a_day_and_those_within_a_minute_count_once(cloud: Cloud, time: Time, video: str) -> None:
    """The tests' limit is three."""
    link, other = make(cloud, video), make(cloud, video)
    for minute in range(3):
        for _ in range(5):
            assert works(cloud, link["url"]), minute
        assert listed(cloud, video)[1]["opens_today"] == minute + 1
        time.forward(minutes=1)
    for accepted, kind in (({}, "text/plain"), (BROWSER, "text/html")):
        refused = visit(cloud, link["page_url"], **accepted)
        assert refused["statusCode"] == 429
        assert "too often today" in refused["body"]
        assert refused["headers"]["Content-Type"] == f"{kind}; charset=utf-8"
        assert refused["headers"]["Retry-After"] == str(12 * 3600 - 3 * 60 - 30 + 1)
    assert works(cloud, other["url"]), "each link has its own limit"
    time.forward(hours=12)
    assert works(cloud, link["url"])
    assert listed(cloud, video)[1]["opens_today"] == 1


def test_a_key_with_short_links_gets_the_same_one_every_time(cloud: Cloud, time: Time, video: str) -> None:
    ann = cloud.caller(short_links=True)
    url = fetched(ann, video)
    assert url == fetched(ann, video) == listed(cloud, video)[0]["url"]
    assert re.fullmatch(rf"{re.escape(BASE)}/v/[A-Za-z0-9_-]{{52}}/{video}\.mp4", url)
    _, page = call(ann, "GET", PATHS[0])
    assert [one["video"]["url"] for one in page["data"]] == [url]
    assert "X-Amz-Signature" in fetched(cloud, video), "not for another key"
    time.forward(days=3000)
    assert works(cloud, url)
    answer = ask(cloud, "GET", f"{PATHS[0]}/{video}/content")
    assert "X-Amz-Signature" in answer["headers"]["Location"]


def test_a_revoked_automatic_link_is_replaced(cloud: Cloud, video: str) -> None:
    ann = cloud.caller(short_links=True)
    url = fetched(ann, video)
    call(cloud, "DELETE", f"{links_of(video)}/0")
    assert not works(cloud, url)
    assert works(cloud, fetched(ann, video))
    assert fetched(ann, video) == listed(cloud, video)[0]["url"] != url


def meanwhile(cloud: Cloud, video: str, monkeypatch: pytest.MonkeyPatch, *writes: Callable[[Links], Links]) -> None:
    """Let others change the links between the next reads and their writes, one for each attempt."""
    keep, left = Ledger.keep_links, list(writes)

    def keep_after(ledger: Ledger, of: Generation, links: Links) -> bool:
        if left:
            found = cloud.ledger.get(video)
            assert keep(cloud.ledger, found, left.pop()(found.links or Links()))
        return keep(ledger, of, links)

    monkeypatch.setattr(Ledger, "keep_links", keep_after)


def test_concurrent_changes_of_links_lose_nothing(
    cloud: Cloud, time: Time, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others open, make and revoke links between the read and the write."""
    opened, revoked = make(cloud, video), make(cloud, video)
    now = iso(time.now)
    meanwhile(
        cloud,
        video,
        monkeypatch,
        lambda links: links.changing(replace(links.links[1], opened_at=now[:16], opens=1)),
        lambda links: links.revoking(revoked["number"], now),
        lambda links: links.adding(Link(links.next_number, now), now),
    )
    made = make(cloud, video)
    found = listed(cloud, video)
    assert [link["number"] for link in found] == [0, opened["number"], 3, made["number"]]
    assert found[1]["opens_today"] == 1
    assert all(works(cloud, link["url"]) for link in found)
    assert not works(cloud, revoked["url"])


def test_two_functions_that_make_the_first_link_at_once_make_two(
    cloud: Cloud, time: Time, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iso(time.now)
    meanwhile(cloud, video, monkeypatch, lambda links: links.adding(Link(links.next_number, now), now))
    assert make(cloud, video)["number"] == 2
    assert [link["number"] for link in listed(cloud, video)] == [0, 1, 2]


def test_an_open_does_not_bring_back_a_link_that_is_revoked_meanwhile(
    cloud: Cloud, time: Time, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make(cloud, video)
    meanwhile(cloud, video, monkeypatch, lambda links: links.revoking(link["number"], iso(time.now)))
    assert not works(cloud, link["url"])
    assert not works(cloud, link["url"])


def test_an_open_does_not_bring_back_a_generation_that_is_deleted_meanwhile(
    cloud: Cloud, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, keep = make(cloud, video), Ledger.keep_links

    def keep_after_a_deletion(ledger: Ledger, of: Generation, links: Links) -> bool:
        cloud.ledger.delete(cloud.ledger.get(video))
        return keep(ledger, of, links)

    monkeypatch.setattr(Ledger, "keep_links", keep_after_a_deletion)
    assert not works(cloud, link["url"])
    item = cloud.ledger.table.get(video)
    assert item
    assert not {"links", "video"} & item.keys(), "the tombstone"


def test_a_write_whose_answer_is_lost_makes_one_link(cloud: Cloud, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK repeats it, and the repetition finds the first one."""
    dynamodb: Any = wiring.client("dynamodb")
    update = dynamodb._client.update_item

    def update_twice(**arguments: Any) -> Any:
        update(**arguments)
        return update(**arguments)

    monkeypatch.setattr(dynamodb._client, "update_item", update_twice)
    link = make(cloud, video)
    assert works(cloud, link["url"])
    found = listed(cloud, video)
    assert [(one["number"], one["opens_today"]) for one in found] == [(0, 0), (1, 1)]


@pytest.mark.parametrize("fault", ["a failure", "contention"])
def test_neither_errors_nor_the_log_contain_the_token(
    cloud: Cloud, video: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    link = make(cloud, video)
    url, token = link["url"], link["page_url"].rpartition("/")[2]
    answers = [ask(cloud, "PATCH", urlsplit(url).path, owner=owner) for owner in (None, "ann")]
    answers += [ask(cloud, "GET", f"{urlsplit(url).path}/deeper", owner=owner) for owner in (None, "ann")]
    assert works(cloud, url)
    code = {"a failure": "InternalServerError", "contention": "ThrottlingException"}[fault]

    def fail(*_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetItem")

    monkeypatch.setattr(Ledger, "get", fail)
    answers.append(visit(cloud, url))
    assert [answer["statusCode"] for answer in answers] == [405, 405, 401, 404, 500 if fault == "a failure" else 503]
    assert token not in json.dumps(answers)
    printed = capsys.readouterr()
    assert token not in printed.out + printed.err
    assert printed.out


def test_the_announcement_and_the_archived_record_contain_no_link(cloud: Cloud, video: str) -> None:
    """Both are kept for long by others, and links can be made from neither."""
    make(cloud, video)
    made = cloud.ledger.get(video)
    assert made.links
    for view in (as_announcement(made), as_archived_record(made)):
        assert "links" not in view
