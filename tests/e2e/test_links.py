"""Test short links against the deployed stack, for programs and in a real browser."""

from datetime import timedelta

import pytest
import requests
from playwright.sync_api import Browser

from promptreel import Client
from promptreel.operator.keys import ApiKeys, KeySettings
from tests.support.local_cloud import LocalCloud, eventually, unique


def made(cloud: LocalCloud) -> str:
    prompt = unique("a lighthouse")
    cloud.simulator.script(prompt, seconds=0)
    generation_id = cloud.create(prompt)
    cloud.ended(generation_id)
    return generation_id


def test_a_short_link_leads_to_the_video_until_its_owner_ends_it(cloud: LocalCloud) -> None:
    generation_id = made(cloud)
    with Client(cloud.stack.api_url, cloud.stack.api_key) as client:
        link = client.create_link(generation_id, timedelta(hours=1))
    url = link.url
    assert url.startswith(f"{cloud.stack.api_url}/v/")
    assert url.endswith(f"/{generation_id}.mp4")
    video = requests.get(url, timeout=60)
    assert video.content[4:8] == b"ftyp"
    assert requests.head(url, timeout=60, allow_redirects=True).headers["Content-Length"] == str(len(video.content))
    forged = requests.get(url.replace("/v/", "/v/x"), timeout=60)
    with Client(cloud.stack.api_url, cloud.stack.api_key) as client:
        client.revoke_link(generation_id, link.number)
    revoked = requests.get(url, timeout=60)
    assert (revoked.status_code, revoked.text) == (forged.status_code, forged.text)
    assert revoked.status_code == 404

    keys = ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn)
    key, _ = keys.create("demo", settings=KeySettings(short_links=True))
    with Client(cloud.stack.api_url, key) as client:
        shown = client.get(generation_id)
        assert shown.video
        assert shown.video.url == client.links(generation_id)[0].url
        assert requests.get(shown.video.url, timeout=60).content == video.content
        client.delete(generation_id)
    assert requests.get(shown.video.url, timeout=60).status_code == 404


@pytest.mark.long
@pytest.mark.xdist_group("browser")
def test_the_page_of_a_short_link_plays_and_saves_the_video_without_a_script(
    cloud: LocalCloud, browser: Browser
) -> None:
    with Client(cloud.stack.api_url, cloud.stack.api_key) as client:
        link = client.create_link(made(cloud), timedelta(hours=1))
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    answer = page.goto(link.page_url)
    assert answer
    assert answer.status == 200
    page.wait_for_function("document.querySelector('video').readyState >= 1", timeout=60_000)
    assert page.evaluate("self.origin") == "null", "the page has no origin"
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert saved.value.path().read_bytes()[4:8] == b"ftyp"
    card = page.locator("meta[property='og:image']").get_attribute("content")
    assert card
    assert eventually(lambda: requests.get(card, timeout=60).content[:2] == b"\xff\xd8" or None)
    # The policy also blocks what the test itself evaluates, and the page has no other script.
    assert "<script" not in page.content()
    assert [one for one in complaints if "favicon" not in one and "Blocked script execution" not in one] == []
    context.close()
