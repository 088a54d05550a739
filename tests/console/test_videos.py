"""Test the list of videos and the page of one video in a real browser."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import NewTab, Tab
from tests.support.showroom import KEY, RATIOS, Api

BOXES = """() => [...document.querySelectorAll(".window .card")].map((card) => {
  const {left, right, top, width, height} = card.querySelector(".thumb").getBoundingClientRect();
  return {left, right, top, width, height, id: card.querySelector("a").hash.split("/").at(-1)};
})"""
# Whether the page handles a click with Ctrl on a link.
IS_TAKEN = """(link) => new Promise((tell) => {
  addEventListener("click", (event) => {
    tell(event.defaultPrevented);
    event.preventDefault();
  }, {once: true});
  link.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, ctrlKey: true}));
})"""
# Draws the page as if the user had turned to another tab.
TURN_AWAY = """(isAway) => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => isAway});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def rows_of(page: Page) -> dict[float, list[dict[str, Any]]]:
    """Return the boxes of the pictures by row."""
    rows: dict[float, list[dict[str, Any]]] = {}
    for box in page.evaluate(BOXES):
        rows.setdefault(round(box["top"]), []).append(box)
    return rows


def wait_for(page: Page, condition: str, argument: Any = None) -> None:
    page.wait_for_function(condition, arg=argument)


# --- the video's own shape -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 1280])
def test_rows_have_one_height_and_videos_keep_their_shape(api: Api, tab_of: NewTab, width: int) -> None:
    ratios = [*RATIOS]
    shapes = {
        api.add(f"kite {number}", ratio=ratios[number % len(ratios)])["id"]: ratios[number % len(ratios)]
        for number in range(20)
    }
    tab = tab_of(viewport={"width": width, "height": 800}).sign_in(KEY)
    expect(tab.page.locator(".card .is-there").first).to_be_visible()
    room = tab.page.evaluate("document.querySelector('.window').getBoundingClientRect()")
    for boxes in [*rows_of(tab.page).values()][:-1]:
        assert max(box["height"] for box in boxes) - min(box["height"] for box in boxes) < 1
        assert boxes[-1]["right"] == pytest.approx(room["right"], abs=1), "the row is full"
        for box in boxes:
            wide, high = map(int, shapes[box["id"]].split(":"))
            assert box["width"] / box["height"] == pytest.approx(
                RATIOS[f"{wide}:{high}"][0] / RATIOS[f"{wide}:{high}"][1], rel=0.03
            )
    assert not [call for call in api.calls if "/videos/" in call[1]]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_boxes_of_videos_that_load_fit_the_page(tab_of: NewTab, width: int) -> None:
    tab = tab_of(viewport={"width": width, "height": 800})
    tab.page.route(re.compile(r"/v2/video/generations\?limit="), lambda _: None)  # the answer never arrives
    tab.sign_in(KEY)
    expect(tab.page.locator(".skeleton .thumb").first).to_be_visible()
    ends = "(boxes) => boxes.map((box) => box.getBoundingClientRect().right)"
    [room] = tab.page.locator(".window").evaluate_all(ends)
    assert max(tab.page.locator(".skeleton .thumb").evaluate_all(ends)) == pytest.approx(room, abs=1)


def test_a_shape_that_nobody_recorded_is_that_of_the_request_or_of_the_file(api: Api, tab: Tab) -> None:
    api.facts = False
    asked = api.add("asked for", ratio="9:16")
    unknown = api.add("unknown", ratio="9:16")
    api.shapes[unknown["id"]] = "9:16"
    del unknown["meta"]["request"]["aspect_ratio"]
    tab.page.reload()
    thumb = tab.page.locator(".card", has_text="asked for").locator(".thumb")
    expect(thumb).to_be_visible()
    for name in ("asked for", "unknown"):
        wait_for(
            tab.page,
            """(name) => [...document.querySelectorAll(".card")].some((card) => {
              const {width, height} = card.querySelector(".thumb").getBoundingClientRect();
              return card.textContent.includes(name) && width < height;
            })""",
            name,
        )
    tab.go(f"video/{unknown['id']}")
    wait_for(tab.page, "() => document.querySelector('.player video')?.videoWidth > 0")
    box = tab.page.locator(".player").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(9 / 16, rel=0.02)
    tab.go(f"video/{asked['id']}")
    tab.page.set_viewport_size({"width": 360, "height": 740})
    wait_for(tab.page, "() => document.querySelector('.player').getBoundingClientRect().width > 280")


def test_a_card_loads_its_video_only_under_the_pointer_or_without_a_poster(api: Api, tab: Tab) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.emulate_media(reduced_motion="no-preference")
    late, soon = api.add("late"), api.add("soon")
    api.hidden_posters.add(late["id"])
    tab.page.reload()
    film = (
        "[...document.querySelectorAll('.card')].find((one) => one.textContent.includes(name))?.querySelector('video')"
    )
    wait_for(tab.page, f"(name) => {film}?.readyState > 1 && {film}.classList.contains('is-there')", "late")
    expect(tab.page.locator(".card", has_text="soon").locator("img.is-there")).to_be_visible()
    assert not [url for url in asked if f"/videos/{soon['id']}" in url]
    tab.page.locator(".card a", has_text="soon").hover()
    wait_for(tab.page, f"(name) => {film}?.currentTime > 0.3", "soon")


def test_failures_of_a_batch_fold_into_one_card(api: Api, tab: Tab) -> None:
    batch = "b" * 32
    for row in range(1, 6):
        api.add(f"banquet {row}", stage="error", batch={"id": batch, "row": row})
    api.add("alone", stage="error")
    tab.page.reload()
    expect(tab.page.locator(".card")).to_have_count(2)
    tab.page.get_by_text("5 failed").click()
    expect(tab.page.locator(".card")).to_have_count(5)
    expect(tab.page).to_have_url(re.compile(f"batch={batch}&status=error|status=error&batch={batch}"))


# --- filters, keys and the selection -------------------------------------------------------------------------


def test_filters_are_in_the_address_and_in_the_history(api: Api, tab: Tab) -> None:
    for prompt in ("a red fox", "a fox, red and small", "a tram"):
        api.add(prompt, tags=["shop"] if "fox" in prompt else [])
    api.add("a banquet", stage="error")
    tab.page.reload()
    cards = tab.page.locator(".card")
    expect(cards).to_have_count(4)
    expect(cards.first).to_contain_text("a banquet")
    tab.page.get_by_label("Order").select_option("Oldest first")
    expect(cards.first).to_contain_text("a red fox")
    tab.page.go_back()
    expect(cards.first).to_contain_text("a banquet")
    tab.page.get_by_label("Status").select_option("completed")
    expect(cards).to_have_count(3)
    tab.page.get_by_role("searchbox", name="Search").press_sequentially("red fox")
    expect(cards).to_have_count(2)
    expect(tab.page.get_by_text("2 videos")).to_be_visible()
    assert "status=completed" in tab.page.url
    assert "text=red+fox" in tab.page.url
    tab.page.go_back()
    expect(cards).to_have_count(3)
    expect(tab.page.get_by_role("searchbox", name="Search")).to_have_value("")
    tab.page.go_back()
    expect(cards).to_have_count(4)
    tab.page.get_by_label("Date").select_option(label="Today")
    expect(cards).to_have_count(0)
    tab.page.get_by_label("Date").select_option(label="From … to …")
    days = [datetime.now() - timedelta(days=ago) for ago in (4, 2)]  # noqa: DTZ005 - the reader's calendar
    for name, day in zip(("From", "To"), days, strict=True):
        tab.page.get_by_label(name, exact=True).fill(f"{day:%Y-%m-%d}")
    expect(cards).to_have_count(4)
    expect(tab.page.get_by_label("To", exact=True)).to_have_value(f"{days[1]:%Y-%m-%d}")
    tab.page.get_by_label("To", exact=True).fill(f"{days[0]:%Y-%m-%d}")
    expect(cards).to_have_count(0)
    suggested = tab.page.locator("datalist option").evaluate_all("(all) => all.map((one) => one.value)")
    assert suggested == ["favourite", "shop"]


def test_keys_do_what_visible_controls_do(api: Api, tab: Tab) -> None:
    ids = [api.add(f"kite {number}")["id"] for number in range(3)]
    tab.page.reload()
    expect(tab.page.locator(".card")).to_have_count(3)
    press, focused = tab.page.keyboard.press, tab.page.locator(":focus")
    press("/")
    expect(focused).to_have_attribute("type", "search")
    press("n")
    expect(focused).to_have_value("n")
    press("Escape")
    expect(focused).to_have_value("")
    focused.blur()
    press("?")
    help_ = tab.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_be_visible()
    press("Escape")
    expect(help_).to_have_count(0)
    tab.page.locator(".card a").nth(1).click()
    expect(tab.page).to_have_url(re.compile(ids[1]))
    expect(tab.page.locator(".player video")).to_be_visible()
    press("ArrowLeft")
    expect(tab.page).to_have_url(re.compile(ids[2]))
    press("ArrowRight")
    expect(tab.page).to_have_url(re.compile(ids[1]))
    tab.page.get_by_role("button", name="Older video").click()
    expect(tab.page).to_have_url(re.compile(ids[0]))
    expect(tab.page).to_have_title("kite 0 \u2013 Promptreel")
    wait_for(tab.page, "() => document.querySelector('.player video').readyState > 2")
    press(" ")
    wait_for(tab.page, "() => !document.querySelector('.player video').paused")
    press(" ")
    wait_for(tab.page, "() => document.querySelector('.player video').paused")
    press("Escape")
    expect(tab.page.locator(".card")).to_have_count(3)
    press("n")
    expect(tab.page).to_have_url(re.compile("#/make"))
    tab.go("")
    press("?")
    help_.get_by_label("Use single keys").uncheck()
    press("Escape")
    press("n")
    press("?")
    expect(help_).to_have_count(0)
    assert "make" not in tab.page.url


def test_a_selection_is_made_as_everywhere_and_drops_nothing(api: Api, tab: Tab) -> None:
    for number in range(6):
        api.add(f"kite {number}")
    api.add("failed", stage="error")
    tab.page.reload()
    boxes = tab.page.get_by_role("checkbox")
    expect(boxes).to_have_count(7)
    bar = tab.page.get_by_role("region", name="Selection")
    boxes.nth(1).check(force=True)
    boxes.nth(5).click(force=True, modifiers=["Shift"])
    expect(bar).to_contain_text("5 selected")
    expect(bar.get_by_role("button", name="Compare (2 to 4)")).to_be_disabled()
    tab.page.locator(".card a").nth(6).click()
    expect(bar).to_contain_text("6 selected")
    tab.page.locator(".card a").nth(0).click()
    expect(bar).to_contain_text("7 selected")
    expect(bar.get_by_role("button", name=re.compile(r"Retry 1\s*·\s*\$0\.40"))).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(bar).to_have_count(0)
    boxes.nth(1).focus()
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("ControlOrMeta+a")
    expect(bar).to_contain_text("7 selected")
    bar.get_by_role("button", name="Clear selection").click()
    for number in (0, 1):
        boxes.nth(number).check(force=True)
    bar.get_by_role("button", name="Delete 2").click()
    expect(boxes).to_have_count(5)
    tab.page.get_by_role("button", name="Undo").click()
    expect(boxes).to_have_count(7)
    wait_for(tab.page, "() => document.activeElement !== document.body")
    assert not [call for call in api.calls if call[0] == "DELETE"]
    boxes.nth(0).check(force=True)
    bar.get_by_role("button", name="Retry 1").click()
    expect(boxes).to_have_count(8)
    for number in (3, 4, 5):
        boxes.nth(number).check(force=True)
    bar.get_by_role("link", name="Compare").click()
    expect(tab.page.locator(".player video")).to_have_count(3)


def test_a_retry_that_is_interrupted_pays_for_nothing_twice(api: Api, tab: Tab) -> None:
    for number in range(2):
        api.add(f"banquet {number}", stage="error")
    tab.page.reload()
    boxes, bar = tab.page.get_by_role("checkbox"), tab.page.get_by_role("region", name="Selection")
    for number in range(2):
        boxes.nth(number).check(force=True)
    sent: list[str] = []

    def lose_the_second_answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        sent.append(route.request.headers["idempotency-key"])
        return route.abort() if len(sent) == 2 else route.continue_()

    tab.page.route(re.compile("/v2/video/generations"), lose_the_second_answer)
    bar.get_by_role("button", name="Retry 2").click()
    expect(bar).to_contain_text("1 selected")
    bar.get_by_role("button", name="Retry 1").click()
    expect(bar).to_have_count(0)
    assert len(sent) == 3
    assert sent[1] == sent[2] != sent[0], "the lost one is sent again with its key"
    assert len(api.generations) == 4


def test_downloads_are_named_by_row_words_and_a_short_id(api: Api, tab: Tab) -> None:
    one = api.add("A red fox, crossing/fresh snow… while the whole village is asleep", batch={"id": "b" * 32, "row": 7})
    tab.go(f"video/{one['id']}")
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == f"00007-A-red-fox-crossing-fresh-snow-while-{one['id'][:8]}.mp4"


# --- tabs ----------------------------------------------------------------------------------------------------


def test_new_tabs_get_the_key_from_the_other_tabs_and_nothing_stores_it(api: Api, tab: Tab, tab_of: NewTab) -> None:
    api.add("a kite")
    second = tab.page.context.new_page()
    second.goto(f"{api.base}/")
    expect(second.locator(".card")).to_have_count(1)
    assert KEY not in str(second.evaluate("Object.values(localStorage)"))
    assert KEY not in second.url
    link = second.locator(".card a")
    assert not link.evaluate(IS_TAKEN), "Ctrl+click is left to the browser"
    opened = tab.page.context.new_page()  # on a busy machine, Chromium does not always open a tab for Ctrl+click
    opened.goto(str(link.evaluate("(link) => link.href")))
    expect(opened.get_by_role("heading", level=1)).to_contain_text("a kite")
    opened.close()
    stranger = tab_of()
    stranger.page.goto(f"{api.base}/")
    expect(stranger.page.get_by_label("API key")).to_be_visible()
    second.evaluate("location.hash = '#/account'")
    second.get_by_role("button", name="Sign out").click()
    expect(second.get_by_label("API key")).to_be_visible()
    expect(tab.page.get_by_label("API key")).to_be_visible()
    second.reload()
    expect(second.get_by_label("API key")).to_be_visible()


def test_the_title_counts_what_ended_while_the_page_was_hidden(api: Api, tab: Tab) -> None:
    running = api.add("a snail", stage="generating")
    tab.page.context.grant_permissions(["notifications"])
    tab.go("account")
    tab.page.get_by_label("Notify me when a video finishes").check()
    tab.page.add_init_script("""
      window.said = [];
      window.Notification = class {
        static permission = "granted";
        constructor(title, {body}) { said.push([title, body]); }
      };
    """)
    tab.go("")
    tab.page.clock.install()
    tab.page.reload()
    expect(tab.page.locator(".card .stage.generating")).to_be_visible()
    tab.page.evaluate(TURN_AWAY, True)
    calls = len(api.calls)
    tab.page.clock.fast_forward(50_000)
    assert len(api.calls) <= calls + 1, "hidden tabs ask once a minute"
    running["status"] = running["meta"]["stage"] = "error"
    running["error"] = {"name": "RequestRefused", "message": "No.", "remedy": None}
    tab.page.clock.fast_forward(70_000)
    expect(tab.page).to_have_title("(1) Videos \u2013 Promptreel")
    assert tab.page.evaluate("said") == [["Video failed", "a snail"]]
    tab.page.evaluate(TURN_AWAY, False)
    expect(tab.page).to_have_title("Videos \u2013 Promptreel")


def test_a_theme_is_kept_and_there_before_the_page(tab_of: NewTab) -> None:
    tab = tab_of(color_scheme="light")
    tab.page.context.add_init_script("""
      new MutationObserver(() => { if (document.body) window.first ??= document.documentElement.dataset.theme; })
        .observe(document, {childList: true, subtree: true});""")
    tab.sign_in(KEY)
    root = tab.page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    for name, theme in (("like the system", "light"), ("light", "dark")):
        tab.page.get_by_role("button", name=f"Theme: {name}").click()
        expect(root).to_have_attribute("data-theme", theme)
    tab.page.reload()
    expect(tab.page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert tab.page.evaluate("window.first") == "dark"
    tab.page.get_by_role("button", name="Theme: dark").click()
    tab.page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")


# --- one video -----------------------------------------------------------------------------------------------


def test_a_video_is_shared_by_a_link_that_can_be_revoked(api: Api, tab: Tab) -> None:
    one = api.add("a kite")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.go(f"video/{one['id']}")
    tab.page.get_by_role("button", name="Share").click()
    dialog = tab.page.get_by_role("dialog", name="Share")
    dialog.get_by_label("Expires").select_option("in 1 day")
    dialog.get_by_label("Show the prompt").check()
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_text("with the prompt · opened 0 times today")).to_be_visible()
    [link] = api.links[one["id"]]
    assert tab.page.evaluate("navigator.clipboard.readText()") == link["page_url"]
    assert {"expires_in": 86400, "show_prompt": True} in api.bodies
    assert tab.axe() == []
    dialog.get_by_role("button", name="Revoke link").click()
    expect(dialog.get_by_text("No links yet.")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("button", name="Share")).to_be_focused()


def test_a_chain_shows_what_a_video_was_made_from_and_what_uses_it(api: Api, tab: Tab) -> None:
    first = api.add("the beginning")
    second = api.add("the middle", request={"video_url": f"generation:{first['id']}"})
    third = api.add("the end", request={"video_url": f"generation:{second['id']}"})
    tab.go(f"video/{second['id']}")
    extend = tab.page.get_by_role("link", name="Extend")
    expect(extend).to_have_attribute("href", re.compile("google%2Fveo3-1-fast-extend-video"))
    parts = tab.page.locator(".parts li")
    expect(parts).to_have_text(
        [
            re.compile("Made from\\s*the beginning"),
            re.compile("This video\\s*the middle"),
            re.compile("Used by\\s*the end"),
        ]
    )
    parts.last.locator("a").click()
    expect(tab.page).to_have_url(re.compile(third["id"]))
    expect(parts).to_have_count(3)


def test_two_videos_are_compared_frame_by_frame_with_a_wipe_and_sound(api: Api, tab: Tab) -> None:
    ids = [api.add(f"kite {number}", ratio="9:16")["id"] for number in range(3)]  # the first one has sound
    tab.go(f"compare/{ids[0]},{ids[1]}")
    films = "[...document.querySelectorAll('.player video')]"
    wait_for(tab.page, f"() => {films}.length === 2 && {films}.every((one) => one.readyState > 2)")
    tab.page.get_by_role("button", name="Next frame").click()
    tab.page.keyboard.press("ArrowRight")
    wait_for(tab.page, f"() => {films}.every((one) => Math.abs(one.currentTime - 2 / 24 - 0.05) < 0.06)")
    tab.page.get_by_label("Sound").select_option(label="Video 1")
    wait_for(tab.page, f"() => {films}.map((one) => one.muted).join() === 'false,true'")
    tab.page.get_by_role("button", name="Wipe between").click()
    tab.page.get_by_role("slider", name="Position of the wipe").fill("25")
    assert "25%" in tab.page.locator(".player").last.evaluate("(one) => getComputedStyle(one).clipPath")
    for size in ((768, 1024), (1920, 1080)):
        tab.page.set_viewport_size({"width": size[0], "height": size[1]})
        wait_for(
            tab.page,
            "(high) => document.querySelector('.player').getBoundingClientRect().height > high * 0.6",
            size[1] * 0.9,
        )
        expect(tab.page.get_by_role("button", name="Play")).to_be_in_viewport()


def test_a_page_that_cannot_be_loaded_says_so_and_is_loaded_again(api: Api, tab_of: NewTab) -> None:
    tab = tab_of()
    tab.page.route(re.compile("/console/more-"), lambda route: route.abort())
    tab.sign_in(KEY)
    tab.go("usage")
    expect(tab.page.get_by_role("alert")).to_contain_text("could not be loaded")
    tab.page.unroute_all()
    tab.page.get_by_role("button", name="Reload").click()
    expect(tab.page.get_by_role("heading", name="Usage")).to_be_visible()
    assert api.calls
