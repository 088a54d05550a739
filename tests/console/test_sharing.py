"""Test the pages behind short links in a browser. `tests/functions/test_links.py` tests who gets them."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import console
from core.api import link_page
from core.api.link_page import Sources, refusal_page, video_page
from core.api.opening import Opened
from core.generation import Facts
from tests.support.browser import NewTab, Tab
from tests.support.generations import archived
from tests.support.showroom import RATIOS, Api

PATH = "/v/" + "T" * 52
PROMPT = (
    "סירת נייר שטה ברחוב גשום\nand a Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft "
    * 3
)
BOX = "(one) => { const { x, y, width, height } = one.getBoundingClientRect(); return [x, y, width, height]; }"


def share(api: Api, ratio: str = "16:9", prompt: str | None = PROMPT) -> str:
    """Put a video behind a link, and return the link."""
    one = api.add("a kite", ratio=ratio)
    width, height = RATIOS[ratio]
    facts = Facts(width=width, height=height, duration_ms=2000, frames_per_1000_s=12_000, has_sound=False)
    video = archived(one["id"], size=2_400_000, facts=facts)
    url, poster = f"{api.base}/videos/{one['id']}.mp4", f"{api.base}/posters/{one['id']}.jpg"
    opened = Opened(video, "2026-03-08T12:00:30.000Z", prompt)
    api.shared[PATH] = video_page(opened, Sources(url, url, poster, f"{api.base}{PATH}/poster.jpg"))
    return f"{api.base}{PATH}"


def visit(tab: Tab, url: str) -> None:
    tab.page.goto(url)
    expect(tab.page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("width", [360, 768, 1280, 1920, 3840])
def test_the_page_of_a_link_is_accessible_and_fits_in_both_themes(api: Api, tab_of: NewTab, width: int) -> None:
    tab = tab_of(viewport={"width": width, "height": 740 if width < 400 else 900}, bypass_csp=True)
    found: list[str] = []
    for ratio in ("16:9", "9:16", "21:9"):
        visit(tab, share(api, ratio))
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            found += [f"{ratio}, {theme}: {problem}" for problem in tab.axe()]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{ratio} sticks out")
        x, _, wide, high = tab.page.locator("video").evaluate(BOX)
        shape = RATIOS[ratio][0] / RATIOS[ratio][1]
        if abs(wide / high / shape - 1) > 0.02:
            found.append(f"{ratio}: the video has {wide} x {high}")
        if max(wide / (width - 2 * x) if x else 1, high / 500) < 0.95:
            found.append(f"{ratio}: the video is small, {wide} x {high}")
    api.shared[PATH] = refusal_page("This link does not work", "It may have expired, or its owner has ended it.")
    visit(tab, f"{api.base}{PATH}")
    found += tab.axe()
    assert found == []


def test_the_page_of_a_link_plays_the_video_and_runs_nothing(api: Api, tab_of: NewTab) -> None:
    tab = tab_of()
    visit(tab, share(api))
    page = tab.page
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert page.evaluate("self.origin") == "null", "the page has no origin"
    heading = page.get_by_role("heading", level=1)
    assert heading.evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    expect(page.get_by_text("320 \u00d7 180 · 2 s · 12 fps · no sound · 2.4 MB")).to_be_visible()
    expect(page.get_by_text("Anyone with this link can watch the video until 8 March 2026, 12:00 UTC.")).to_be_visible()
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == "rgb(250, 251, 251)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == "rgb(13, 17, 16)"


def test_the_button_of_the_page_saves_the_file(api: Api, tab_of: NewTab) -> None:
    """Without `allow-downloads` the browser would refuse. S3 says by a header that the file is to be saved."""
    tab = tab_of()
    url = share(api)
    name = "attachment; filename=a.mp4"
    tab.page.route("**/videos/*.mp4", lambda route: route.fulfill(body=b"film", headers={"Content-Disposition": name}))
    visit(tab, url)
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == "a.mp4"


def test_the_page_of_a_link_has_the_tokens_of_the_console() -> None:
    sources = (
        Path(console.__file__).parents[1] / "console" / "console.css",
        Path(link_page.__file__).with_suffix(".css"),
    )
    ours, theirs = (_tokens(one.read_text("utf-8")) for one in sources)
    assert len(theirs["light"]) > 10
    for theme, values in theirs.items():
        assert {name: ours[theme].get(name) for name in values} == values


def _tokens(styles: str) -> dict[str, dict[str, Any]]:
    dark = re.search(r"(?:\[data-theme=\"dark\"\]|scheme: dark\) \{\s+:root) \{(.*?)\}", styles, re.DOTALL)
    assert dark
    parts = {"light": styles.partition("\n}\n")[0], "dark": dark[1]}
    return {theme: dict(re.findall(r"(--[\w-]+): ([^;]+);", part)) for theme, part in parts.items()}
